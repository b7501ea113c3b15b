//! Taking one's conversations along: as a file of our own that loses nothing, as Markdown to read, and back in again,
//! also from ChatGPT.
//!
//! Neither way holds more than a piece in memory. A file goes out page by page as its reader takes it, and none of it
//! holds a connection to the database while it waits. A file that comes in is put aside first, checked as a whole, and
//! then stored one conversation at a time. What a file has of a conversation and of a message is said once, in
//! [`model`].

mod disposition;
mod document;
mod download;
mod export;
mod handlers;
mod import;
mod markdown;
pub mod model;
pub mod repository;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use import::Imports;

use crate::app::App;
use crate::http::openapi::DocumentedEndpoints;

/// The path that takes files in.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().endpoint(routes!(handlers::import))
}

/// The paths that a browser can be sent to, so that it saves what comes without a page having to hold it.
pub fn download_router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .endpoint(routes!(handlers::export_all))
        .endpoint(routes!(handlers::export_one))
}
