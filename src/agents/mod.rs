//! Agents: whom a user talks to, that is a model, its settings and its system prompt.

mod handlers;
mod model;
pub mod name;
mod parameters;
mod prompts;
pub mod repository;
mod templates;
mod trial;
pub mod variables;

use axum::Router;
use axum::routing::{get, post};

pub use model::{Agent, AgentBody, AgentChanges, NewAgent, Origin};

use crate::app::App;
use crate::http::route::Endpoints;

/// The paths of this room.
pub fn router() -> Router<App> {
    Router::new()
        .endpoint("/api/agents/", get(handlers::list).post(handlers::create))
        .endpoint("/api/agents/default/", get(handlers::show_default))
        .endpoint(
            "/api/agents/{id}/",
            get(handlers::show)
                .put(handlers::update)
                .patch(handlers::update)
                .delete(handlers::delete),
        )
        .endpoint("/api/agents/templates/", get(handlers::list_templates))
        .endpoint("/api/agents/{id}/duplicate/", post(handlers::duplicate))
        .merge(prompts::router())
}

/// The path that answers with JSON or with an event stream.
pub fn streaming_router() -> Router<App> {
    Router::new().endpoint("/api/agents/{id}/test/", post(trial::test))
}
