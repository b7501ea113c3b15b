//! Which models there are to choose from.

mod catalog;
mod handlers;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use catalog::{Catalog, ProviderModels};

use crate::app::App;
use crate::http::openapi::DocumentedEndpoints;

/// The path of this room.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().endpoint(routes!(handlers::list))
}
