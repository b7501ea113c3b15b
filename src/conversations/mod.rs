//! Conversations of users with their agents, and what is said in them.

mod bulk;
mod content;
mod filters;
mod fork;
mod handlers;
mod live;
mod marks;
mod model;
pub mod repository;
mod titles;
pub mod turn;
mod versions;

use axum::Router;
use axum::routing::{get, patch, post};

pub use content::read_content;
pub use handlers::stop_running;
pub use live::{Stopped, stop_in};
pub use marks::Marks;
pub use model::{
    AgentId, AgentReference, Conversation, ConversationBody, ConversationChanges,
    ConversationDetail, DEFAULT_TITLE, TITLE, preview,
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
            "/api/conversations/get_or_create/",
            get(handlers::find_or_create).post(handlers::find_or_create),
        )
        .endpoint("/api/conversations/bulk_delete/", post(bulk::delete))
        .endpoint(
            "/api/conversations/{id}/",
            get(handlers::show)
                .put(handlers::replace)
                .patch(handlers::update)
                .delete(handlers::delete),
        )
        .endpoint("/api/conversations/{id}/fork/", post(fork::fork))
        .endpoint("/api/conversations/{id}/stop/", post(live::stop))
        .endpoint(
            "/api/conversations/{id}/messages/{message}/select/",
            post(versions::select),
        )
        .endpoint("/api/tags/", get(marks::list_tags))
}

/// The paths that answer with JSON or with an event stream.
pub fn streaming_router() -> Router<App> {
    Router::new()
        .endpoint(
            "/api/conversations/{id}/send_message/",
            post(live::send_message),
        )
        .endpoint(
            "/api/conversations/{id}/messages/{message}/",
            patch(versions::edit).delete(versions::delete),
        )
        .endpoint(
            "/api/conversations/{id}/messages/{message}/regenerate/",
            post(versions::regenerate),
        )
}

/// The path that a browser's `EventSource` can read, which sends no headers.
pub fn event_source_router() -> Router<App> {
    Router::new().endpoint("/api/conversations/{id}/stream/", get(live::stream))
}
