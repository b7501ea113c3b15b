//! What is counted.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use crate::db::{FromRow, Row};

/// How many days are shown, today included.
pub const SHOWN_DAYS: u64 = 30;

/// How much there is of everything.
pub struct Totals {
    pub users: i64,
    pub active_users: i64,
    pub agents: i64,
    pub conversations: i64,
    pub messages: i64,
}

impl FromRow for Totals {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            users: row.get("users")?,
            active_users: row.get("active_users")?,
            agents: row.get("agents")?,
            conversations: row.get("conversations")?,
            messages: row.get("messages")?,
        })
    }
}

/// What happened on a day in UTC.
#[derive(Clone, Copy)]
pub struct Day {
    pub date: NaiveDate,
    pub counts: DayCounts,
}

/// How much happened.
#[derive(Clone, Copy)]
pub struct DayCounts {
    pub sign_ups: i64,
    pub messages: i64,
    pub tokens: i64,
}

impl FromRow for DayCounts {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            sign_ups: row.get("sign_ups")?,
            messages: row.get("messages")?,
            tokens: row.get("tokens")?,
        })
    }
}

impl FromRow for Day {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        let date: String = row.get("day")?;
        Ok(Self {
            date: date
                .parse()
                .map_err(|error: chrono::ParseError| sqlx::Error::Decode(error.into()))?,
            counts: DayCounts::from_row(row)?,
        })
    }
}

/// The days that are shown, the oldest first.
pub fn shown_days(now: DateTime<Utc>) -> impl Iterator<Item = NaiveDate> {
    let today = now.date_naive();
    (0..SHOWN_DAYS)
        .rev()
        .filter_map(move |ago| today.checked_sub_days(Days::new(ago)))
}

/// When a day begins.
pub fn start(date: NaiveDate) -> DateTime<Utc> {
    date.and_time(NaiveTime::MIN).and_utc()
}
