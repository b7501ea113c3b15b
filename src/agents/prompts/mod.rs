//! The versions of agents' system prompts. Whatever writes another prompt to an agent keeps it here, too, in the same
//! transaction; the newest version is the agent's own.

mod handlers;
mod model;
pub mod repository;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::http::openapi::DocumentedEndpoints;

/// The paths of the versions.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .endpoint(routes!(handlers::list))
        .endpoint(routes!(handlers::show))
        .endpoint(routes!(handlers::restore))
}
