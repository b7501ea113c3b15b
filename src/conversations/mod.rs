//! Conversations of users with their agents, and what is said in them.

mod bulk;
mod content;
pub mod document;
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

use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use content::read_content;
pub use live::{Stopped, stop_in};
pub use marks::Marks;
pub use model::{
    AgentId, AgentReference, Conversation, ConversationBody, ConversationChanges,
    ConversationDetail, DEFAULT_TITLE, TITLE, preview,
};

use crate::app::App;
use crate::http::openapi::DocumentedEndpoints;

/// The paths of this room.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(document::Shared::openapi())
        .endpoint(routes!(handlers::list, handlers::create))
        .endpoint(routes!(
            handlers::get_or_create,
            handlers::post_get_or_create
        ))
        .endpoint(routes!(bulk::bulk_delete))
        .endpoint(routes!(
            handlers::show,
            handlers::replace,
            handlers::update,
            handlers::delete
        ))
        .endpoint(routes!(fork::fork))
        .endpoint(routes!(live::stop))
        .endpoint(routes!(versions::select))
        .endpoint(routes!(marks::list_tags))
}

/// The paths that answer with JSON or with an event stream.
pub fn streaming_router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .endpoint(routes!(live::send_message))
        .endpoint(routes!(versions::edit, versions::delete))
        .endpoint(routes!(versions::regenerate))
}

/// The path that a browser's `EventSource` can read, which sends no headers.
pub fn event_source_router() -> OpenApiRouter<App> {
    OpenApiRouter::new().endpoint(routes!(live::stream))
}
