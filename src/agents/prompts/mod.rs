//! The versions of agents' system prompts. Whatever writes another prompt to an agent keeps it here, too, in the same
//! transaction; the newest version is the agent's own.

mod handlers;
mod model;
pub mod repository;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;
use crate::http::route::Endpoints;

/// The paths of the versions.
pub fn router() -> Router<App> {
    Router::new()
        .endpoint("/api/agents/{id}/prompts/", get(handlers::list))
        .endpoint("/api/agents/{id}/prompts/{number}/", get(handlers::show))
        .endpoint(
            "/api/agents/{id}/prompts/{number}/restore/",
            post(handlers::restore),
        )
}
