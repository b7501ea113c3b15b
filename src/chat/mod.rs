//! Chats as the AI SDK has them: what `useChat` with its default transport sends and reads, over the same conversations
//! and turns that Meggy's own paths show.
//!
//! Pages of that library name chats and messages themselves. Their names are kept beside ours; what was said is what is
//! stored here, whatever history a page sends along.

mod document;
mod handlers;
mod history;
mod metadata;
mod name;
mod repository;
mod request;
mod stream;
mod turns;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use history::History;

use crate::app::App;
use crate::http::openapi::DocumentedEndpoints;

/// The paths that answer with JSON.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .endpoint(routes!(handlers::show))
        .endpoint(routes!(handlers::stop))
}

/// The paths that answer with an event stream.
pub fn streaming_router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .endpoint(routes!(handlers::send))
        .endpoint(routes!(handlers::stream))
}
