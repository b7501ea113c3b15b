//! Who is calling: registration, login, tokens, and the check that stands before every protected path.

mod extract;
mod handlers;
mod hmac_provider;
pub mod password;
pub mod token;

use axum::Router;
use axum::routing::post;

pub use extract::{
    Bearer, CurrentUser, active_user, bearer, bearer_token, caller, require_user,
    require_user_or_ticket,
};
pub use handlers::{Session, prove};
pub use password::{PASSWORD, Passwords};
pub use token::Tokens;

use crate::app::App;
use crate::http::route::Endpoints;

/// The paths that need no token.
pub fn public_router() -> Router<App> {
    Router::new()
        .endpoint("/api/auth/register/", post(handlers::register))
        .endpoint("/api/auth/login/", post(handlers::login))
        .endpoint("/api/auth/refresh/", post(handlers::refresh))
}

/// The paths that need one.
pub fn router() -> Router<App> {
    Router::new()
        .endpoint("/api/auth/logout/", post(handlers::logout))
        .endpoint("/api/auth/stream_ticket/", post(handlers::stream_ticket))
}
