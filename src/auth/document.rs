//! What the API's document says of requests here. The rules that they must follow are where they are read.
#![expect(dead_code, reason = "requests are read field by field")]

use utoipa::ToSchema;

use crate::http::openapi::examples;

/// A new account.
#[derive(ToSchema)]
#[schema(example = json!({
    "email": "grace@example.com",
    "name": "Grace Hopper",
    "password": examples::PASSWORD,
}))]
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
pub struct Refresh {
    /// The token that a registration or a login answered.
    refresh_token: String,
}
