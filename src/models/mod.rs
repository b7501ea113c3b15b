//! Which models there are to choose from.

mod catalog;
mod handlers;

use axum::Router;
use axum::routing::get;

pub use catalog::{Catalog, ProviderModels};

use crate::app::App;
use crate::http::route::Endpoints;

/// The path of this room.
pub fn router() -> Router<App> {
    Router::new().endpoint("/api/models/", get(handlers::list))
}
