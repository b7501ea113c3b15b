//! Why a page is not shown, and the page that says so.

use std::borrow::Cow;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};

use super::page::encode;
use crate::error::Error;

/// The result of everything that can fail on behalf of a page.
pub type Result<T, E = Refusal> = std::result::Result<T, E>;

/// Why a page is not shown. [`dress`](super::page::dress) draws it.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// Nobody is signed in. Afterwards the page at this address is wanted.
    SignIn(Option<String>),
    /// Anything else, in a sentence for who asked.
    Told(StatusCode, Cow<'static, str>),
}

impl Refusal {
    /// A refusal in a sentence.
    pub fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self::Told(status, text.into())
    }

    /// The request cannot be understood.
    pub fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// The rights of who asked do not go as far.
    pub fn forbidden(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, text)
    }

    /// There is no such page or object.
    pub fn not_found() -> Self {
        Self::of(StatusCode::NOT_FOUND)
    }

    /// What there is to say about a status alone.
    pub fn of(status: StatusCode) -> Self {
        let text = match status {
            StatusCode::BAD_REQUEST => "The request cannot be understood.",
            StatusCode::FORBIDDEN => "You may not do this.",
            StatusCode::NOT_FOUND => "There is nothing at this address, or not any more.",
            StatusCode::METHOD_NOT_ALLOWED => "This address cannot be asked in this way.",
            StatusCode::PAYLOAD_TOO_LARGE => "The form is too long.",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "Only forms are read here.",
            StatusCode::TOO_MANY_REQUESTS => "Too many requests. Wait a moment and try again.",
            StatusCode::SERVICE_UNAVAILABLE => "The server is busy. Try again in a moment.",
            status if status.is_server_error() => "Something went wrong here. The log has more.",
            _ => "The request was refused.",
        };
        Self::new(status, text)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(fields) => {
                let lines: Vec<_> = fields
                    .into_iter()
                    .map(|(name, messages)| format!("{name}: {}", messages.join(" ")))
                    .collect();
                Self::bad(lines.join(" "))
            }
            // Which also logs what has to be logged.
            other => Self::of(other.into_response().status()),
        }
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Error::from(error).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match &self {
            Self::SignIn(None) => Redirect::to("/admin/sign-in/").into_response(),
            Self::SignIn(Some(next)) => {
                Redirect::to(&format!("/admin/sign-in/?next={}", encode(next))).into_response()
            }
            Self::Told(status, _) => {
                let mut response = status.into_response();
                if *status == StatusCode::SERVICE_UNAVAILABLE {
                    let headers = response.headers_mut();
                    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
                }
                response.extensions_mut().insert(self);
                response
            }
        }
    }
}
