//! Who is calling: registration, login, tokens, and the check that stands before every protected path.

mod document;
mod extract;
mod handlers;
mod hmac_provider;
mod model;
pub mod password;
pub mod token;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use extract::{
    Bearer, CurrentUser, active_user, bearer, bearer_token, caller, require_user,
    require_user_or_ticket,
};
pub use handlers::prove;
pub use model::Session;
pub use password::{PASSWORD, Passwords, from_django};
pub use token::Tokens;

use crate::app::App;
use crate::http::openapi::DocumentedEndpoints;

/// The paths that need no token.
pub fn public_router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .endpoint(routes!(handlers::register))
        .endpoint(routes!(handlers::login))
        .endpoint(routes!(handlers::refresh))
}

/// The paths that need one.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .endpoint(routes!(handlers::logout))
        .endpoint(routes!(handlers::stream_ticket))
}
