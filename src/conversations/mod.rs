//! Conversations of users with their agents, and what is said in them.

mod content;
mod handlers;
mod live;
mod model;
pub mod repository;
pub mod turn;

use axum::Router;
use axum::routing::{get, post};

pub use content::read_content;
pub use model::{
    AgentId, AgentReference, Conversation, ConversationBody, ConversationDetail, DEFAULT_TITLE,
    preview,
};

use crate::app::App;
use crate::http::route::Endpoints;

/// The paths of this room.
pub fn router() -> Router<App> {
    Router::new()
        .endpoint(
            "/api/conversations/",
            get(handlers::list).post(handlers::create),
        )
        .endpoint(
            "/api/conversations/{id}/",
            get(handlers::show)
                .put(handlers::replace)
                .patch(handlers::update)
                .delete(handlers::delete),
        )
        .endpoint("/api/conversations/{id}/stop/", post(live::stop))
}

/// The path that answers with JSON or with an event stream.
pub fn streaming_router() -> Router<App> {
    Router::new().endpoint(
        "/api/conversations/{id}/send_message/",
        post(live::send_message),
    )
}

/// The path that a browser's `EventSource` can read, which sends no headers.
pub fn event_source_router() -> Router<App> {
    Router::new().endpoint("/api/conversations/{id}/stream/", get(live::stream))
}
