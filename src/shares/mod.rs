//! Shares: links by which everybody who has one can read a conversation as it was when the link was made.

mod handlers;
mod model;
mod repository;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::http::openapi::DocumentedEndpoints;

/// The paths of this room for the owners of conversations.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .endpoint(routes!(
            handlers::list,
            handlers::create,
            handlers::delete_all
        ))
        .endpoint(routes!(handlers::delete))
}

/// The path for everybody.
pub fn public_router() -> OpenApiRouter<App> {
    OpenApiRouter::new().endpoint(routes!(handlers::show))
}
