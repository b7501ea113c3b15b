//! The API's document, and a page to read and try it. Both are public, and can be switched off.

mod document;
mod file;
mod handlers;

use axum::routing::get;
use axum::{Extension, Router};
use utoipa::openapi::OpenApi;

use crate::app::App;
use crate::http::route::Endpoints;

/// The paths of this room, given what the rooms say of theirs.
pub fn router(rooms: OpenApi) -> Router<App> {
    Router::new()
        .endpoint("/api/openapi.json/", get(handlers::document))
        .endpoint("/api/docs/", get(handlers::page))
        .endpoint("/api/docs/{name}/", get(handlers::asset))
        .layer(Extension(document::Document::new(rooms)))
}
