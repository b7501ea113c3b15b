//! What the API's document says of requests about accounts. The rules that they must follow are where they are read.
#![expect(dead_code, reason = "requests are read field by field")]

use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::openapi::examples;

/// Which account is meant, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct UserId {
    /// The id of one's own account.
    #[param(example = json!(examples::USER))]
    id: Uuid,
}

/// What one writes of one's account.
#[derive(ToSchema)]
#[schema(example = json!({ "email": examples::EMAIL, "name": "Ada King", "avatar_url": null }))]
pub struct UserFields {
    /// No other account has it, whatever the case.
    #[schema(format = Email, max_length = 254)]
    email: String,
    #[schema(max_length = 255, pattern = r"\S")]
    name: String,
    /// The address of a picture. An uploaded one is kept if it is sent back as it was shown.
    #[schema(format = "uri", max_length = 200)]
    avatar_url: Option<String>,
}

/// What to change of one's account.
#[derive(ToSchema)]
#[schema(example = json!({ "name": "Ada King" }))]
pub struct UserPatch {
    /// No other account has it, whatever the case.
    #[schema(required = false, format = Email, max_length = 254)]
    email: String,
    #[schema(required = false, max_length = 255, pattern = r"\S")]
    name: String,
    /// The address of a picture. An uploaded one is kept if it is sent back as it was shown.
    #[schema(format = "uri", max_length = 200)]
    avatar_url: Option<String>,
}

/// A new password, and the one before.
#[derive(ToSchema)]
#[schema(example = json!({
    "old_password": examples::PASSWORD,
    "new_password": "a staple of correct horses",
}))]
pub struct PasswordChange {
    #[schema(format = Password, max_length = 4096, pattern = r"\S")]
    old_password: String,
    /// Taken as typed: white space belongs to it.
    #[schema(format = Password, min_length = 8, max_length = 4096, pattern = r"\S")]
    new_password: String,
}

/// A new address.
#[derive(ToSchema)]
#[schema(example = json!({ "email": "countess@example.com", "password": examples::PASSWORD }))]
pub struct EmailChange {
    /// No other account has it, whatever the case.
    #[schema(format = Email, max_length = 254)]
    email: String,
    #[schema(format = Password, max_length = 4096, pattern = r"\S")]
    password: String,
}

/// That it is meant.
#[derive(ToSchema)]
#[schema(example = json!({ "password": examples::PASSWORD }))]
pub struct Deletion {
    #[schema(format = Password, max_length = 4096, pattern = r"\S")]
    password: String,
}

/// What to change of what a user prefers.
#[derive(ToSchema)]
#[schema(example = json!({ "time_zone": "Europe/Berlin", "preferences": { "theme": "dark" } }))]
pub struct PreferencesPatch {
    /// A name of the IANA's time zone database; null stands for UTC.
    #[schema(max_length = 64, format = "time-zone")]
    time_zone: Option<String>,
    /// A JSON Merge Patch (RFC 7396): null takes a member away.
    #[schema(required = false, value_type = Object)]
    preferences: Map<String, Value>,
}

/// What a user prefers from now on.
#[derive(ToSchema)]
#[schema(example = json!({ "preferences": { "theme": "dark" } }))]
pub struct PreferencesFields {
    /// A name of the IANA's time zone database; null stands for UTC. It stays if it is not there.
    #[schema(max_length = 64, format = "time-zone")]
    time_zone: Option<String>,
    /// Takes the place of what was there: up to 16 KiB as JSON, nested up to 8 deep.
    #[schema(value_type = Object)]
    preferences: Map<String, Value>,
}

/// A form with a picture.
#[derive(ToSchema)]
pub struct Upload {
    /// A PNG, JPEG, GIF or WebP of up to 5 MiB, also under the name `file`.
    #[schema(value_type = String, format = Binary)]
    avatar: Vec<u8>,
}
