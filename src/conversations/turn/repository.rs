//! The changes of a turn: its messages and what the conversation repeats of them, together or not at all.

use uuid::Uuid;

use super::idempotency::Key;
use crate::clock;
use crate::conversations::model::{DEFAULT_TITLE, preview};
use crate::conversations::titles;
use crate::db::{Db, Executor, FromRow, Row, Sql};
use crate::messages::Message;

/// Stores a question, the place of its answer, which `writer` is to write, and the client's key for it. A conversation
/// without a title of its own gets one.
///
/// # Errors
/// A violated uniqueness if an answer is being written in this conversation, or the key was used before; a violated
/// foreign key if the user has no such conversation.
pub async fn open(
    db: &Db,
    owner: Uuid,
    question: &Message,
    answer: &Message,
    writer: Uuid,
    key: Option<&Key>,
) -> sqlx::Result<()> {
    const OPEN: Sql = Sql {
        sqlite: "BEGIN IMMEDIATE;
                 INSERT INTO messages (user_id, conversation_id, id, role, content, status, model, created_at,
                                       client_id, writer)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL), ($1, $2, $10, $11, '', $12, $13, $14, NULL, $15);
                 UPDATE conversations
                 SET message_count = message_count + 2, last_message_role = $4, last_message_preview = $16,
                     last_message_at = $8, updated_at = $8,
                     has_makeshift_title = has_makeshift_title OR title = $20,
                     title = CASE WHEN title = $20 THEN $19 ELSE title END
                 WHERE user_id = $1 AND id = $2;
                 INSERT INTO idempotency_keys (user_id, key, request_digest, message_id, created_at)
                 SELECT $1, $17, $18, $10, $8 WHERE $17 IS NOT NULL;
                 COMMIT",
        postgres: "WITH noted AS (
                       UPDATE conversations
                       SET message_count = message_count + 2, last_message_role = $4, last_message_preview = $16,
                           last_message_at = $8, updated_at = $8,
                           has_makeshift_title = has_makeshift_title OR title = $20,
                           title = CASE WHEN title = $20 THEN $19 ELSE title END
                       WHERE user_id = $1 AND id = $2),
                   keyed AS (
                       INSERT INTO idempotency_keys (user_id, key, request_digest, message_id, created_at)
                       SELECT $1, $17, $18, $10, $8 WHERE $17 IS NOT NULL)
                   INSERT INTO messages (user_id, conversation_id, id, role, content, status, model, created_at,
                                         client_id, writer)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL), ($1, $2, $10, $11, '', $12, $13, $14, NULL, $15)",
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
        .bind(question.client_id.as_deref())
        .bind(answer.id)
        .bind(answer.role.as_str())
        .bind(answer.status.as_str())
        .bind(&answer.model)
        .bind(answer.created_at)
        .bind(writer)
        .bind(preview(&question.content))
        .bind(key.map(|key| key.text.as_str()))
        .bind(key.map(|key| key.digest.as_str()))
        .bind(titles::of_question(&question.content))
        .bind(DEFAULT_TITLE)
        .execute_atomically()
        .await
}

/// Stores a question anew, in its old place, and the place of another answer to it. What was said after it is deleted.
///
/// # Errors
/// A violated uniqueness if an answer is being written in this conversation; a violated foreign key if the user has no
/// such conversation.
pub async fn reopen(
    db: &Db,
    owner: Uuid,
    question: &Message,
    answer: &Message,
    writer: Uuid,
) -> sqlx::Result<()> {
    const REOPEN: Sql = Sql {
        sqlite: "BEGIN IMMEDIATE;
                 DELETE FROM messages
                 WHERE user_id = $1 AND conversation_id = $2 AND created_at > $5 AND status <> 'pending';
                 UPDATE messages SET content = $4 WHERE user_id = $1 AND id = $3;
                 INSERT INTO messages (user_id, conversation_id, id, role, content, status, model, created_at, writer)
                 VALUES ($1, $2, $6, $7, '', $8, $9, $10, $11);
                 UPDATE conversations
                 SET message_count = (SELECT COUNT(*) FROM messages WHERE user_id = $1 AND conversation_id = $2),
                     last_message_role = $12, last_message_preview = $13, last_message_at = $5, updated_at = $10
                 WHERE user_id = $1 AND id = $2;
                 COMMIT",
        postgres: "WITH cut AS (
                       DELETE FROM messages
                       WHERE user_id = $1 AND conversation_id = $2 AND created_at > $5 AND status <> 'pending'
                       RETURNING id),
                   edited AS (
                       UPDATE messages SET content = $4 WHERE user_id = $1 AND id = $3),
                   noted AS (
                       UPDATE conversations
                       SET message_count = message_count + 1 - (SELECT COUNT(*) FROM cut),
                           last_message_role = $12, last_message_preview = $13, last_message_at = $5, updated_at = $10
                       WHERE user_id = $1 AND id = $2)
                   INSERT INTO messages (user_id, conversation_id, id, role, content, status, model, created_at, writer)
                   VALUES ($1, $2, $6, $7, '', $8, $9, $10, $11)",
    };
    db.query(REOPEN)
        .bind(owner)
        .bind(question.conversation_id)
        .bind(question.id)
        .bind(&question.content)
        .bind(question.created_at)
        .bind(answer.id)
        .bind(answer.role.as_str())
        .bind(answer.status.as_str())
        .bind(&answer.model)
        .bind(answer.created_at)
        .bind(writer)
        .bind(question.role.as_str())
        .bind(preview(&question.content))
        .execute_atomically()
        .await
}

/// Writes how a turn ended to its answer, which becomes the conversation's last message if there is anything to read,
/// unless something later was said meanwhile. An answer that was taken for interrupted, because a lease ran out whose
/// holder was only late, is put right. `false` if the answer was deleted meanwhile.
pub async fn close(db: &Db, owner: Uuid, answer: &Message) -> sqlx::Result<bool> {
    const CLOSE: Sql = Sql {
        sqlite: "BEGIN IMMEDIATE;
                 UPDATE messages
                 SET status = $3, content = $4, reasoning = $5, finish_reason = $6, error = $7, error_code = $8,
                     tokens_used = $9, prompt_tokens = $10, completion_tokens = $11, usage_estimated = $12,
                     left_out = $13, writer = NULL
                 WHERE user_id = $1 AND id = $2 AND status IN ('pending', 'interrupted')
                 RETURNING id;
                 DELETE FROM message_pieces WHERE user_id = $1 AND message_id = $2;
                 UPDATE conversations
                 SET last_message_role = $14, last_message_preview = $15, last_message_at = $16, updated_at = $17
                 WHERE user_id = $1 AND id = $18 AND last_message_at <= $16 AND $15 <> '';
                 COMMIT",
        // The conversation is locked first, as it is by whoever deletes it, so that neither waits for the other.
        postgres: "WITH conversation AS (
                       SELECT id FROM conversations WHERE user_id = $1 AND id = $18 FOR UPDATE),
                   answer AS (
                       UPDATE messages
                       SET status = $3, content = $4, reasoning = $5, finish_reason = $6, error = $7, error_code = $8,
                           tokens_used = $9, prompt_tokens = $10, completion_tokens = $11, usage_estimated = $12,
                           left_out = $13, writer = NULL
                       FROM conversation
                       WHERE messages.user_id = $1 AND messages.id = $2
                         AND messages.conversation_id = conversation.id
                         AND messages.status IN ('pending', 'interrupted')
                       RETURNING messages.id),
                   put_together AS (
                       DELETE FROM message_pieces WHERE user_id = $1 AND message_id = $2),
                   noted AS (
                       UPDATE conversations
                       SET last_message_role = $14, last_message_preview = $15, last_message_at = $16, updated_at = $17
                       FROM answer
                       WHERE conversations.user_id = $1 AND conversations.id = $18
                         AND conversations.last_message_at <= $16 AND $15 <> '')
                   SELECT id FROM answer",
    };
    let closed: Vec<Found> = db
        .query(CLOSE)
        .bind(owner)
        .bind(answer.id)
        .bind(answer.status.as_str())
        .bind(&answer.content)
        .bind(answer.reasoning.as_deref())
        .bind(answer.finish_reason.as_deref())
        .bind(answer.error.as_deref())
        .bind(answer.error_code.map(|code| code.as_str()))
        .bind(answer.tokens_used)
        .bind(answer.prompt_tokens)
        .bind(answer.completion_tokens)
        .bind(answer.usage_estimated)
        .bind(answer.left_out)
        .bind(answer.role.as_str())
        .bind(preview(&answer.content))
        .bind(answer.created_at)
        .bind(clock::now())
        .bind(answer.conversation_id)
        .fetch_atomically()
        .await?;
    Ok(!closed.is_empty())
}

/// What a client's key was used for.
pub struct Used {
    pub request_digest: String,
    pub answer: Uuid,
}

impl FromRow for Used {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            request_digest: row.get("request_digest")?,
            answer: row.get("message_id")?,
        })
    }
}

/// What the user's key was used for, if it was.
pub async fn find_key(db: &Db, owner: Uuid, key: &Key) -> sqlx::Result<Option<Used>> {
    db.query(
        "SELECT request_digest, message_id FROM idempotency_keys WHERE user_id = $1 AND key = $2",
    )
    .bind(owner)
    .bind(&key.text)
    .fetch_optional()
    .await
}

struct Found;

impl FromRow for Found {
    fn from_row(_: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self)
    }
}
