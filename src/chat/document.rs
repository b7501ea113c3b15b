//! What the API's document says of what pages ask. The rules that they must follow are in [`super::request`].
#![expect(dead_code, reason = "requests are read field by field")]

use std::borrow::Cow;

use serde::Serialize;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use uuid::Uuid;

use super::stream::Chunk;
use crate::http::openapi::events::{Schemas, add, event, json_data};
use crate::http::openapi::examples::{AGENT, CONVERSATION};
use crate::http::openapi::responses::{Detail, RefusalBody};

/// The chat in a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ChatPath {
    /// What the page calls the chat, or the id of a conversation.
    #[param(example = json!(CONVERSATION), min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")]
    id: String,
}

/// What a page asks for.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "tea-time",
    "agent": AGENT,
    "trigger": "submit-message",
    "messages": [{ "id": "m1", "role": "user", "parts": [{ "type": "text", "text": "How long does green tea draw?" }] }],
}))]
pub struct ChatRequest {
    /// What the page calls the chat, or the id of a conversation. A chat that there is not is begun.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")]
    id: String,
    /// The last one counts: the others are stored already.
    #[schema(required = false)]
    messages: Vec<NewChatMessage>,
    /// For pages that send nothing else than the last one.
    message: Option<NewChatMessage>,
    trigger: Option<Trigger>,
    /// What is to be said otherwise or answered again.
    #[schema(min_length = 1, max_length = 64)]
    message_id: Option<String>,
    /// Who is to answer in a chat that is new; the default agent if it is not given.
    agent: Option<Uuid>,
}

/// What a page wants.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ChatTrigger)]
enum Trigger {
    SubmitMessage,
    RegenerateMessage,
}

/// A message that a page sends.
#[derive(ToSchema)]
struct NewChatMessage {
    /// What the page calls it: visible ASCII characters. Sent twice, it is asked once.
    #[schema(required = false, min_length = 1, max_length = 64)]
    id: String,
    /// Of the last one always `user`.
    role: String,
    /// Texts become paragraphs. Files and results of tools are refused.
    parts: Vec<NewChatPart>,
}

/// A part of a message that a page sends.
#[derive(ToSchema)]
struct NewChatPart {
    /// `text`, or what a model is told nothing of: `step-start`, `data-…`, `source-…`.
    r#type: String,
    /// What a `text` says.
    #[schema(required = false)]
    text: String,
}

/// There is no such message, or no such chat any more.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum MissingFromChat {
    Message(RefusalBody),
    Chat(Detail),
}

/// How the document shows the events of a UI message stream.
pub struct ChatStream;

impl PartialSchema for ChatStream {
    fn schema() -> RefOr<Schema> {
        let done = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(["[DONE]"]));
        // Whether a text is JSON of a schema is for its reader to say, so that they are not exclusive.
        AnyOfBuilder::new()
            .item(event("message", json_data(Chunk::name())))
            .item(event("message", done))
            .description(Some(
                "An event of the AI SDK's UI message stream, version 1: `[DONE]` is the last one.",
            ))
            .into()
    }
}

impl ToSchema for ChatStream {
    fn name() -> Cow<'static, str> {
        "ChatEvent".into()
    }

    fn schemas(schemas: &mut Schemas) {
        add::<Chunk>(schemas);
    }
}
