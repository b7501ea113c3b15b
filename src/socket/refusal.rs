//! What a client is told whose command cannot be obeyed. The socket lives on.

use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::error::Error;

/// Why a command is not obeyed, in a word for the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SocketErrorCode)]
pub enum Code {
    /// The frame is no JSON object.
    BadFrame,
    /// There is no such command.
    UnknownType,
    /// The command makes no sense now.
    Unexpected,
    /// There was no good token yet.
    NotAuthenticated,
    /// What the command asks for is not valid.
    Invalid,
    /// The user has no such thing.
    NotFound,
    /// An answer is being written in the conversation.
    Answering,
    /// The idempotency key was used for something else.
    KeyReused,
    /// The socket is for reading only.
    ReadOnly,
    /// The server has too much to do.
    Unavailable,
    /// The socket watches as many conversations as it can.
    TooManySubscriptions,
    /// The server failed.
    #[default]
    Failed,
}

/// An error frame that is no event of a turn.
#[derive(Debug, Default, Serialize)]
#[serde(tag = "type", rename = "error")]
pub struct Refusal {
    /// What is wrong, in a word for the program.
    pub code: Code,
    /// What is wrong, in a sentence.
    pub error: String,
    /// The HTTP status of the same refusal, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// As the client named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// As the client gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// What the refusal has to say beyond that, such as `message_id`, or `fields` with the messages of each.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Refusal {
    /// One that the HTTP interface does not know.
    pub fn new(code: Code, error: impl Into<String>) -> Self {
        Self {
            code,
            error: error.into(),
            ..Self::default()
        }
    }
}

/// The same refusal as over HTTP, with the same words: they are taken from the response.
pub async fn of(error: Error) -> Refusal {
    let response = error.into_response();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap_or_default();
    let mut body: Map<String, Value> = serde_json::from_slice(&body).unwrap_or_default();
    let text = ["error", "detail"]
        .into_iter()
        .find_map(|name| match body.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        });
    let (error, more) = match text {
        Some(text) => (text, body),
        None => (
            first_message(&body),
            Map::from_iter([("fields".to_owned(), body.into())]),
        ),
    };
    Refusal {
        code: code(status),
        error,
        status: Some(status),
        more,
        ..Refusal::default()
    }
}

/// The name of the first faulty field and what is wrong with it.
fn first_message(fields: &Map<String, Value>) -> String {
    let first = fields.iter().next();
    let message = first.and_then(|(name, messages)| Some((name, messages.get(0)?.as_str()?)));
    message.map_or_else(String::new, |(name, message)| format!("{name}: {message}"))
}

fn code(status: u16) -> Code {
    match status {
        400 => Code::Invalid,
        401 => Code::NotAuthenticated,
        404 => Code::NotFound,
        409 => Code::Answering,
        422 => Code::KeyReused,
        503 => Code::Unavailable,
        _ => Code::Failed,
    }
}
