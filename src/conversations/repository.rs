//! All SQL about conversations. Every statement is limited to its owner's.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::filters::Filters;
use super::marks::{Marks, TagCount};
use super::model::{Conversation, ConversationChanges};
use crate::clock;
use crate::db::{Executor, FromRow, Page, Row, Slice, Sql};
use crate::http::cursor::Window;

/// What a list reads of a conversation.
macro_rules! columns {
    () => {
        "id, client_id, agent_id, title, message_count, last_message_role, last_message_preview, last_message_at,
         is_pinned, is_archived, tags, created_at, updated_at"
    };
}

/// The condition that [`Filters`] make of `$1` to `$6`. What the index knows comes first.
macro_rules! are_wanted {
    ($position:literal, $has_tag:literal) => {
        concat!(
            "user_id = $1 AND ($2 IS NULL OR is_archived = $2) AND ($3 IS NULL OR is_pinned = $3)
             AND ($4 IS NULL OR agent_id = $4) AND ($5 IS NULL OR ",
            $position,
            "(lower(title), lower($5)) > 0) AND ($6 IS NULL OR ",
            $has_tag,
            ")"
        )
    };
    (sqlite) => {
        are_wanted!(
            "instr",
            "EXISTS (SELECT 1 FROM json_each(tags) WHERE value = $6)"
        )
    };
    (postgres) => {
        are_wanted!("strpos", "CAST(tags AS JSONB) ? $6")
    };
}

/// The user's conversations that are wanted, the latest activity first.
pub async fn list(
    db: impl Executor<'_>,
    owner: Uuid,
    filters: &Filters,
    slice: Slice,
) -> sqlx::Result<Page<Conversation>> {
    macro_rules! list {
        ($database:ident) => {
            concat!(
                "SELECT ",
                columns!(),
                ", (SELECT COUNT(*) FROM conversations WHERE ",
                are_wanted!($database),
                ") AS total
                 FROM conversations
                 WHERE ",
                are_wanted!($database),
                " ORDER BY updated_at DESC, id DESC
                 LIMIT $7 + 0 OFFSET $8"
            )
        };
    }
    const LIST: Sql = Sql {
        sqlite: list!(sqlite),
        postgres: list!(postgres),
    };
    filters
        .bind(db.query(LIST).bind(owner))
        .bind(slice.limit)
        .bind(slice.offset)
        .fetch_page()
        .await
}

/// The same from a place on, with one more row if there is one.
pub async fn list_from(
    db: impl Executor<'_>,
    owner: Uuid,
    filters: &Filters,
    window: Window,
) -> sqlx::Result<Vec<Conversation>> {
    macro_rules! list {
        ($database:ident) => {
            concat!(
                "SELECT ",
                columns!(),
                " FROM conversations
                 WHERE ",
                are_wanted!($database),
                " AND (updated_at, id) < ($7, $8)
                 ORDER BY updated_at DESC, id DESC
                 LIMIT $9 + 1"
            )
        };
    }
    const LIST: Sql = Sql {
        sqlite: list!(sqlite),
        postgres: list!(postgres),
    };
    filters
        .bind(db.query(LIST).bind(owner))
        .bind(window.after.at)
        .bind(window.after.id)
        .bind(window.limit)
        .fetch_all()
        .await
}

/// The user's most used tags, with how many conversations have each.
pub async fn list_tags(db: impl Executor<'_>, owner: Uuid) -> sqlx::Result<Vec<TagCount>> {
    const TAGS: Sql = Sql {
        sqlite: "SELECT value AS tag, COUNT(*) AS count
                 FROM conversations, json_each(tags)
                 WHERE user_id = $1
                 GROUP BY value
                 ORDER BY COUNT(*) DESC, value
                 LIMIT 200",
        postgres: "SELECT value AS tag, COUNT(*) AS count
                   FROM conversations, json_array_elements_text(CAST(tags AS JSON))
                   WHERE user_id = $1
                   GROUP BY value
                   ORDER BY COUNT(*) DESC, value
                   LIMIT 200",
    };
    db.query(TAGS).bind(owner).fetch_all().await
}

/// The user's conversation with this id.
pub async fn find(
    db: impl Executor<'_>,
    owner: Uuid,
    id: Uuid,
) -> sqlx::Result<Option<Conversation>> {
    db.query("SELECT * FROM conversations WHERE user_id = $1 AND id = $2")
        .bind(owner)
        .bind(id)
        .fetch_optional()
        .await
}

/// The user's conversation with the latest activity of those that are not archived.
pub async fn find_latest(db: impl Executor<'_>, owner: Uuid) -> sqlx::Result<Option<Conversation>> {
    db.query(
        "SELECT *
         FROM conversations
         WHERE user_id = $1 AND NOT is_archived
         ORDER BY updated_at DESC, id DESC
         LIMIT 1",
    )
    .bind(owner)
    .fetch_optional()
    .await
}

/// Begins a conversation with one of the user's agents.
///
/// # Errors
/// A violated foreign key if the user has no such agent.
pub async fn create(
    db: impl Executor<'_>,
    owner: Uuid,
    agent: Uuid,
    title: &str,
    marks: &Marks,
) -> sqlx::Result<Conversation> {
    db.query(
        "INSERT INTO conversations (user_id, id, agent_id, title, message_count, created_at, updated_at, is_pinned,
                                    is_archived, tags)
         VALUES ($1, $2, $3, $4, 0, $5, $5, $6, $7, COALESCE($8, '[]'))
         RETURNING *",
    )
    .bind(owner)
    .bind(clock::new_id())
    .bind(agent)
    .bind(title)
    .bind(clock::now())
    .bind(marks.is_pinned.unwrap_or(false))
    .bind(marks.is_archived.unwrap_or(false))
    .bind(marks.stored_tags())
    .fetch_one()
    .await
}

/// Changes a conversation; `None` if the user has none with this id.
pub async fn update(
    db: impl Executor<'_>,
    owner: Uuid,
    id: Uuid,
    changes: ConversationChanges,
) -> sqlx::Result<Option<Conversation>> {
    let updated_at = changes.is_activity().then(clock::now);
    db.query(
        "UPDATE conversations
         SET agent_id = COALESCE($3, agent_id), title = COALESCE($4, title),
             has_makeshift_title = has_makeshift_title AND $4 IS NULL,
             updated_at = CASE WHEN $5 > updated_at THEN $5 ELSE updated_at END,
             is_pinned = COALESCE($6, is_pinned), is_archived = COALESCE($7, is_archived), tags = COALESCE($8, tags)
         WHERE user_id = $1 AND id = $2
         RETURNING *",
    )
    .bind(owner)
    .bind(id)
    .bind(changes.agent_id)
    .bind(changes.title)
    .bind(updated_at)
    .bind(changes.marks.is_pinned)
    .bind(changes.marks.is_archived)
    .bind(changes.marks.stored_tags())
    .fetch_optional()
    .await
}

/// Whether a better title is wanted for the user's conversation: it has a makeshift one, and the answer that was begun at
/// `answered_at` is its first complete one.
pub async fn wants_title(
    db: impl Executor<'_>,
    owner: Uuid,
    id: Uuid,
    answered_at: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let wanted: Option<Wanted> = db
        .query(
            "SELECT id
             FROM conversations
             WHERE user_id = $1 AND id = $2 AND has_makeshift_title
               AND NOT EXISTS (SELECT 1 FROM messages
                               WHERE messages.user_id = $1 AND conversation_id = $2 AND is_active
                                 AND messages.created_at < $3 AND role = 'assistant' AND status = 'complete')",
        )
        .bind(owner)
        .bind(id)
        .bind(answered_at)
        .fetch_optional()
        .await?;
    Ok(wanted.is_some())
}

/// Gives a conversation of the user's another title, unless the user has done so.
pub async fn improve_title(
    db: impl Executor<'_>,
    owner: Uuid,
    id: Uuid,
    title: &str,
) -> sqlx::Result<()> {
    db.query(
        "UPDATE conversations
         SET title = $3, has_makeshift_title = FALSE
         WHERE user_id = $1 AND id = $2 AND has_makeshift_title",
    )
    .bind(owner)
    .bind(id)
    .bind(title)
    .execute()
    .await?;
    Ok(())
}

/// Deletes a conversation with its messages; `false` if the user has none with this id.
pub async fn delete(db: impl Executor<'_>, owner: Uuid, id: Uuid) -> sqlx::Result<bool> {
    let deleted = db
        .query("DELETE FROM conversations WHERE user_id = $1 AND id = $2")
        .bind(owner)
        .bind(id)
        .execute()
        .await?;
    Ok(deleted > 0)
}

/// Deletes those of these conversations that the user has, with their messages; returns how many.
pub async fn delete_all(db: impl Executor<'_>, owner: Uuid, ids: &[Uuid]) -> sqlx::Result<u64> {
    const DELETE: Sql = Sql {
        sqlite: "DELETE FROM conversations
                 WHERE user_id = $1 AND id IN (SELECT unhex(value, '-') FROM json_each($2))",
        // Locked in order, so that two that overlap wait for each other and not in a circle.
        postgres: "WITH locked AS (
                       SELECT id FROM conversations
                       WHERE user_id = $1
                         AND id IN (SELECT CAST(value AS UUID) FROM json_array_elements_text(CAST($2 AS JSON)))
                       ORDER BY id
                       FOR UPDATE)
                   DELETE FROM conversations
                   WHERE user_id = $1 AND id IN (SELECT id FROM locked)",
    };
    db.query(DELETE)
        .bind(owner)
        .bind(serde_json::json!(ids).to_string())
        .execute()
        .await
}

struct Wanted;

impl FromRow for Wanted {
    fn from_row(_: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self)
    }
}
