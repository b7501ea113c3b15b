//! The two changes of a turn: its messages and what the conversation repeats of them, together or not at all.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::model::preview;
use crate::clock;
use crate::db::{Db, Executor, Sql};
use crate::error::Result;
use crate::messages::{Ending, Message};

/// Stores a question and the place of its answer, whose writer promises to be alive until `lease`.
///
/// # Errors
/// `NotFound` if the user has no such conversation.
pub async fn open(
    db: &Db,
    owner: Uuid,
    question: &Message,
    answer: &Message,
    lease: DateTime<Utc>,
) -> Result<()> {
    const OPEN: Sql = Sql {
        sqlite: "BEGIN IMMEDIATE;
                 INSERT INTO messages (user_id, conversation_id, id, role, content, status, model, created_at,
                                       lease_expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL), ($1, $2, $9, $10, $11, $12, $13, $14, $15);
                 UPDATE conversations
                 SET message_count = message_count + 2, last_message_role = $4, last_message_preview = $16,
                     last_message_at = $8, updated_at = $8
                 WHERE user_id = $1 AND id = $2;
                 COMMIT",
        postgres: "WITH noted AS (
                       UPDATE conversations
                       SET message_count = message_count + 2, last_message_role = $4, last_message_preview = $16,
                           last_message_at = $8, updated_at = $8
                       WHERE user_id = $1 AND id = $2)
                   INSERT INTO messages (user_id, conversation_id, id, role, content, status, model, created_at,
                                         lease_expires_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL), ($1, $2, $9, $10, $11, $12, $13, $14, $15)",
    };
    db.query(OPEN)
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
        .bind(preview(&question.content))
        .execute_atomically()
        .await?;
    Ok(())
}

/// Writes how a turn ended to its answer; a complete one becomes the conversation's last message, unless something
/// later was said meanwhile. An answer that was taken for interrupted, because a lease ran out whose holder was only
/// late, is put right. `None` if the answer was deleted meanwhile.
pub async fn close(
    db: &Db,
    owner: Uuid,
    answer: Uuid,
    ending: &Ending,
) -> sqlx::Result<Option<Message>> {
    const CLOSE: Sql = Sql {
        sqlite: "BEGIN IMMEDIATE;
                 UPDATE messages
                 SET status = $3, content = $4, reasoning = $5, finish_reason = $6, error = $7, tokens_used = $8,
                     prompt_tokens = $9, completion_tokens = $10, lease_expires_at = NULL
                 WHERE user_id = $1 AND id = $2 AND status IN ('pending', 'interrupted')
                 RETURNING *;
                 UPDATE conversations
                 SET last_message_role = answer.role, last_message_preview = $11, last_message_at = answer.created_at,
                     updated_at = $12
                 FROM messages AS answer
                 WHERE answer.user_id = $1 AND answer.id = $2 AND answer.status = 'complete'
                   AND conversations.user_id = $1 AND conversations.id = answer.conversation_id
                   AND conversations.last_message_at <= answer.created_at;
                 COMMIT",
        // The conversation is locked first, as it is by whoever deletes it, so that neither waits for the other.
        postgres: "WITH conversation AS (
                       SELECT conversations.id
                       FROM conversations
                       JOIN messages ON messages.user_id = conversations.user_id
                        AND messages.conversation_id = conversations.id
                       WHERE messages.user_id = $1 AND messages.id = $2
                       FOR UPDATE OF conversations),
                   answer AS (
                       UPDATE messages
                       SET status = $3, content = $4, reasoning = $5, finish_reason = $6, error = $7,
                           tokens_used = $8, prompt_tokens = $9, completion_tokens = $10, lease_expires_at = NULL
                       FROM conversation
                       WHERE messages.user_id = $1 AND messages.id = $2
                         AND messages.conversation_id = conversation.id
                         AND messages.status IN ('pending', 'interrupted')
                       RETURNING messages.*),
                   noted AS (
                       UPDATE conversations
                       SET last_message_role = answer.role, last_message_preview = $11,
                           last_message_at = answer.created_at, updated_at = $12
                       FROM answer
                       WHERE answer.status = 'complete'
                         AND conversations.user_id = $1 AND conversations.id = answer.conversation_id
                         AND conversations.last_message_at <= answer.created_at)
                   SELECT * FROM answer",
    };
    let count = |tokens: u32| i32::try_from(tokens).unwrap_or(i32::MAX);
    let rows = db
        .query(CLOSE)
        .bind(owner)
        .bind(answer)
        .bind(ending.status.as_str())
        .bind(&ending.content)
        .bind(ending.reasoning.as_deref())
        .bind(ending.finish_reason.as_deref())
        .bind(ending.error.as_deref())
        .bind(ending.usage.map(|usage| count(usage.total())))
        .bind(ending.usage.map(|usage| count(usage.prompt_tokens)))
        .bind(ending.usage.map(|usage| count(usage.completion_tokens)))
        .bind(preview(&ending.content))
        .bind(clock::now())
        .fetch_atomically()
        .await?;
    Ok(rows.into_iter().next())
}
