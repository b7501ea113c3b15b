//! Everything that can go wrong with a request, and how it is told to the client.
//!
//! The bodies are the contract's: field errors as `{"field": ["…"]}`, the framework's own refusals as
//! `{"detail": "…"}`, and the few that an endpoint words itself as `{"error": "…"}`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::Json;
use axum::http::header::{
    CONNECTION, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use uuid::Uuid;

use crate::limits::Throttled;
use crate::llm::DoesNotFit;

/// The result of everything that can fail on behalf of a request.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The messages of each faulty field.
pub type FieldErrors = BTreeMap<Cow<'static, str>, Vec<String>>;

/// Why a request is not answered with success.
#[derive(Debug)]
pub enum Error {
    /// Fields of the body are not valid.
    Invalid(FieldErrors),
    /// The body cannot be read at all.
    Unreadable(String),
    /// An endpoint's own wording, as `{"error": …}`, without `WWW-Authenticate`.
    Refused(StatusCode, &'static str),
    /// There are no credentials that could be looked at.
    NotAuthenticated,
    /// The token is not, or no longer, good.
    BadToken,
    /// The token is good, its user was disabled.
    UserDisabled,
    /// No such path or object, or not the caller's.
    NotFound,
    /// No such page of a list.
    InvalidPage,
    /// The path does not know this method.
    MethodNotAllowed(Method),
    /// The path speaks WebSocket, and the request does not.
    NoWebSocket,
    /// The client accepts nothing that we can send.
    NotAcceptable,
    /// The body is of a type that is not read.
    UnsupportedMediaType(String),
    /// The body is longer than this many bytes.
    TooLarge(usize),
    /// The path with its query is longer than this many bytes.
    UriTooLong(usize),
    /// The header fields are longer than this many bytes.
    HeadTooLarge(usize),
    /// The body came too slowly.
    TooSlow,
    /// The `Host` header names none of the allowed hosts.
    UnknownHost(String),
    /// The language model gave no answer. The user's message is kept.
    NoAnswer(Box<NoAnswer>),
    /// A message is too long for the model that is to answer it.
    DoesNotFit(DoesNotFit),
    /// An answer is being written in this conversation: the one with this id.
    Answering(Uuid),
    /// The idempotency key was used for another request.
    KeyReused,
    /// Something was done too often.
    Throttled(Throttled),
    /// A resource of ours is used up for the moment.
    Unavailable,
    /// Our fault. The cause goes to the log, not to the client.
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

/// What became of a message that got no answer.
#[derive(Debug)]
pub struct NoAnswer {
    /// 502, 503 or 504.
    pub status: StatusCode,
    /// What happened, in a sentence that the user can act on.
    pub text: String,
    /// After how many seconds it is worth another try, where that is known.
    pub retry_after: Option<u64>,
    /// The message, as it was stored.
    pub user_message: serde_json::Value,
}

impl Error {
    /// A single message for a single field.
    pub fn field(name: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(FieldErrors::from([(name.into(), vec![message.into()])]))
    }

    /// Turns a violated uniqueness into a message for a field, and leaves other errors as they are. Meant for
    /// statements that can violate only one: SQLite does not tell which one it was.
    pub fn on_unique(
        field: &'static str,
        message: &'static str,
    ) -> impl FnOnce(sqlx::Error) -> Self {
        move |error| match error.as_database_error() {
            Some(cause) if cause.is_unique_violation() => Self::field(field, message),
            _ => error.into(),
        }
    }

    /// Turns a reference to a row that is not there into a message for a field, and leaves other errors as they are.
    pub fn on_missing_reference(
        field: &'static str,
        message: String,
    ) -> impl FnOnce(sqlx::Error) -> Self {
        move |error| match error.as_database_error() {
            Some(cause) if cause.is_foreign_key_violation() => Self::field(field, message),
            _ => error.into(),
        }
    }
}

impl From<DoesNotFit> for Error {
    fn from(error: DoesNotFit) -> Self {
        Self::DoesNotFit(error)
    }
}

impl From<Throttled> for Error {
    fn from(error: Throttled) -> Self {
        Self::Throttled(error)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => Self::Unavailable,
            // What the caller was about to add to was deleted meanwhile.
            sqlx::Error::Database(cause) if cause.is_foreign_key_violation() => Self::NotFound,
            sqlx::Error::Database(cause) if cause.code().is_some_and(|code| is_busy(&code)) => {
                Self::Unavailable
            }
            _ => Self::Internal(error.into()),
        }
    }
}

/// Whether the same statement may succeed a moment later: SQLite is locked by another process; Postgres has too many
/// clients, is starting, or gave up a transaction that stood in another's way.
fn is_busy(code: &str) -> bool {
    matches!(
        code,
        "5" | "261" | "517" | "773" | "53300" | "57P03" | "40001" | "40P01"
    )
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            Self::Invalid(fields) => (StatusCode::BAD_REQUEST, Json(fields)).into_response(),
            Self::Unreadable(text) => detail(StatusCode::BAD_REQUEST, &text),
            Self::Refused(status, text) => (status, Json(json!({ "error": text }))).into_response(),
            Self::NotAuthenticated => unauthorized("Authentication credentials were not provided."),
            Self::BadToken => unauthorized("Invalid or expired token"),
            Self::UserDisabled => unauthorized("User account is disabled"),
            Self::NotFound => detail(StatusCode::NOT_FOUND, "Not found."),
            Self::InvalidPage => detail(StatusCode::NOT_FOUND, "Invalid page."),
            Self::MethodNotAllowed(method) => detail(
                StatusCode::METHOD_NOT_ALLOWED,
                &format!("Method \"{method}\" not allowed."),
            ),
            Self::NoWebSocket => {
                let mut response = detail(
                    StatusCode::UPGRADE_REQUIRED,
                    "This path speaks WebSocket (version 13) only.",
                );
                // RFC 9110 (15.5.22) and RFC 6455 (4.2.2) want it told what would have been understood.
                let headers = response.headers_mut();
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
                headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
                response
            }
            Self::NotAcceptable => detail(
                StatusCode::NOT_ACCEPTABLE,
                "Could not satisfy the request Accept header.",
            ),
            Self::UnsupportedMediaType(media_type) => detail(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                &format!("Unsupported media type \"{media_type}\" in request."),
            ),
            Self::TooLarge(limit) => detail(
                StatusCode::PAYLOAD_TOO_LARGE,
                &format!("The body is longer than {limit} bytes."),
            ),
            Self::UriTooLong(limit) => detail(
                StatusCode::URI_TOO_LONG,
                &format!("The address is longer than {limit} bytes."),
            ),
            Self::HeadTooLarge(limit) => detail(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                &format!("The header fields are longer than {limit} bytes."),
            ),
            Self::TooSlow => detail(StatusCode::REQUEST_TIMEOUT, "The body came too slowly."),
            Self::UnknownHost(host) => detail(
                StatusCode::BAD_REQUEST,
                &format!(
                    "Invalid Host header: \"{host}\" is not among the server's ALLOWED_HOSTS."
                ),
            ),
            Self::NoAnswer(failure) => failure.into_response(),
            Self::DoesNotFit(error) => {
                let body = json!({ "error": error.to_string() });
                (StatusCode::BAD_REQUEST, Json(body)).into_response()
            }
            Self::Answering(message) => {
                let text =
                    "An answer is being written in this conversation. Wait for it, or stop it.";
                let body = json!({ "error": text, "message_id": message });
                (StatusCode::CONFLICT, Json(body)).into_response()
            }
            Self::KeyReused => {
                let text = "This Idempotency-Key was used for another request.";
                let body = json!({ "error": text });
                (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
            }
            Self::Throttled(throttled) => throttled.into_response(),
            Self::Unavailable => {
                let mut response = detail(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "The server is busy. Try again.",
                );
                response
                    .headers_mut()
                    .insert(RETRY_AFTER, HeaderValue::from_static("1"));
                response
            }
            Self::Internal(cause) => {
                tracing::error!(cause = &*cause, "a request failed");
                detail(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error.")
            }
        }
    }
}

impl IntoResponse for NoAnswer {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.text, "user_message": self.user_message });
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

fn detail(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "detail": text }))).into_response()
}

fn unauthorized(text: &str) -> Response {
    let mut response = detail(StatusCode::UNAUTHORIZED, text);
    response
        .headers_mut()
        .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
