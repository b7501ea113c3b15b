//! The only sources of time and identity.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serializer;
use uuid::Uuid;

static LAST: AtomicI64 = AtomicI64::new(0);

/// The current time in whole microseconds, which is what both databases keep.
///
/// Strictly increasing within this process, so that of two rows written one after the other the first is the older
/// one, even when they are written within a microsecond or the system's clock steps back.
pub fn now() -> DateTime<Utc> {
    let reading = Utc::now().timestamp_micros();
    let last = LAST
        .fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| {
            Some(reading.max(last + 1))
        })
        .unwrap_or(reading);
    DateTime::from_timestamp_micros(reading.max(last + 1)).unwrap_or_default()
}

/// The current time, but later than another one that was perhaps read from a clock that is ahead of this one: another
/// replica's, or this one's before it was set back.
pub fn now_after(other: DateTime<Utc>) -> DateTime<Utc> {
    now().max(other + chrono::Duration::microseconds(1))
}

/// A new id: UUIDv7, so that ids made later sort later.
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// Writes a time as the contract wants it: UTC, six digits of fraction, `Z`.
pub fn serialize<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// Writes a time that may be missing.
///
/// # Errors
/// Whatever the serializer fails with.
pub fn serialize_optional<S: Serializer>(
    time: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serialize(time, serializer),
        None => serializer.serialize_none(),
    }
}
