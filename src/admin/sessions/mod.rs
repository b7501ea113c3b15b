//! Signing in and out, and the sessions that come of it.

mod handlers;
mod model;
mod password;
pub mod repository;

use axum::Router;
use axum::routing::{get, post};

use super::Pages;
use crate::app::App;

pub use model::Session;

/// The page that needs no session.
pub fn public_router() -> Router<App> {
    Router::new().page(
        "/admin/sign-in/",
        get(handlers::sign_in_page).post(handlers::sign_in),
    )
}

/// The pages of one's own account.
pub fn router() -> Router<App> {
    Router::new()
        .page("/admin/account/", get(handlers::account))
        .page(
            "/admin/account/password/",
            get(password::show).post(password::change),
        )
        .page("/admin/account/sessions/end/", post(handlers::end))
        .page("/admin/account/sessions/end-all/", post(handlers::end_all))
        .page("/admin/sign-out/", post(handlers::sign_out))
}
