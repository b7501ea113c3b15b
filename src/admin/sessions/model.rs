//! What a session is.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::db::{FromRow, Row};

/// How long a session lasts at most.
pub const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// How long it lasts without a request.
pub const IDLE_LIFETIME: Duration = Duration::from_secs(2 * 60 * 60);

/// How exactly it is known when the last request was.
pub const SEEN_STEP: Duration = Duration::from_secs(60);

/// A session as it is shown.
pub struct Session {
    /// The digest of its secret, which is its name.
    pub digest: String,
    pub address: String,
    pub user_agent: String,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
}

impl FromRow for Session {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            digest: row.get("digest")?,
            address: row.get("address")?,
            user_agent: row.get("user_agent")?,
            created_at: row.get("created_at")?,
            last_seen_at: row.get("last_seen_at")?,
        })
    }
}
