//! Lists that are read on from where one has got to, so that deep pages cost what the first one costs.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::fields::{Form, Integer, Rule};
use crate::error::Result;

/// How many entries are told unless the client says how many.
const SIZE: i64 = 20;

/// A place in a list that is ordered by time and id, newest first: right after the entry with these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub at: DateTime<Utc>,
    pub id: Uuid,
}

/// The last second of the year 9999.
const FAR_FUTURE: i64 = 253_402_300_799;

impl Cursor {
    /// The place before everything.
    pub fn start() -> Self {
        Self {
            at: DateTime::from_timestamp(FAR_FUTURE, 0).unwrap_or_default(),
            id: Uuid::nil(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (at, id) = bytes.split_first_chunk::<8>()?;
        let at = DateTime::from_timestamp_micros(i64::from_be_bytes(*at))?;
        let is_past_start = at >= DateTime::UNIX_EPOCH && at <= Self::start().at;
        is_past_start.then_some(Self {
            at,
            id: Uuid::from_slice(id).ok()?,
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.timestamp_micros().to_be_bytes();
        let bytes = [&at[..], self.id.as_bytes()].concat();
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

struct AnyCursor;

impl Rule for AnyCursor {
    type Output = Cursor;

    fn check(&self, value: &Value) -> Result<Cursor, Vec<String>> {
        match value.as_str() {
            Some("") => Ok(Cursor::start()),
            Some(text) => {
                Cursor::parse(text).ok_or_else(|| vec!["Must be a cursor of this list.".to_owned()])
            }
            None => Err(vec!["Must be a cursor of this list.".to_owned()]),
        }
    }
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub after: Cursor,
    /// How many entries at most.
    pub limit: i64,
}

impl Window {
    /// Reads `cursor`, which may be empty, and `limit` (1 to 100) among the parameters of an address. `None` if there is
    /// neither, or what there is, is faulty, which the form then tells.
    pub fn read(form: &mut Form) -> Option<Self> {
        const LIMIT: Integer = Integer { min: 1, max: 100 };
        let after = form.optional("cursor", &AnyCursor);
        let limit = form.optional("limit", &LIMIT);
        (after.is_some() || limit.is_some()).then(|| Self {
            after: after.unwrap_or_else(Cursor::start),
            limit: limit.unwrap_or(SIZE),
        })
    }

    /// The part asked for, given one row more than that if there is one.
    pub fn show<T, B: From<T>>(self, mut rows: Vec<T>, place: impl Fn(&T) -> Cursor) -> Portion<B> {
        let limit = usize::try_from(self.limit).unwrap_or_default();
        let is_last = rows.len() <= limit;
        rows.truncate(limit);
        Portion {
            next: rows.last().filter(|_| !is_last).map(place),
            results: rows.into_iter().map(B::from).collect(),
        }
    }
}

/// What [`Window::read`] reads, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters that are read one by one")]
pub struct WindowParameters {
    /// Where to read on: the `next` of the part before. Empty, or not there, for the beginning.
    #[param(required = false, example = "")]
    cursor: String,
    /// How many entries at most.
    #[param(
        required = false,
        minimum = 1,
        maximum = 100,
        default = 20,
        example = 20
    )]
    limit: i64,
}

/// A part of a list as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Portion<T> {
    results: Vec<T>,
    /// Where the next part begins; null if this is the last one.
    #[schema(required, value_type = Option<String>, example = json!(null))]
    next: Option<Cursor>,
}

/// The parameters of an address as the fields of a form. Of several of one name the last one counts.
pub fn parameters(query: Option<&str>) -> Form {
    let fields: Map<String, Value> = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    Form::new(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let cursor = Cursor {
            at: DateTime::from_timestamp_micros(1_795_602_600_123_456).unwrap(),
            id: Uuid::now_v7(),
        };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for wrong in ["", "x", "////", &"A".repeat(31), &"_".repeat(32)] {
            assert_eq!(Cursor::parse(wrong), None, "{wrong}");
        }
    }
}
