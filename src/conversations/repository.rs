//! All SQL about conversations. Every statement is limited to its owner's.

use uuid::Uuid;

use super::model::{Conversation, ConversationChanges};
use crate::clock;
use crate::db::{Executor, Page, Slice};

/// The user's conversations, the latest activity first.
pub async fn list(
    db: impl Executor<'_>,
    owner: Uuid,
    slice: Slice,
) -> sqlx::Result<Page<Conversation>> {
    db.query(
        "SELECT id, client_id, agent_id, title, message_count, last_message_role, last_message_preview, last_message_at,
                created_at, updated_at,
                (SELECT COUNT(*) FROM conversations WHERE user_id = $1) AS total
         FROM conversations
         WHERE user_id = $1
         ORDER BY updated_at DESC, id DESC
         LIMIT $2 + 0 OFFSET $3",
    )
    .bind(owner)
    .bind(slice.limit)
    .bind(slice.offset)
    .fetch_page()
    .await
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

/// Begins a conversation with one of the user's agents.
///
/// # Errors
/// A violated foreign key if the user has no such agent.
pub async fn create(
    db: impl Executor<'_>,
    owner: Uuid,
    agent: Uuid,
    title: &str,
) -> sqlx::Result<Conversation> {
    db.query(
        "INSERT INTO conversations (user_id, id, agent_id, title, message_count, created_at, updated_at)
         VALUES ($1, $2, $3, $4, 0, $5, $5)
         RETURNING *",
    )
    .bind(owner)
    .bind(clock::new_id())
    .bind(agent)
    .bind(title)
    .bind(clock::now())
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
    db.query(
        "UPDATE conversations
         SET agent_id = COALESCE($3, agent_id), title = COALESCE($4, title), updated_at = $5
         WHERE user_id = $1 AND id = $2
         RETURNING *",
    )
    .bind(owner)
    .bind(id)
    .bind(changes.agent_id)
    .bind(changes.title)
    .bind(clock::now())
    .fetch_optional()
    .await
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
