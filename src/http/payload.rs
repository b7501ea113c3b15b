//! Request bodies: JSON or a form, read only when a handler asks for it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRef, FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use multer::{Constraints, Multipart, SizeLimit};
use serde_json::{Map, Value};

use super::connection::Unfinished;
use super::python;
use crate::config::Config;
use crate::error::{Error, FieldErrors, Result};

/// The body of a request, not read yet: the contract wants everything that the path can get wrong told first.
pub struct Payload {
    content_type: String,
    body: Body,
    limit: usize,
}

impl<S> FromRequest<S> for Payload
where
    S: Send + Sync,
    Arc<Config>: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request(request: Request, state: &S) -> Result<Self, Infallible> {
        let content_type = request.headers().get(CONTENT_TYPE);
        Ok(Self {
            content_type: content_type
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .unwrap_or_default(),
            limit: Arc::<Config>::from_ref(state).server.max_body_bytes,
            body: request.into_body(),
        })
    }
}

impl Payload {
    /// Reads the fields of a JSON object or a form. No body at all has no fields.
    ///
    /// # Errors
    /// Too long, of an unknown type, malformed, or JSON other than an object.
    pub async fn fields(self) -> Result<Map<String, Value>> {
        let Self {
            content_type,
            body,
            limit,
        } = self;
        let body = axum::body::to_bytes(body, limit)
            .await
            .map_err(|error| unreadable(error, limit))?;
        if body.is_empty() {
            return Ok(Map::new());
        }
        let media_type = content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        match media_type.as_str() {
            "application/json" => json(&body),
            "application/x-www-form-urlencoded" => Ok(urlencoded(&body)),
            "multipart/form-data" => multipart(&content_type, body)
                .await
                .map_err(|error| malformed(&error)),
            _ => Err(Error::UnsupportedMediaType(content_type)),
        }
    }
}

/// How much longer than its file a form may be, in bytes.
const FORM_OVERHEAD: usize = 64 * 1024;

impl Payload {
    /// Reads the file in a form: the first part that has one of these names, whatever the others are. Errors are told
    /// of the first name. Reading stops once the file is longer than `limit` bytes, which has nothing to do with the
    /// limit of other bodies.
    ///
    /// # Errors
    /// Of another type than `multipart/form-data`, or malformed, without a boundary for instance; no file, an empty one, or one that is too long.
    pub async fn file(self, names: &[&'static str], limit: usize) -> Result<Bytes> {
        let field = names.first().copied().unwrap_or_default();
        let too_long = || {
            let text = format!("The file is longer than {limit} bytes.");
            Error::field(field, text)
        };
        let unreadable = |error| match error {
            multer::Error::StreamSizeExceeded { .. } => too_long(),
            multer::Error::StreamReadFailed(cause) => unreadable(axum::Error::new(cause), limit),
            error => malformed(&error),
        };
        let boundary = multer::parse_boundary(&self.content_type).map_err(|error| match error {
            multer::Error::NoBoundary => malformed(&error),
            _ => Error::UnsupportedMediaType(self.content_type),
        })?;
        let whole = u64::try_from(limit + FORM_OVERHEAD).unwrap_or(u64::MAX);
        let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(whole));
        let mut parts = Multipart::with_constraints(self.body.into_data_stream(), boundary, limits);
        while let Some(mut part) = parts.next_field().await.map_err(unreadable)? {
            if !part.name().is_some_and(|name| names.contains(&name)) {
                continue;
            }
            let mut file = Vec::new();
            while let Some(chunk) = part.chunk().await.map_err(unreadable)? {
                if file.len() + chunk.len() > limit {
                    return Err(too_long());
                }
                file.extend_from_slice(&chunk);
            }
            return if file.is_empty() {
                Err(Error::field(field, "The submitted file is empty."))
            } else {
                Ok(file.into())
            };
        }
        Err(Error::field(field, "No file was submitted."))
    }
}

/// The body is too long, or its sender broke off.
fn unreadable(error: axum::Error, limit: usize) -> Error {
    if let Some(unfinished) = Unfinished::behind(&error) {
        return unfinished.into();
    }
    let too_long = std::error::Error::source(&error)
        .is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>());
    if too_long {
        Error::TooLarge(limit)
    } else {
        Error::Unreadable("The body ended early.".to_owned())
    }
}

fn malformed(error: &multer::Error) -> Error {
    Error::Unreadable(format!("Multipart form parse error - {error}"))
}

fn json(body: &[u8]) -> Result<Map<String, Value>> {
    let not_an_object = |message: String| {
        Err(Error::Invalid(FieldErrors::from([(
            "non_field_errors".into(),
            vec![message],
        )])))
    };
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(Value::Null) => not_an_object("No data provided".to_owned()),
        Ok(other) => not_an_object(format!(
            "Invalid data. Expected a dictionary, but got {}.",
            python::type_name(&other)
        )),
        Err(error) => Err(Error::Unreadable(format!("JSON parse error - {error}"))),
    }
}

fn urlencoded(body: &[u8]) -> Map<String, Value> {
    form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect()
}

async fn multipart(content_type: &str, body: Bytes) -> Result<Map<String, Value>, multer::Error> {
    let boundary = multer::parse_boundary(content_type)?;
    let body = futures_util::stream::once(async move { Ok::<_, Infallible>(body) });
    let mut parts = Multipart::new(body, boundary);
    let mut fields = Map::new();
    while let Some(part) = parts.next_field().await? {
        let Some(name) = part.name().map(str::to_owned) else {
            continue;
        };
        let is_file = part.file_name().is_some();
        let bytes = part.bytes().await?;
        // No field takes a file; a list is as wrong a type as a file.
        let value = if is_file {
            Value::Array(vec![Value::Null])
        } else {
            String::from_utf8_lossy(&bytes).into()
        };
        fields.insert(name, value);
    }
    Ok(fields)
}
