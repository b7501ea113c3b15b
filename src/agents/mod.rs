//! Agents: whom a user talks to, that is a model, its settings and its system prompt.

mod document;
mod handlers;
mod model;
mod name;
mod parameters;
mod prompts;
pub mod repository;
mod templates;
mod trial;
pub mod variables;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use model::{Agent, AgentBody, AgentChanges, NewAgent, Origin};

use crate::app::App;
use crate::http::openapi::DocumentedEndpoints;

/// The paths of this room.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .endpoint(routes!(handlers::list, handlers::create))
        .endpoint(routes!(handlers::show_default))
        .endpoint(routes!(handlers::show, handlers::update, handlers::delete))
        .endpoint(routes!(handlers::list_templates))
        .endpoint(routes!(handlers::duplicate))
        .merge(prompts::router())
}

/// The path that answers with JSON or with an event stream.
pub fn streaming_router() -> OpenApiRouter<App> {
    OpenApiRouter::new().endpoint(routes!(trial::test))
}
