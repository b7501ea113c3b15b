//! The API's document, and a page to read and try it.

mod document;
mod handlers;

use axum::routing::get;
use axum::{Extension, Router};
use utoipa::openapi::OpenApi;

pub use document::Wire;

use crate::app::App;
use crate::http::route::Endpoints;

/// The paths of this room, which are public.
pub fn router(rooms: OpenApi) -> Router<App> {
    match Wire::new(rooms) {
        Ok(document) => Router::new()
            .endpoint("/api/openapi.json/", get(handlers::document))
            .layer(Extension(document)),
        Err(error) => {
            tracing::error!(%error, "the API's document cannot be written");
            Router::new()
        }
    }
}
