//! What the log says.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::db::{FromRow, Row};
use crate::users::User;

/// Something to be written down.
pub struct Entry {
    pub(super) actor: (Uuid, String),
    pub(super) address: String,
    pub(super) action: &'static str,
    pub(super) object: Object,
    pub(super) changes: Map<String, Value>,
}

/// What something was done to.
pub struct Object {
    /// What kind of thing: `user`, `agent`, `conversation`, `message`.
    pub kind: &'static str,
    /// `None` for many things at once.
    pub id: Option<Uuid>,
    /// How people know it, at the time.
    pub label: String,
}

impl Object {
    /// One thing.
    pub fn new(kind: &'static str, id: Uuid, label: impl Into<String>) -> Self {
        Self {
            kind,
            id: Some(id),
            label: label.into(),
        }
    }

    /// Many things of a kind; the label says which.
    pub fn many(kind: &'static str, label: impl Into<String>) -> Self {
        Self {
            kind,
            id: None,
            label: label.into(),
        }
    }

    /// An account.
    pub fn user(user: &User) -> Self {
        Self::new("user", user.id, &user.email)
    }
}

impl Entry {
    /// Somebody (id and e-mail address) did something (`user.update`) to something, from an address.
    pub fn new(
        actor: (Uuid, String),
        address: String,
        action: &'static str,
        object: Object,
    ) -> Self {
        Self {
            actor,
            address,
            action,
            object,
            changes: Map::new(),
        }
    }

    /// Notes that a field was changed, unless it is as it was. Never for secrets or what users wrote: [`Self::fact`].
    #[must_use]
    pub fn change<T: Into<Value> + PartialEq>(mut self, field: &str, old: T, new: T) -> Self {
        if old != new {
            let change = json!([old.into(), new.into()]);
            self.changes.insert(field.to_owned(), change);
        }
        self
    }

    /// Notes something else about what was done, such as how many things it was done to.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.changes.insert(name.to_owned(), value.into());
        self
    }

    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// Something that was written down.
pub struct Record {
    pub id: Uuid,
    pub actor_email: String,
    pub action: String,
    pub object_type: String,
    pub object_id: Option<Uuid>,
    pub object_label: String,
    changes: String,
    pub address: String,
    pub created_at: DateTime<Utc>,
}

impl FromRow for Record {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            actor_email: row.get("actor_email")?,
            action: row.get("action")?,
            object_type: row.get("object_type")?,
            object_id: row.get("object_id")?,
            object_label: row.get("object_label")?,
            changes: row.get("changes")?,
            address: row.get("address")?,
            created_at: row.get("created_at")?,
        })
    }
}

impl Record {
    /// What was changed, in words.
    pub fn changes(&self) -> Vec<String> {
        let changes: Map<String, Value> = serde_json::from_str(&self.changes).unwrap_or_default();
        let shown = |value: &Value| match value {
            Value::String(text) => format!("“{text}”"),
            Value::Null => "nothing".to_owned(),
            other => other.to_string(),
        };
        changes
            .iter()
            .map(|(name, value)| match value.as_array().map(Vec::as_slice) {
                Some([old, new]) => format!("{name}: {} → {}", shown(old), shown(new)),
                _ => format!("{name}: {}", shown(value)),
            })
            .collect()
    }

    /// The page of what it was done to.
    pub fn object_path(&self) -> Option<String> {
        let id = self.object_id?;
        let section = match self.object_type.as_str() {
            "user" => "users",
            "agent" => "agents",
            "conversation" => "conversations",
            "message" => "messages",
            _ => return None,
        };
        Some(format!("/admin/{section}/{id}/"))
    }
}
