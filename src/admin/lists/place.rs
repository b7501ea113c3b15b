//! Places in a list that is sorted by some value and, where that is equal, by id.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::db::{FromRow, Query, Row};

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Time,
    /// In the order of its bytes.
    Text,
    Flag,
}

/// A value that a list is sorted by. Values of one list are of one kind.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Key {
    Time(DateTime<Utc>),
    Text(String),
    Flag(bool),
}

/// A place in a list: right at the row with this value and id, whether it is there or not.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub struct Place {
    pub key: Key,
    pub id: Uuid,
}

/// The first second of the year 1 and the last of 9999. Postgres knows few others, and SQLite could not compare them.
const TIMES: [i64; 2] = [-62_135_596_800, 253_402_300_799];

impl Place {
    /// Before all rows.
    pub fn least(kind: Kind) -> Self {
        let key = match kind {
            Kind::Time => Key::Time(time(TIMES[0])),
            Kind::Text => Key::Text(String::new()),
            Kind::Flag => Key::Flag(false),
        };
        let id = Uuid::nil();
        Self { key, id }
    }

    /// Behind all rows.
    pub fn greatest(kind: Kind) -> Self {
        let key = match kind {
            Kind::Time => Key::Time(time(TIMES[1])),
            // No text that anybody keeps has bytes behind these.
            Kind::Text => Key::Text("\u{10ffff}".repeat(4)),
            Kind::Flag => Key::Flag(true),
        };
        let id = Uuid::max();
        Self { key, id }
    }

    /// Before all rows of this time.
    pub fn at(time: DateTime<Utc>) -> Self {
        Self {
            key: Key::Time(time),
            id: Uuid::nil(),
        }
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(kind: Kind, text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (key, id): (Value, Uuid) = serde_json::from_slice(&bytes).ok()?;
        let key = match (kind, key) {
            (Kind::Time, Value::Number(micros)) => {
                Key::Time(DateTime::from_timestamp_micros(micros.as_i64()?)?)
            }
            (Kind::Text, Value::String(text)) if !text.contains('\0') => Key::Text(text),
            (Kind::Flag, Value::Bool(flag)) => Key::Flag(flag),
            _ => return None,
        };
        let place = Self { key, id };
        (Self::least(kind) <= place && place <= Self::greatest(kind)).then_some(place)
    }

    /// The place as a text for addresses.
    pub fn encode(&self) -> String {
        let key = match &self.key {
            Key::Time(time) => json!(time.timestamp_micros()),
            Key::Text(text) => json!(text),
            Key::Flag(flag) => json!(flag),
        };
        BASE64_URL_SAFE_NO_PAD.encode(json!([key, self.id]).to_string())
    }

    /// Binds the next two parameters of a statement.
    pub fn bind<'c>(&self, query: Query<'c>) -> Query<'c> {
        let query = match &self.key {
            Key::Time(time) => query.bind(*time),
            Key::Text(text) => query.bind(text.clone()),
            Key::Flag(flag) => query.bind(*flag),
        };
        query.bind(self.id)
    }
}

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

/// A row and where it is.
pub struct Placed<T> {
    pub place: Place,
    pub row: T,
}

/// Runs a statement whose rows have an `id` and, as `sort_key`, a value of this kind.
pub async fn fetch<T: FromRow>(query: Query<'_>, kind: Kind) -> sqlx::Result<Vec<Placed<T>>> {
    Ok(match kind {
        Kind::Time => placed(query.fetch_all::<Keyed<_, T>>().await?, Key::Time),
        Kind::Text => placed(query.fetch_all::<Keyed<_, T>>().await?, Key::Text),
        Kind::Flag => placed(query.fetch_all::<Keyed<_, T>>().await?, Key::Flag),
    })
}

fn placed<K, T>(rows: Vec<Keyed<K, T>>, key: fn(K) -> Key) -> Vec<Placed<T>> {
    let place = |row: Keyed<K, T>| Placed {
        place: Place {
            key: key(row.key),
            id: row.id,
        },
        row: row.row,
    };
    rows.into_iter().map(place).collect()
}

struct Keyed<K, T> {
    key: K,
    id: Uuid,
    row: T,
}

impl<K: FromKey, T: FromRow> FromRow for Keyed<K, T> {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            key: K::from_key(row)?,
            id: row.get("id")?,
            row: T::from_row(row)?,
        })
    }
}

trait FromKey: Sized {
    fn from_key(row: &Row<'_>) -> sqlx::Result<Self>;
}

impl FromKey for DateTime<Utc> {
    fn from_key(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("sort_key")
    }
}

impl FromKey for String {
    fn from_key(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("sort_key")
    }
}

impl FromKey for bool {
    fn from_key(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("sort_key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let keys = [
            (Kind::Time, Key::Time(time(1_795_602_600))),
            (Kind::Text, Key::Text("ann@example.com".to_owned())),
            (Kind::Flag, Key::Flag(true)),
        ];
        for (kind, key) in keys {
            let id = Uuid::now_v7();
            let place = Place { key, id };
            let text = place.encode();
            assert_eq!(Place::decode(kind, &text), Some(place));
            let others = [Kind::Time, Kind::Text, Kind::Flag];
            for other in others.into_iter().filter(|other| *other != kind) {
                assert_eq!(Place::decode(other, &text), None);
            }
        }
        let nul = Place {
            key: Key::Text("\0".to_owned()),
            id: Uuid::nil(),
        };
        for wrong in ["", "x", "bnVsbA", &nul.encode()] {
            assert_eq!(Place::decode(Kind::Text, wrong), None, "{wrong}");
        }
    }
}
