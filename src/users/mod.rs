//! Accounts, as their owners see them.

mod account;
mod avatar;
mod document;
mod handlers;
mod model;
mod preferences;
pub mod repository;
mod secured;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use account::Accounts;
pub use model::{
    Credentials, EMAIL_TAKEN, NAME, NewUser, User, UserBody, UserChanges, email_key,
    normalize_email,
};
pub use secured::{CURRENT_PASSWORD, WRONG_PASSWORD, confirm};

use crate::app::App;
use crate::http::openapi::DocumentedEndpoints;

/// The paths of this room.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .endpoint(routes!(handlers::list))
        .endpoint(routes!(
            handlers::show_me,
            handlers::replace_me,
            handlers::update_me
        ))
        .endpoint(routes!(avatar::upload, avatar::remove))
        .endpoint(routes!(
            preferences::show,
            preferences::replace,
            preferences::update
        ))
        .endpoint(routes!(secured::change_password))
        .endpoint(routes!(secured::change_email))
        .endpoint(routes!(secured::delete_account))
        .endpoint(routes!(
            handlers::show,
            handlers::replace,
            handlers::update,
            handlers::delete
        ))
}
