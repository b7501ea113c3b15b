//! Refusals that many operations share, declared once. [`crate::error::Error`] is what sends them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::{OpenApi, ToResponse, ToSchema};

/// A refusal of the server itself, whatever the path.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "detail": "Not found." }))]
pub struct Detail {
    /// What is wrong.
    detail: String,
}

/// A refusal that an endpoint words itself.
#[derive(Serialize, ToSchema)]
#[schema(as = Refusal, example = json!({ "error": "Invalid credentials" }))]
pub struct RefusalBody {
    /// What is wrong.
    error: String,
}

/// The messages of each faulty field, all at once; `non_field_errors` are about the whole body.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "email": ["This field is required."] }))]
pub struct FieldErrors(BTreeMap<String, Vec<String>>);

/// What is wrong with a body: with its fields, or it cannot be read at all.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(example = json!({ "email": ["This field is required."] }))]
pub enum BodyErrors {
    /// It is JSON, or a form.
    Fields(FieldErrors),
    /// It is neither.
    Unreadable(Detail),
}

/// What is wrong with a body where the endpoint words itself what is wrong with its fields.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(example = json!({ "error": "Email and password are required" }))]
pub enum WordedBodyErrors {
    /// A field is missing, or not good.
    Worded(RefusalBody),
    /// The body is no object.
    NoObject(FieldErrors),
    /// It cannot be read at all.
    Unreadable(Detail),
}

macro_rules! responses {
    ($($(#[$meta:meta])* $name:ident($body:ty);)*) => {
        $(#[derive(ToResponse)] $(#[$meta])* #[expect(dead_code, reason = "describes what Error sends")] pub struct $name($body);)*

        /// Everything that is declared here.
        #[derive(OpenApi)]
        #[openapi(components(
            schemas(Detail, RefusalBody, FieldErrors, BodyErrors, WordedBodyErrors),
            responses($($name),*),
        ))]
        pub struct Shared;
    };
}

responses! {
    #[response(
        description = "The request cannot be served at all: its Host header names none of the server's hosts.",
        example = json!({ "detail": "Invalid Host header: \"example.org\" is not among the server's ALLOWED_HOSTS." })
    )]
    BadRequest(Detail);

    #[response(
        description = "The body is not good: what is wrong with each field; or, as `detail`, why it cannot be read.",
        example = json!({ "email": ["This field is required."] })
    )]
    BadBody(BodyErrors);

    #[response(
        description = "A field is missing or not good, or the body cannot be read.",
        example = json!({ "error": "Email and password are required" })
    )]
    BadWordedBody(WordedBodyErrors);

    #[response(
        description = "There is no token, it is not or no longer good, or the account was disabled.",
        headers(("WWW-Authenticate" = String, description = "Always `Bearer`.")),
        example = json!({ "detail": "Invalid or expired token" })
    )]
    Unauthorized(Detail);

    #[response(
        description = "There is no such object, or it is somebody else's; or the list has no such page.",
        example = json!({ "detail": "Not found." })
    )]
    NotFound(Detail);

    #[response(
        description = "The `Accept` header includes nothing that could be sent.",
        example = json!({ "detail": "Could not satisfy the request Accept header." })
    )]
    NotAcceptable(Detail);

    #[response(
        description = "The body came too slowly.",
        example = json!({ "detail": "The body came too slowly." })
    )]
    TooSlow(Detail);

    #[response(
        description = "The address is longer than the server reads.",
        example = json!({ "detail": "The address is longer than 16384 bytes." })
    )]
    UriTooLong(Detail);

    #[response(
        description = "The header fields are longer than the server reads. Where they are more than twice as long, there is no body.",
        example = json!({ "detail": "The header fields are longer than 32768 bytes." })
    )]
    HeadTooLarge(Detail);

    #[response(
        description = "The body is longer than the server reads.",
        example = json!({ "detail": "The body is longer than 10485760 bytes." })
    )]
    TooLarge(Detail);

    #[response(
        description = "The body is of a type that is not read here.",
        example = json!({ "detail": "Unsupported media type \"text/plain\" in request." })
    )]
    UnsupportedMediaType(Detail);

    #[response(
        description = "This was asked too often.",
        headers(
            ("Retry-After" = u32, description = "After how many seconds another try is let through."),
            ("RateLimit-Policy" = String, description = "The limit: its name, its quota `q` and its window `w` in seconds."),
            ("RateLimit" = String, description = "What is left of it, `r`, and for how many seconds, `t`."),
        ),
        example = json!({ "detail": "Request was throttled. Expected available in 7 seconds." })
    )]
    TooManyRequests(Detail);

    #[response(
        description = "A fault of the server's, which its log tells more of.",
        example = json!({ "detail": "Internal server error." })
    )]
    InternalError(Detail);

    #[response(
        description = "The server or its database is busy. Another try is worth it.",
        headers(("Retry-After" = u32, description = "After how many seconds.")),
        example = json!({ "detail": "The server is busy. Try again." })
    )]
    Unavailable(Detail);
}
