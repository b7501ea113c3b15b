//! All SQL about the log.

use serde_json::Value;
use uuid::Uuid;

use super::model::{Entry, Record};
use crate::clock;
use crate::db::Executor;

/// How many entries a page of an object shows.
const OF_OBJECT: i64 = 20;

/// Writes an entry, in the transaction of what it tells of.
pub async fn write(db: impl Executor<'_>, entry: Entry) -> sqlx::Result<()> {
    db.query(
        "INSERT INTO audit_entries (id, actor_id, actor_email, action, object_type, object_id, object_label, changes,
                                    address, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(clock::new_id())
    .bind(entry.actor.0)
    .bind(entry.actor.1)
    .bind(entry.action)
    .bind(entry.object.kind)
    .bind(entry.object.id)
    .bind(entry.object.label)
    .bind(Value::from(entry.changes).to_string())
    .bind(entry.address)
    .bind(clock::now())
    .execute()
    .await?;
    Ok(())
}

/// The newest entries about one object.
pub async fn of_object(db: impl Executor<'_>, id: Uuid) -> sqlx::Result<Vec<Record>> {
    db.query(
        "SELECT id, actor_email, action, object_type, object_id, object_label, changes, address, created_at
         FROM audit_entries
         WHERE object_id = $1
         ORDER BY id DESC
         LIMIT $2 + 0",
    )
    .bind(id)
    .bind(OF_OBJECT)
    .fetch_all()
    .await
}

/// Which entries to list.
pub struct Filter {
    pub actor: Option<String>,
    pub action: Option<String>,
    pub object_type: Option<String>,
    pub object: Option<Uuid>,
    /// Only entries before this one.
    pub before: Option<Uuid>,
}

/// The newest entries that match, `limit` of them.
pub async fn list(db: impl Executor<'_>, filter: &Filter, limit: i64) -> sqlx::Result<Vec<Record>> {
    /// The statement that begins with the index of one column, and looks at the others on the way.
    macro_rules! entries {
        ($by:literal) => {
            concat!(
                "SELECT id, actor_email, action, object_type, object_id, object_label, changes, address, created_at
                 FROM audit_entries
                 WHERE ", $by, " AND ($1 IS NULL OR actor_email = $1) AND ($2 IS NULL OR action = $2)
                   AND ($3 IS NULL OR object_type = $3) AND ($4 IS NULL OR object_id = $4) AND id < $5
                 ORDER BY id DESC
                 LIMIT $6 + 0"
            )
        };
    }
    let sql = match filter {
        Filter {
            object: Some(_), ..
        } => entries!("object_id = $4"),
        Filter { actor: Some(_), .. } => entries!("actor_email = $1"),
        Filter {
            action: Some(_), ..
        } => entries!("action = $2"),
        Filter {
            object_type: Some(_),
            ..
        } => entries!("object_type = $3"),
        _ => entries!("TRUE"),
    };
    db.query(sql)
        .bind(filter.actor.as_deref())
        .bind(filter.action.as_deref())
        .bind(filter.object_type.as_deref())
        .bind(filter.object)
        .bind(filter.before.unwrap_or(Uuid::max()))
        .bind(limit)
        .fetch_all()
        .await
}
