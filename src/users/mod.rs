//! Accounts, as their owners see them.

mod account;
mod avatar;
mod handlers;
mod model;
mod preferences;
pub mod repository;
mod secured;

use axum::Router;
use axum::routing::{get, post};

pub use account::Accounts;
pub use model::{
    Credentials, EMAIL_TAKEN, NAME, NewUser, User, UserBody, UserChanges, email_key,
    normalize_email,
};

use crate::app::App;
use crate::http::route::Endpoints;

/// The paths of this room.
pub fn router() -> Router<App> {
    Router::new()
        .endpoint("/api/users/", get(handlers::list))
        .endpoint(
            "/api/users/me/",
            get(handlers::show_me)
                .put(handlers::replace_me)
                .patch(handlers::update_me),
        )
        .endpoint(
            "/api/users/me/avatar/",
            post(avatar::upload).delete(avatar::remove),
        )
        .endpoint(
            "/api/users/me/preferences/",
            get(preferences::show)
                .put(preferences::replace)
                .patch(preferences::update),
        )
        .endpoint("/api/users/me/password/", post(secured::change_password))
        .endpoint("/api/users/me/email/", post(secured::change_email))
        .endpoint("/api/users/me/delete/", post(secured::delete_account))
        .endpoint(
            "/api/users/{id}/",
            get(handlers::show)
                .put(handlers::replace)
                .patch(handlers::update)
                .delete(handlers::delete),
        )
}
