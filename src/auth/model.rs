//! What is sent and answered here.

use serde::Serialize;
use utoipa::ToSchema;

use super::token::{Kind, TICKET_LIFETIME, Tokens};
use crate::error::Result;
use crate::http::openapi::examples;
use crate::users::{User, UserBody};

/// A new account.
#[derive(ToSchema)]
#[schema(example = json!({
    "email": "grace@example.com",
    "name": "Grace Hopper",
    "password": examples::PASSWORD,
}))]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct Registration {
    /// Where the account is reached, whatever its case. No other account has it.
    #[schema(format = Email, max_length = 254)]
    email: String,
    /// What the user is called.
    #[schema(max_length = 255, pattern = r"\S")]
    name: String,
    /// Taken as typed: white space belongs to it.
    #[schema(format = Password, min_length = 8, max_length = 4096, pattern = r"\S")]
    password: String,
}

/// What proves who one is.
#[derive(ToSchema)]
#[schema(example = json!({ "email": examples::EMAIL, "password": examples::PASSWORD }))]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct Login {
    /// In any letter case.
    email: String,
    /// The account's password.
    #[schema(format = Password, max_length = 4096)]
    password: String,
}

/// What another access token is issued for.
#[derive(ToSchema)]
#[schema(example = json!({ "refresh_token": examples::REFRESH_TOKEN }))]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct Refresh {
    /// The token that a registration or a login answered.
    refresh_token: String,
}

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
