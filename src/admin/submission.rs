//! What was sent with a form.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::refusal::{Refusal, Result};
use crate::error::FieldErrors;
use crate::http::fields::Form;

/// The field with the token of the session.
pub const TOKEN: &str = "csrf";

/// The longest form that is read of somebody who is not signed in, in bytes.
pub const STRANGERS_LIMIT: usize = 64 * 1024;

/// The fields of a form in order. That the form was one of ours was checked before.
#[derive(Clone, Debug, Default)]
pub struct Submission(Vec<(String, String)>);

impl Submission {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// Longer than `limit` bytes, no form, or with U+0000, which no field takes.
    pub async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Self> {
        let body = axum::body::to_bytes(body, limit)
            .await
            .map_err(|_| Refusal::of(StatusCode::PAYLOAD_TOO_LARGE))?;
        let is_form = headers.get(CONTENT_TYPE).is_some_and(|kind| {
            kind.as_bytes()
                .starts_with(b"application/x-www-form-urlencoded")
        });
        if !body.is_empty() && !is_form {
            return Err(Refusal::of(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let fields: Vec<_> = form_urlencoded::parse(&body)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if fields.iter().any(|(_, value)| value.contains('\0')) {
            return Err(Refusal::bad("Null characters are not allowed."));
        }
        Ok(Self(fields))
    }

    /// The value of a field; empty if it was not sent. Of several of one name the first counts.
    pub fn get<'a>(&'a self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or_default()
    }

    /// The values of all fields of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |(key, value): &'a (String, String)| (key == name).then_some(&**value);
        self.0.iter().filter_map(named)
    }

    /// Whether a check box was ticked.
    pub fn is_ticked(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// For checking field by field.
    pub fn form(&self) -> Form {
        let fields: Map<String, Value> = self
            .0
            .iter()
            .rev()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        Form::new(fields)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Submission {
    type Rejection = Refusal;

    /// What [`require_staff`](super::staff::require_staff) has read.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(parts.extensions.remove().unwrap_or_default())
    }
}

/// What is wrong with the fields of a form, for the page that shows it again.
#[derive(Default)]
pub struct Errors(pub FieldErrors);

impl Errors {
    /// What is wrong with one field.
    pub fn of(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}
