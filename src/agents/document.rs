//! What the API's document says of requests about agents. The rules that they must follow are where they are read.
#![expect(dead_code, reason = "requests are read field by field")]

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::openapi::examples;
use crate::llm::{ProviderName, ReasoningEffort};

/// Which agent is meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AgentId {
    /// The id of an agent of the caller's.
    #[param(example = json!(examples::AGENT))]
    id: Uuid,
}

/// Which version of a prompt is meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct PromptNumber {
    /// The number of a version, from 1.
    #[param(minimum = 1, example = 1)]
    number: i32,
}

/// What is said about an agent, old or new. What is not said stays as it is, or as it is by default.
#[derive(ToSchema)]
#[schema(example = json!({
    "name": "Ada",
    "description": "Answers in verse.",
    "llm_provider": "openai",
    "model": "gpt-4",
    "temperature": 0.9,
    "max_tokens": 500,
    "system_prompt": "You are Ada. Answer {{user_name}} in verse.",
    "stop": ["\n\n\n"],
    "fallback_model": "gpt-3.5-turbo",
}))]
pub struct AgentFields {
    /// Unique among one's agents. `Bruno` by default.
    #[schema(required = false, max_length = 100, pattern = r"\S")]
    name: String,
    #[schema(required = false)]
    description: String,
    #[schema(required = false)]
    llm_provider: ProviderName,
    /// The provider's name for the model.
    #[schema(required = false, max_length = 100, pattern = r"\S")]
    model: String,
    /// Randomness of the choice of words, 0.7 by default.
    #[schema(required = false, minimum = 0, maximum = 2)]
    temperature: f64,
    /// Longest answer, in tokens of the model, 2000 by default.
    #[schema(required = false, minimum = 1, maximum = 2147483647)]
    max_tokens: i32,
    /// How many tokens the model can take in; null leaves that to what is known of the model.
    #[schema(minimum = 256, maximum = 16777216)]
    context_window: Option<i32>,
    /// May name variables, such as `{{user_name}}` and `{{date}}`.
    #[schema(required = false, pattern = r"\S")]
    system_prompt: String,
    /// Whether it is the one to begin with. No other one is then.
    #[schema(required = false)]
    is_default: bool,
    /// Whether it answers, as it does by default.
    #[schema(required = false)]
    is_active: bool,
    /// From which share of the likeliest words to choose.
    #[schema(exclusive_minimum = 0, maximum = 1)]
    top_p: Option<f64>,
    /// Texts at which the answer ends, each of up to 200 characters. One alone need not be a list.
    #[schema(max_items = 4)]
    stop: Option<Vec<String>>,
    /// Makes choices repeatable, as far as the provider can.
    #[schema(minimum = -9007199254740991i64, maximum = 9007199254740991i64)]
    seed: Option<i64>,
    /// Ollama knows neither `minimal` nor `xhigh`.
    reasoning_effort: Option<ReasoningEffort>,
    response_format: Option<ResponseFormat>,
    /// Another agent of one's own that answers when the model does not. Not beside `fallback_model`.
    fallback_agent: Option<Uuid>,
    /// The model of the same provider that answers when the agent's does not.
    #[schema(max_length = 100, pattern = r"\S")]
    fallback_model: Option<String>,
    /// The model of the same provider that finds titles for conversations; null if none does.
    #[schema(max_length = 100, pattern = r"\S")]
    title_model: Option<String>,
}

/// A question to try an agent with.
#[derive(ToSchema)]
#[schema(example = json!({ "content": "Hello", "system_prompt": "You are {{agent_name}}, a pirate." }))]
pub struct Trial {
    /// Not blank.
    #[schema(min_length = 1)]
    content: String,
    /// Tried in the place of the agent's own.
    #[schema(required = false, pattern = r"\S")]
    system_prompt: String,
    /// Whether to answer with an event stream. If it is not given, the `Accept` header decides.
    #[schema(required = false)]
    stream: bool,
}

/// What an answer's text must be.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum ResponseFormat {
    /// Anything, or a JSON object.
    Word(FormatName),
    /// JSON of a schema.
    Schema(SchemaFormat),
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormatName {
    Text,
    JsonObject,
}

#[derive(ToSchema)]
pub struct SchemaFormat {
    #[schema(pattern = "^json_schema$")]
    r#type: String,
    json_schema: NamedSchema,
}

/// A JSON schema, as OpenAI takes it. Up to 64 KiB.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedSchema {
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    name: String,
    schema: BTreeMap<String, Value>,
    #[schema(required = false)]
    description: String,
    #[schema(required = false)]
    strict: bool,
}
