//! What a client is told whose command cannot be obeyed. The socket lives on.

use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Error;

/// An error frame that is no event of a turn.
#[derive(Debug, Default, Serialize)]
#[serde(tag = "type", rename = "error")]
pub struct Refusal {
    /// What is wrong, in a word for the program.
    pub code: &'static str,
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
    pub fn new(code: &'static str, error: impl Into<String>) -> Self {
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

fn code(status: u16) -> &'static str {
    match status {
        400 => "invalid",
        401 => "not_authenticated",
        404 => "not_found",
        409 => "answering",
        422 => "key_reused",
        503 => "unavailable",
        _ => "failed",
    }
}
