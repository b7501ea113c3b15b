//! The frames that the server sends.

use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use uuid::Uuid;

use crate::live::told::{Body, Told};

/// The answer to a command.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    ConnectionEstablished {
        conversation_id: Option<Uuid>,
    },
    Pong,
    Subscribed {
        conversation_id: Uuid,
        /// Whether an answer is being written in the conversation.
        running: bool,
    },
    Unsubscribed {
        conversation_id: Uuid,
    },
    /// A message has begun a turn, or is known to have.
    Sent {
        conversation_id: Uuid,
        /// The answer's id.
        message_id: Uuid,
        /// Whether the answer is still being written.
        running: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        idempotency_key: Option<String>,
    },
    Stopped {
        conversation_id: Uuid,
        stopped: bool,
    },
}

/// An event of a turn.
#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    name: &'static str,
    conversation_id: Uuid,
    message_id: Uuid,
    id: u64,
    #[serde(flatten)]
    body: &'a Body,
}

/// The frame of an event of the turn in which this answer is written.
pub fn event(conversation: Uuid, answer: Uuid, told: &Told) -> Utf8Bytes {
    frame(&Event {
        name: told.name,
        conversation_id: conversation,
        message_id: answer,
        id: told.id,
        body: &told.body,
    })
}

/// The frame of anything that becomes a JSON object.
pub fn frame(body: &impl Serialize) -> Utf8Bytes {
    // Making JSON of structures whose keys are all strings cannot fail.
    serde_json::to_string(body).unwrap_or_default().into()
}
