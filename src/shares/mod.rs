//! Shares: links by which everybody who has one can read a conversation as it was when the link was made.

mod handlers;
mod model;
mod repository;

use axum::Router;
use axum::routing::{delete, get};

use crate::app::App;
use crate::http::route::Endpoints;

/// The paths of this room for the owners of conversations.
pub fn router() -> Router<App> {
    Router::new()
        .endpoint(
            "/api/conversations/{id}/share/",
            get(handlers::list)
                .post(handlers::create)
                .delete(handlers::delete_all),
        )
        .endpoint(
            "/api/conversations/{id}/share/{share}/",
            delete(handlers::delete),
        )
}

/// The path for everybody.
pub fn public_router() -> Router<App> {
    Router::new().endpoint("/api/shared/{share}/", get(handlers::show))
}
