//! What is answered here.

use serde::Serialize;
use utoipa::ToSchema;

use super::token::{Kind, TICKET_LIFETIME, Tokens};
use crate::error::Result;
use crate::http::openapi::examples;
use crate::telemetry;
use crate::users::{User, UserBody};

/// What a client gets that has proved who it is.
#[derive(Serialize, ToSchema)]
pub struct Session {
    user: UserBody,
    /// A JSON web token for the `Authorization` header.
    #[schema(example = "eyJhbGciOiJIUzI1NiJ9.YWNjZXNz.c2lnbmF0dXJl")]
    access_token: String,
    /// A JSON web token that another access token is issued for.
    #[schema(example = json!(examples::REFRESH_TOKEN))]
    refresh_token: String,
}

impl Session {
    /// Issues both tokens. `origin` is where the client finds us.
    ///
    /// # Errors
    /// Signing failed, which is a fault of ours.
    pub fn start(tokens: &Tokens, user: User, origin: &str) -> Result<Self> {
        telemetry::note_user(user.id);
        Ok(Self {
            access_token: tokens.issue(&user, Kind::Access)?,
            refresh_token: tokens.issue(&user, Kind::Refresh)?,
            user: UserBody::new(user, origin),
        })
    }
}

/// Another access token.
#[derive(Serialize, ToSchema)]
pub struct AccessToken {
    /// A JSON web token for the `Authorization` header.
    #[schema(example = "eyJhbGciOiJIUzI1NiJ9.YWNjZXNz.c2lnbmF0dXJl")]
    access_token: String,
}

impl AccessToken {
    /// Issues one.
    ///
    /// # Errors
    /// Signing failed, which is a fault of ours.
    pub fn issue(tokens: &Tokens, user: &User) -> Result<Self> {
        tokens
            .issue(user, Kind::Access)
            .map(|access_token| Self { access_token })
    }
}

/// Admission to an event stream or a socket, which may stand in an address where an access token must not.
#[derive(Serialize, ToSchema)]
pub struct StreamTicket {
    /// For the parameter `ticket`.
    #[schema(example = "eyJhbGciOiJIUzI1NiJ9.c3RyZWFt.c2lnbmF0dXJl")]
    ticket: String,
    /// How many seconds it is good for.
    #[schema(example = 60)]
    expires_in: u64,
}

impl StreamTicket {
    /// Issues one.
    ///
    /// # Errors
    /// Signing failed, which is a fault of ours.
    pub fn issue(tokens: &Tokens, user: &User) -> Result<Self> {
        Ok(Self {
            ticket: tokens.issue(user, Kind::Stream)?,
            expires_in: TICKET_LIFETIME.as_secs(),
        })
    }
}

/// That a session is over.
#[derive(Serialize, ToSchema)]
pub struct Goodbye {
    #[schema(example = "Successfully logged out")]
    pub message: &'static str,
}
