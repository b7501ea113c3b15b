//! Accounts: a page for each. The list of them is made of the same parts as the other lists.

mod handlers;

use axum::Router;
use axum::routing::get;

use super::Pages;
use crate::app::App;

/// The pages that need nobody signed in.
pub fn public_router() -> Router<App> {
    Router::new()
}

/// The pages of this room.
pub fn router() -> Router<App> {
    Router::new().page("/admin/users/{id}/", get(handlers::show))
}
