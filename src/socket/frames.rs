//! Sockets as the API's document shows them: their parameters, and all frames. OpenAPI knows no sockets, so the latter
//! are nothing but schemas there.
#![expect(
    dead_code,
    reason = "frames are read field by field, and written by their own types"
)]

use std::collections::BTreeMap;

use utoipa::{IntoParams, IntoResponses, OpenApi, ToSchema};
use uuid::Uuid;

use super::refusal::Code;
use super::reply::Reply;
use crate::http::openapi::responses::Detail;
use crate::live::told::{Failed, Finish, Start, Text, Usage};

/// What may stand in the address of a socket.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SocketParameters {
    /// An access token. Prefer anything else: addresses end up in the logs of proxies.
    #[param(required = false)]
    token: String,
    /// A ticket of `/api/auth/stream_ticket/`. Such a socket is for watching only.
    #[param(required = false)]
    ticket: String,
    /// The id of the event that the client had last.
    #[param(required = false)]
    last_event_id: String,
}

/// What to watch from the beginning.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WatchedConversation {
    /// A conversation to watch from the beginning.
    #[param(required = false)]
    conversation_id: Uuid,
}

/// What a request for a socket is answered with.
#[derive(IntoResponses)]
pub enum Upgrade {
    /// The socket is open.
    #[response(status = 101)]
    Open,
    /// The request is none for a WebSocket of version 13.
    #[response(
        status = 426,
        headers(
            ("Upgrade" = String, description = "Always `websocket`."),
            ("Sec-WebSocket-Version" = String, description = "Always `13`."),
        ),
        example = json!({ "detail": "This path speaks WebSocket (version 13) only." })
    )]
    NoSocket(Detail),
}

/// The schemas of all frames.
#[derive(OpenApi)]
#[openapi(
    components(schemas(Command, Frame)),
    tags((name = "sockets", description = "Live answers over a WebSocket.")),
)]
pub struct Frames;

/// What a client says on a socket.
#[derive(ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = SocketCommand)]
pub enum Command {
    /// The first frame, if no token came with the request. Answered with `connection_established`.
    Auth {
        /// An access token.
        token: String,
    },
    /// Answered with `pong`.
    Ping,
    /// Watches a conversation. Answered with `subscribed`, and then events: of the turn that runs, from its beginning, and
    /// of all later ones.
    Subscribe {
        conversation_id: Uuid,
        /// The `id` of the event that the client had last: everything after it is told.
        last_event_id: Option<u64>,
    },
    /// Answered with `unsubscribed`.
    Unsubscribe { conversation_id: Uuid },
    /// Says something. Answered with `sent`, and the conversation is watched from then on.
    Send {
        conversation_id: Uuid,
        content: String,
        /// With the same key and content it is the same turn.
        #[schema(min_length = 1, max_length = 255)]
        idempotency_key: Option<String>,
    },
    /// Stops the running answer. Answered with `stopped` once it is stored.
    Stop {
        conversation_id: Uuid,
        /// Stop only this answer.
        message_id: Option<Uuid>,
    },
}

/// What the server says on a socket.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = SocketFrame)]
pub enum Frame {
    Reply(Reply),
    Event(Event),
    Refusal(Refusal),
}

/// An event of a turn in a conversation that is watched.
#[derive(ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
#[schema(as = SocketEvent)]
pub enum Event {
    Start {
        #[serde(flatten)]
        #[schema(inline)]
        place: Place,
        #[serde(flatten)]
        #[schema(inline)]
        event: Start,
    },
    Reasoning {
        #[serde(flatten)]
        #[schema(inline)]
        place: Place,
        #[serde(flatten)]
        #[schema(inline)]
        event: Text,
    },
    Delta {
        #[serde(flatten)]
        #[schema(inline)]
        place: Place,
        #[serde(flatten)]
        #[schema(inline)]
        event: Text,
    },
    Usage {
        #[serde(flatten)]
        #[schema(inline)]
        place: Place,
        #[serde(flatten)]
        #[schema(inline)]
        event: Usage,
    },
    Finish {
        #[serde(flatten)]
        #[schema(inline)]
        place: Place,
        #[serde(flatten)]
        #[schema(inline)]
        event: Finish,
    },
    Error {
        #[serde(flatten)]
        #[schema(inline)]
        place: Place,
        #[serde(flatten)]
        #[schema(inline)]
        event: Failed,
    },
}

/// Where an event belongs.
#[derive(ToSchema)]
#[schema(as = SocketEventPlace)]
pub struct Place {
    conversation_id: Uuid,
    /// The answer's id.
    message_id: Uuid,
    /// Greater than that of the event before it in this conversation.
    id: u64,
}

/// A command that cannot be obeyed. The socket lives on.
#[derive(ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
#[schema(as = SocketError)]
pub enum Refusal {
    Error {
        code: Code,
        /// What is wrong, in a sentence.
        error: String,
        /// The HTTP status of the same refusal, where there is one.
        #[schema(required = false)]
        status: u16,
        /// As the client named it.
        #[schema(required = false)]
        conversation_id: String,
        /// As the client gave it.
        #[schema(required = false)]
        idempotency_key: String,
        /// The running answer, with the code `answering`.
        #[schema(required = false)]
        message_id: Uuid,
        /// The messages of each faulty field, with the code `invalid`.
        #[schema(required = false)]
        fields: BTreeMap<String, Vec<String>>,
    },
}
