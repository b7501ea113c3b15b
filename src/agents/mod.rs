//! Agents: whom a user talks to, that is a model, its settings and its system prompt.

mod handlers;
mod model;
pub mod repository;

use axum::Router;
use axum::routing::get;

pub use model::{Agent, AgentBody, AgentChanges, NewAgent};

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
}
