//! What an agent is, which values its fields take, and how the API shows it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::document;
use super::name;
use super::parameters::ParameterChanges;
use crate::clock;
use crate::config::AgentDefaults;
use crate::db::{FromRow, Row};
use crate::error::{Error, Result};
use crate::http::fields::{Boolean, Choice, Float, Form, Integer, Reference, Text};
use crate::http::openapi::examples;
use crate::llm::{Parameters, ProviderName, ReasoningEffort, ResponseFormat};

/// The name of an agent that was given none, and of the one that is made when a default is asked for.
const DEFAULT_NAME: &str = "Bruno";

const DEFAULT_TEMPERATURE: f64 = 0.7;
const DEFAULT_MAX_TOKENS: i32 = 2000;
const DEFAULT_SYSTEM_PROMPT: &str = "You are Bruno, a helpful AI assistant.";

/// The rule for the field `system_prompt`.
pub const SYSTEM_PROMPT: Text = Text::new(usize::MAX);

const OWN_FALLBACK: &str = "An agent cannot be its own fallback.";
const TWO_FALLBACKS: &str = "Set fallback_agent or fallback_model, not both.";

/// An agent.
#[derive(Clone, Debug)]
pub struct Agent {
    pub id: Uuid,
    /// Unique among its owner's agents.
    pub name: String,
    pub description: String,
    /// A [`ProviderName`], or a word that an older version let in.
    pub llm_provider: String,
    pub model: String,
    pub temperature: f64,
    pub max_tokens: i32,
    /// How many tokens the model can take in; `None` if that is left to what is known of the model.
    pub context_window: Option<i32>,
    pub system_prompt: String,
    /// At most one of its owner's agents is the default.
    pub is_default: bool,
    pub is_active: bool,
    /// The model, of the same provider, that finds titles for its conversations; `None` if none does.
    pub title_model: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// What else the model is told.
    pub parameters: Parameters,
    /// Who answers when the agent's model does not. At most one of this and `fallback_model` is set.
    pub fallback_agent: Option<Uuid>,
    /// The model of the same provider that answers when the agent's does not.
    pub fallback_model: Option<String>,
}

impl Agent {
    /// Refuses what is good by itself and does not go together.
    ///
    /// # Errors
    /// The faulty field: a parameter that the provider does not take, two fallbacks, or the agent as its own.
    pub fn check(&self) -> Result<()> {
        if let Ok(provider) = self.llm_provider.parse() {
            self.parameters
                .check(provider)
                .map_err(|unsupported| Error::field(unsupported.field, unsupported.message))?;
        }
        if self.fallback_agent == Some(self.id) {
            return Err(Error::field("fallback_agent", OWN_FALLBACK));
        }
        match &self.fallback_model {
            Some(_) if self.fallback_agent.is_some() => {
                Err(Error::field("fallback_model", TWO_FALLBACKS))
            }
            Some(fallback) if *fallback == self.model => {
                Err(Error::field("fallback_model", OWN_FALLBACK))
            }
            _ => Ok(()),
        }
    }
}

impl FromRow for Agent {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            name: row.get("name")?,
            description: row.get("description")?,
            llm_provider: row.get("llm_provider")?,
            model: row.get("model")?,
            temperature: row.get("temperature")?,
            max_tokens: row.get("max_tokens")?,
            context_window: row.get("context_window")?,
            system_prompt: row.get("system_prompt")?,
            is_default: row.get("is_default")?,
            is_active: row.get("is_active")?,
            title_model: row.get("title_model")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
            parameters: serde_json::from_str(row.get("parameters")?)
                .map_err(|error| sqlx::Error::Decode(error.into()))?,
            fallback_agent: row.get("fallback_agent_id")?,
            fallback_model: row.get("fallback_model")?,
        })
    }
}

/// What an agent keeps that comes from elsewhere, such as a file.
pub struct Origin {
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// An agent to be made.
pub struct NewAgent {
    /// `None` if it is made now.
    pub origin: Option<Origin>,
    pub name: String,
    pub description: String,
    pub llm_provider: ProviderName,
    pub model: String,
    pub temperature: f64,
    pub max_tokens: i32,
    pub context_window: Option<i32>,
    pub system_prompt: String,
    pub is_default: bool,
    pub is_active: bool,
    pub parameters: Parameters,
    pub fallback_agent: Option<Uuid>,
    pub fallback_model: Option<String>,
    pub title_model: Option<String>,
}

impl NewAgent {
    /// The agent that is made when nothing is said about it.
    pub fn with_defaults(defaults: &AgentDefaults) -> Self {
        AgentChanges::default().into_new(defaults)
    }
}

/// What is said about an agent, old or new; `None` leaves a field as it is, or as it is by default.
#[derive(Default)]
pub struct AgentChanges {
    pub name: Option<String>,
    pub description: Option<String>,
    pub llm_provider: Option<ProviderName>,
    pub model: Option<String>,
    pub temperature: Option<f64>,
    pub max_tokens: Option<i32>,
    pub context_window: Option<Option<i32>>,
    pub system_prompt: Option<String>,
    pub is_default: Option<bool>,
    pub is_active: Option<bool>,
    pub parameters: ParameterChanges,
    pub fallback_agent: Option<Option<Uuid>>,
    pub fallback_model: Option<Option<String>>,
    pub title_model: Option<Option<String>>,
}

impl AgentChanges {
    /// Reads the fields of a body. None is required, not even by PUT.
    ///
    /// # Errors
    /// All faulty fields.
    pub fn read(fields: Map<String, Value>) -> Result<Self> {
        const MAY_BE_BLANK: Text = Text {
            may_be_blank: true,
            ..Text::new(usize::MAX)
        };
        const TEMPERATURE: Float = Float { min: 0.0, max: 2.0 };
        const MAX_TOKENS: Integer = Integer {
            min: 1,
            max: i32::MAX as i64,
        };
        const CONTEXT_WINDOW: Integer = Integer {
            min: 256,
            max: 16 * 1024 * 1024,
        };

        let mut form = Form::new(fields);
        let changes = Self {
            name: form.optional("name", &Text::new(name::LONGEST)),
            description: form.optional("description", &MAY_BE_BLANK),
            llm_provider: form.optional("llm_provider", &Choice(|word| word.parse().ok())),
            model: form.optional("model", &Text::new(100)),
            temperature: form.optional("temperature", &TEMPERATURE),
            max_tokens: form
                .optional("max_tokens", &MAX_TOKENS)
                .and_then(|number| i32::try_from(number).ok()),
            context_window: form
                .nullable("context_window", &CONTEXT_WINDOW)
                .map(|number| number.and_then(|number| i32::try_from(number).ok())),
            system_prompt: form.optional("system_prompt", &SYSTEM_PROMPT),
            is_default: form.optional("is_default", &Boolean),
            is_active: form.optional("is_active", &Boolean),
            parameters: ParameterChanges::read(&mut form),
            fallback_agent: form.nullable("fallback_agent", &Reference),
            fallback_model: form.nullable("fallback_model", &Text::new(100)),
            title_model: form.nullable("title_model", &Text::new(100)),
        };
        form.finish()?;
        Ok(changes)
    }

    /// A new agent of which only this is said.
    pub fn into_new(self, defaults: &AgentDefaults) -> NewAgent {
        NewAgent {
            origin: None,
            name: self.name.unwrap_or_else(|| DEFAULT_NAME.to_owned()),
            description: self.description.unwrap_or_default(),
            llm_provider: self.llm_provider.unwrap_or(defaults.provider),
            model: self.model.unwrap_or_else(|| defaults.model.clone()),
            temperature: self.temperature.unwrap_or(DEFAULT_TEMPERATURE),
            max_tokens: self.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS),
            context_window: self.context_window.flatten(),
            system_prompt: self
                .system_prompt
                .unwrap_or_else(|| DEFAULT_SYSTEM_PROMPT.to_owned()),
            is_default: self.is_default.unwrap_or(false),
            is_active: self.is_active.unwrap_or(true),
            parameters: self.parameters.onto(Parameters::default()),
            fallback_agent: self.fallback_agent.flatten(),
            fallback_model: self.fallback_model.flatten(),
            title_model: self.title_model.flatten(),
        }
    }
}

/// An agent as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Agent)]
pub struct AgentBody {
    #[schema(example = json!(examples::AGENT))]
    id: Uuid,
    /// Unique among one's agents.
    #[schema(example = "Bruno")]
    name: String,
    #[schema(example = "Answers in verse.")]
    description: String,
    /// `openai` or `ollama`; of agents that an older version made, perhaps another word.
    #[schema(example = "openai")]
    llm_provider: String,
    #[schema(example = "gpt-4")]
    model: String,
    #[schema(example = 0.7)]
    temperature: f64,
    #[schema(example = 2000)]
    max_tokens: i32,
    /// Null if that is left to what is known of the model.
    #[schema(example = json!(null))]
    context_window: Option<i32>,
    #[schema(example = "You are Bruno, a helpful AI assistant.")]
    system_prompt: String,
    is_default: bool,
    #[schema(example = true)]
    is_active: bool,
    #[schema(example = json!(examples::TIME))]
    #[serde(serialize_with = "clock::serialize")]
    created_at: DateTime<Utc>,
    #[schema(example = json!(examples::TIME))]
    #[serde(serialize_with = "clock::serialize")]
    updated_at: DateTime<Utc>,
    #[schema(example = json!(null))]
    top_p: Option<f64>,
    #[schema(example = json!(null))]
    stop: Option<Vec<String>>,
    #[schema(example = json!(null))]
    seed: Option<i64>,
    #[schema(example = json!(null))]
    reasoning_effort: Option<ReasoningEffort>,
    #[schema(value_type = Option<document::ResponseFormat>, example = json!(null))]
    response_format: Option<ResponseFormat>,
    #[schema(example = json!(null))]
    fallback_agent: Option<Uuid>,
    #[schema(example = json!(null))]
    fallback_model: Option<String>,
    #[schema(example = json!(null))]
    title_model: Option<String>,
}

impl From<Agent> for AgentBody {
    fn from(agent: Agent) -> Self {
        Self {
            id: agent.id,
            name: agent.name,
            description: agent.description,
            llm_provider: agent.llm_provider,
            model: agent.model,
            temperature: agent.temperature,
            max_tokens: agent.max_tokens,
            context_window: agent.context_window,
            system_prompt: agent.system_prompt,
            is_default: agent.is_default,
            is_active: agent.is_active,
            created_at: agent.created_at,
            updated_at: agent.updated_at,
            top_p: agent.parameters.top_p,
            stop: agent.parameters.stop,
            seed: agent.parameters.seed,
            reasoning_effort: agent.parameters.reasoning_effort,
            response_format: agent.parameters.response_format,
            fallback_agent: agent.fallback_agent,
            fallback_model: agent.fallback_model,
            title_model: agent.title_model,
        }
    }
}
