//! What an account is to the administration.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::admin::audit::Object;
use crate::db::{FromRow, Row};

/// An account with its rights.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: Uuid,
    pub email: String,
    pub name: String,
    pub is_active: bool,
    /// May enter the administration.
    pub is_staff: bool,
    /// May do everything there.
    pub is_superuser: bool,
    /// May read there what others wrote.
    pub can_read_messages: bool,
    pub token_generation: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl FromRow for Account {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            email: row.get("email")?,
            name: row.get("name")?,
            is_active: row.get("is_active")?,
            is_staff: row.get("is_staff")?,
            is_superuser: row.get("is_superuser")?,
            can_read_messages: row.get("can_read_messages")?,
            token_generation: row.get("token_generation")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

impl Account {
    /// Whether only superusers may touch it.
    pub fn is_privileged(&self) -> bool {
        self.is_staff || self.is_superuser
    }

    /// Whether its owner can enter and do everything.
    pub fn is_administrator(&self) -> bool {
        self.is_active && self.is_staff && self.is_superuser
    }

    /// The rights alone.
    pub fn rights(&self) -> (bool, bool, bool) {
        (self.is_staff, self.is_superuser, self.can_read_messages)
    }

    /// For the audit log.
    pub fn as_object(&self) -> Object {
        Object::new("user", self.id, &self.email)
    }
}

/// How much there is of a user's, up to [`COUNTED`] of each.
pub struct Counts {
    pub agents: i64,
    pub conversations: i64,
    pub messages: i64,
}

/// How far things are counted, so that no page waits for it.
pub const COUNTED: i64 = 10_000;

impl FromRow for Counts {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            agents: row.get("agents")?,
            conversations: row.get("conversations")?,
            messages: row.get("messages")?,
        })
    }
}

impl Counts {
    /// A count in words.
    pub fn shown(count: &i64) -> String {
        if *count > COUNTED {
            format!("more than {COUNTED}")
        } else {
            count.to_string()
        }
    }
}
