//! Accounts: a page for each, their rights and passwords. The list of them is made as the other lists are.

pub mod administrators;
mod handlers;
pub mod list;
pub mod model;
mod passwords;
pub mod repository;

use axum::Router;
use axum::routing::{get, post};

use super::Pages;
use crate::app::App;

pub use passwords::read_new_password;
pub use repository::end_credentials;

/// The pages that need nobody signed in.
pub fn public_router() -> Router<App> {
    Router::new().page(
        "/admin/reset/",
        get(passwords::reset_page).post(passwords::reset),
    )
}

/// The pages of this room.
pub fn router() -> Router<App> {
    Router::new()
        .page(
            "/admin/users/new/",
            get(handlers::new).post(handlers::create),
        )
        .page(
            "/admin/users/{id}/",
            get(handlers::show).post(handlers::update),
        )
        .page("/admin/users/{id}/activate/", post(handlers::activate))
        .page("/admin/users/{id}/deactivate/", post(handlers::deactivate))
        .page(
            "/admin/users/{id}/sessions/end/",
            post(handlers::end_sessions),
        )
        .page(
            "/admin/users/{id}/password/",
            get(passwords::password_page).post(passwords::set_password),
        )
        .page("/admin/users/{id}/reset-link/", post(passwords::issue_link))
}
