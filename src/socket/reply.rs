//! The frames that the server sends.

use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::live::told::{Body, Told};

/// The answer to a command.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = SocketReply)]
pub enum Reply {
    /// The client is known.
    ConnectionEstablished {
        /// The conversation that was named in the address.
        #[schema(required)]
        conversation_id: Option<Uuid>,
    },
    Pong,
    /// From now on the events of this conversation are told.
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
        #[schema(nullable = false)]
        idempotency_key: Option<String>,
    },
    /// The answer is stored.
    Stopped {
        conversation_id: Uuid,
        /// Whether this stopped it.
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
