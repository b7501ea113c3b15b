//! All SQL about messages. Every statement but the reaper's is limited to its owner's.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::model::{Message, Status};
use crate::db::{Executor, Page, Slice, Sql};
use crate::llm::ChatMessage;

/// All of the user's messages, oldest first. Their number comes from the conversations, which keep count.
pub async fn list(db: impl Executor<'_>, owner: Uuid, slice: Slice) -> sqlx::Result<Page<Message>> {
    db.query(
        "SELECT id, conversation_id, role, content, status, model, finish_reason, error, reasoning, tokens_used,
                prompt_tokens, completion_tokens, created_at,
                (SELECT CAST(COALESCE(SUM(message_count), 0) AS BIGINT)
                 FROM conversations
                 WHERE user_id = $1) AS total
         FROM messages
         WHERE user_id = $1
         ORDER BY created_at, id
         LIMIT $2 + 0 OFFSET $3",
    )
    .bind(owner)
    .bind(slice.limit)
    .bind(slice.offset)
    .fetch_page()
    .await
}

/// The user's message with this id.
pub async fn find(db: impl Executor<'_>, owner: Uuid, id: Uuid) -> sqlx::Result<Option<Message>> {
    db.query("SELECT * FROM messages WHERE user_id = $1 AND id = $2")
        .bind(owner)
        .bind(id)
        .fetch_optional()
        .await
}

/// All messages of the user's conversation, oldest first. The order of the columns is that of [`Message`]'s fields.
pub async fn list_of(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
) -> sqlx::Result<Vec<Message>> {
    const MESSAGES: Sql = Sql {
        sqlite: "SELECT json_group_array(json_array(
                     lower(hex(id)), lower(hex(conversation_id)), role, content, status, model, finish_reason, error,
                     reasoning, tokens_used, prompt_tokens, completion_tokens, created_at)) AS rows
                 FROM (SELECT *
                       FROM messages
                       WHERE user_id = $1 AND conversation_id = $2
                       ORDER BY created_at, id)",
        postgres: "SELECT CAST(COALESCE(json_agg(json_build_array(
                       id, conversation_id, role, content, status, model, finish_reason, error, reasoning, tokens_used,
                       prompt_tokens, completion_tokens, created_at) ORDER BY created_at, id), '[]') AS TEXT) AS rows
                   FROM messages
                   WHERE user_id = $1 AND conversation_id = $2",
    };
    db.query(MESSAGES)
        .bind(owner)
        .bind(conversation)
        .fetch_gathered()
        .await
}

/// What was said so far in the user's conversation, oldest first, as a model is told it: answers that never came, or
/// are still being written, were not said.
pub async fn history(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
) -> sqlx::Result<Vec<ChatMessage>> {
    const HISTORY: Sql = Sql {
        sqlite: "SELECT json_group_array(json_array(role, content)) AS rows
                 FROM (SELECT role, content
                       FROM messages
                       WHERE user_id = $1 AND conversation_id = $2 AND status = 'complete'
                       ORDER BY created_at, id)",
        postgres: "SELECT CAST(COALESCE(json_agg(json_build_array(role, content) ORDER BY created_at, id), '[]') AS TEXT)
                          AS rows
                   FROM messages
                   WHERE user_id = $1 AND conversation_id = $2 AND status = 'complete'",
    };
    db.query(HISTORY)
        .bind(owner)
        .bind(conversation)
        .fetch_gathered()
        .await
}

/// Prolongs the promise that the answer's writer is alive.
pub async fn renew_lease(
    db: impl Executor<'_>,
    owner: Uuid,
    id: Uuid,
    lease: DateTime<Utc>,
) -> sqlx::Result<()> {
    db.query("UPDATE messages SET lease_expires_at = $3 WHERE user_id = $1 AND id = $2 AND status = 'pending'")
        .bind(owner)
        .bind(id)
        .bind(lease)
        .execute()
        .await?;
    Ok(())
}

/// Ends the turns, of whatever user, whose writers broke their promise; returns how many.
pub async fn reap(db: impl Executor<'_>, now: DateTime<Utc>, error: &str) -> sqlx::Result<u64> {
    db.query(
        "UPDATE messages
         SET status = $2, error = $3, lease_expires_at = NULL
         WHERE status = 'pending' AND lease_expires_at < $1",
    )
    .bind(now)
    .bind(Status::Interrupted.as_str())
    .bind(error)
    .execute()
    .await
}
