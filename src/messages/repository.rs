//! All SQL about messages. Every statement but the reaper's is limited to its owner's.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::model::{Ending, Message, Status};
use crate::db::{Executor, FromRow, Page, Row, Slice, Tx};
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
         LIMIT $2 OFFSET $3",
    )
    .bind(owner)
    .bind(slice.limit)
    .bind(slice.offset)
    .fetch_page()
    .await
}

/// The user's message with this id.
pub async fn find(db: impl Executor<'_>, owner: Uuid, id: Uuid) -> sqlx::Result<Option<Message>> {
    db.query("SELECT * FROM messages WHERE user_id = $1 AND id = $2").bind(owner).bind(id).fetch_optional().await
}

/// All messages of the user's conversation, oldest first.
pub async fn list_of(db: impl Executor<'_>, owner: Uuid, conversation: Uuid) -> sqlx::Result<Vec<Message>> {
    db.query(
        "SELECT *
         FROM messages
         WHERE user_id = $1 AND conversation_id = $2
         ORDER BY created_at, id",
    )
    .bind(owner)
    .bind(conversation)
    .fetch_all()
    .await
}

/// What was said so far in the user's conversation, oldest first, as a model is told it: answers that never came, or
/// are still being written, were not said.
pub async fn history(db: impl Executor<'_>, owner: Uuid, conversation: Uuid) -> sqlx::Result<Vec<ChatMessage>> {
    db.query(
        "SELECT role, content
         FROM messages
         WHERE user_id = $1 AND conversation_id = $2 AND status = 'complete'
         ORDER BY created_at, id",
    )
    .bind(owner)
    .bind(conversation)
    .fetch_all()
    .await
}

impl FromRow for ChatMessage {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        let role = row.get::<&str>("role")?.parse();
        let role = role.map_err(|_| sqlx::Error::Decode("no such role".into()))?;
        Ok(Self { role, content: row.get("content")? })
    }
}

/// Stores a question and the place of its answer, whose writer promises to be alive until `lease`.
pub async fn insert_turn(
    tx: &mut Tx,
    owner: Uuid,
    question: &Message,
    answer: &Message,
    lease: DateTime<Utc>,
) -> sqlx::Result<()> {
    tx.query(
        "INSERT INTO messages (user_id, conversation_id, id, role, content, status, model, created_at,
                               lease_expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL), ($1, $2, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(owner)
    .bind(question.conversation_id)
    .bind(question.id)
    .bind(question.role.as_str())
    .bind(&question.content)
    .bind(question.status.as_str())
    .bind(&question.model)
    .bind(question.created_at)
    .bind(answer.id)
    .bind(answer.role.as_str())
    .bind(&answer.content)
    .bind(answer.status.as_str())
    .bind(&answer.model)
    .bind(answer.created_at)
    .bind(lease)
    .execute()
    .await?;
    Ok(())
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

/// Writes how a turn ended to its answer; `None` if there is no pending answer with this id any more.
pub async fn end_turn(tx: &mut Tx, owner: Uuid, id: Uuid, ending: &Ending) -> sqlx::Result<Option<Message>> {
    let count = |tokens: u32| i32::try_from(tokens).unwrap_or(i32::MAX);
    tx.query(
        "UPDATE messages
         SET status = $3, content = $4, reasoning = $5, finish_reason = $6, error = $7, tokens_used = $8,
             prompt_tokens = $9, completion_tokens = $10, lease_expires_at = NULL
         WHERE user_id = $1 AND id = $2 AND status = 'pending'
         RETURNING *",
    )
    .bind(owner)
    .bind(id)
    .bind(ending.status.as_str())
    .bind(&ending.content)
    .bind(ending.reasoning.as_deref())
    .bind(ending.finish_reason.as_deref())
    .bind(ending.error.as_deref())
    .bind(ending.usage.map(|usage| count(usage.total())))
    .bind(ending.usage.map(|usage| count(usage.prompt_tokens)))
    .bind(ending.usage.map(|usage| count(usage.completion_tokens)))
    .fetch_optional()
    .await
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
