//! Accounts, as their owners see them.

mod handlers;
mod model;
pub mod repository;

use axum::Router;
use axum::routing::get;

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
            "/api/users/{id}/",
            get(handlers::show)
                .put(handlers::replace)
                .patch(handlers::update)
                .delete(handlers::delete),
        )
}
