//! Chats as the AI SDK has them: what `useChat` with its default transport sends and reads, over the same conversations
//! and turns that Meggy's own paths show.
//!
//! Pages of that library name chats and messages themselves. Their names are kept beside ours; what was said is what is
//! stored here, whatever history a page sends along.

mod handlers;
mod history;
mod metadata;
mod name;
mod repository;
mod request;
mod stream;
mod turns;

use axum::Router;
use axum::routing::{get, post};

pub use history::History;

use crate::app::App;
use crate::http::route::Endpoints;

/// The paths that answer with JSON.
pub fn router() -> Router<App> {
    Router::new()
        .endpoint("/api/chat/{id}/", get(handlers::show))
        .endpoint("/api/chat/{id}/stop/", post(handlers::stop))
}

/// The paths that answer with an event stream.
pub fn streaming_router() -> Router<App> {
    Router::new()
        .endpoint("/api/chat/", post(handlers::send))
        .endpoint("/api/chat/{id}/stream/", get(handlers::stream))
}
