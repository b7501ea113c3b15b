//! What somebody says, as requests and WebSocket frames hold it.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::http::fields::{NOT_A_STRING, NUL_CHARACTER};
use crate::http::python;

/// The text of a message, as it was sent. Its wording of errors is the contract's own.
///
/// # Errors
/// It is missing, blank, no text, or has U+0000, which Postgres cannot store.
pub fn read_content(fields: &Map<String, Value>) -> Result<String> {
    const REQUIRED: Error = Error::Refused(StatusCode::BAD_REQUEST, "Content is required");

    let content = fields
        .get("content")
        .filter(|value| !python::is_falsy(value))
        .ok_or(REQUIRED)?;
    let text = match content {
        Value::String(_) | Value::Number(_) => python::text_of(content),
        _ => None,
    };
    let text = text.ok_or_else(|| Error::field("content", NOT_A_STRING))?;
    if python::strip(&text).is_empty() {
        return Err(REQUIRED);
    }
    if text.contains('\0') {
        return Err(Error::field("content", NUL_CHARACTER));
    }
    Ok(text)
}
