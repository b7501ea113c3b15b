//! Taking one's conversations along: as a file of our own that loses nothing, as Markdown to read, and back in again,
//! also from ChatGPT.
//!
//! Neither way holds more than a piece in memory. A file goes out page by page as its reader takes it, and none of it
//! holds a connection to the database while it waits. A file that comes in is put aside first, checked as a whole, and
//! then stored one conversation at a time. What a file has of a conversation and of a message is said once, in
//! [`model`].

mod disposition;
mod download;
mod export;
mod handlers;
mod import;
mod markdown;
pub mod model;
pub mod repository;

use axum::Router;
use axum::routing::{get, post};

pub use import::Imports;

use crate::app::App;
use crate::http::route::Endpoints;

/// The path that takes files in.
pub fn router() -> Router<App> {
    Router::new().endpoint("/api/import/", post(handlers::import))
}

/// The paths that a browser can be sent to, so that it saves what comes without a page having to hold it.
pub fn download_router() -> Router<App> {
    Router::new()
        .endpoint("/api/export/", get(handlers::export_all))
        .endpoint("/api/conversations/{id}/export/", get(handlers::export_one))
}
