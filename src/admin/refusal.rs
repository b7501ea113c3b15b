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
#[derive(Debug)]
pub enum Refusal {
    /// Nobody is signed in. Afterwards the page at this address is wanted.
    SignIn(Option<String>),
    /// Anything else, in a sentence for who asked, and when to ask again.
    Told(StatusCode, Cow<'static, str>, Option<HeaderValue>),
}

impl Refusal {
    /// A refusal in a sentence.
    pub fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        let is_busy = status == StatusCode::SERVICE_UNAVAILABLE;
        let retry_after = is_busy.then_some(HeaderValue::from_static("1"));
        Self::Told(status, text.into(), retry_after)
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
        Self::new(status, words(status))
    }
}

/// What [`dress`](super::page::dress) has to say in place of an answer.
#[derive(Clone)]
pub struct Words(pub Cow<'static, str>);

/// What there is to say about a status alone.
pub fn words(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "The request cannot be understood.",
        StatusCode::FORBIDDEN => "You may not do this.",
        StatusCode::NOT_FOUND => "There is nothing at this address, or not any more.",
        StatusCode::METHOD_NOT_ALLOWED => "This address cannot be asked in this way.",
        StatusCode::PAYLOAD_TOO_LARGE => "The form is too long.",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "Only forms are read here.",
        StatusCode::TOO_MANY_REQUESTS => "That was tried too often. Wait and try again.",
        StatusCode::SERVICE_UNAVAILABLE => "The server is busy. Try again in a moment.",
        status if status.is_server_error() => "Something went wrong here. The log has more.",
        _ => "The request was refused.",
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
            Error::Throttled(throttled) => {
                let seconds = throttled.seconds();
                let text =
                    format!("That was tried too often. Expected available in {seconds} seconds.");
                let status = StatusCode::TOO_MANY_REQUESTS;
                Self::Told(status, text.into(), Some(seconds.into()))
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
        match self {
            Self::SignIn(None) => Redirect::to("/admin/sign-in/").into_response(),
            Self::SignIn(Some(next)) => {
                Redirect::to(&format!("/admin/sign-in/?next={}", encode(&next))).into_response()
            }
            Self::Told(status, text, retry_after) => {
                let mut response = status.into_response();
                if let Some(retry_after) = retry_after {
                    let headers = response.headers_mut();
                    headers.insert(RETRY_AFTER, retry_after);
                }
                response.extensions_mut().insert(Words(text));
                response
            }
        }
    }
}
