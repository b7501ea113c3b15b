//! The changes of a turn: its messages and what the conversation repeats of them, together or not at all.

use uuid::Uuid;

use super::Place;
use super::idempotency::Key;
use crate::agents::Agent;
use crate::clock;
use crate::conversations::model::{DEFAULT_TITLE, preview};
use crate::conversations::titles;
use crate::db::{Db, Executor, FromRow, Row, Sql};
use crate::messages::Message;
use crate::messages::tree;

impl FromRow for Place {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            conversation: row.get("conversation_id")?,
            agent: Agent::from_row(row)?,
            latest: row.get("latest")?,
        })
    }
}

/// The user's conversation as the place of a turn.
pub async fn find_place(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
) -> sqlx::Result<Option<Place>> {
    db.query(
        "SELECT agents.*, conversations.id AS conversation_id, conversations.updated_at AS latest
         FROM conversations
         JOIN agents ON agents.user_id = conversations.user_id AND agents.id = conversations.agent_id
         WHERE conversations.user_id = $1 AND conversations.id = $2",
    )
    .bind(owner)
    .bind(conversation)
    .fetch_optional()
    .await
}

/// What became of the messages of a turn.
pub enum Stored {
    /// They stand last, and the answer is to be written.
    Begun {
        question: Box<Message>,
        answer: Box<Message>,
    },
    /// Nothing was stored, because the conversation changed meanwhile or is not there.
    Outrun,
    /// Nothing was stored, because the question is on a path that is not shown.
    Hidden,
    /// Nothing was stored, because the question is not there.
    Gone,
}

/// Stores a question behind what was said last, the place of its answer, which `writer` is to write, and the client's
/// key for it. A conversation without a title of its own gets one.
///
/// # Errors
/// A violated uniqueness if an answer is being written in this conversation, or the key was used before; on SQLite a
/// violated foreign key if the user has no such conversation.
pub async fn open(
    db: &Db,
    owner: Uuid,
    mut question: Box<Message>,
    answer: Box<Message>,
    writer: Uuid,
    key: Option<&Key>,
) -> sqlx::Result<Stored> {
    const OPEN: Sql = Sql {
        sqlite: "BEGIN IMMEDIATE;
                 INSERT INTO messages (user_id, conversation_id, id, role, content, status, model, created_at,
                                       client_id, writer, parent_id)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL,
                         (SELECT id FROM messages
                          WHERE user_id = $1 AND conversation_id = $2 AND is_active
                          ORDER BY created_at DESC, id DESC
                          LIMIT 1)),
                        ($1, $2, $10, $11, '', $12, $13, $14, NULL, $15, $3)
                 RETURNING parent_id;
                 UPDATE conversations
                 SET message_count = message_count + 2, last_message_role = $4, last_message_preview = $16,
                     last_message_at = $8, updated_at = $14,
                     has_makeshift_title = has_makeshift_title OR title = $20,
                     title = CASE WHEN title = $20 THEN $19 ELSE title END
                 WHERE user_id = $1 AND id = $2;
                 INSERT INTO idempotency_keys (user_id, key, request_digest, message_id, created_at)
                 SELECT $1, $17, $18, $10, $8 WHERE $17 IS NOT NULL;
                 COMMIT",
        // What is read here was so when the statement began. Of a row that had to be waited for the lock tells how it
        // is by now: if the conversation has changed in between, its last message may be another one.
        postgres: "WITH conversation AS (
                       SELECT updated_at FROM conversations WHERE user_id = $1 AND id = $2 FOR NO KEY UPDATE),
                   place AS (
                       SELECT (SELECT id FROM messages
                               WHERE user_id = $1 AND conversation_id = $2 AND is_active
                               ORDER BY created_at DESC, id DESC
                               LIMIT 1) AS parent_id
                       FROM conversation
                       JOIN conversations AS seen ON seen.user_id = $1 AND seen.id = $2
                                                 AND seen.updated_at = conversation.updated_at),
                   answer AS (
                       INSERT INTO messages (user_id, conversation_id, id, role, content, status, model, created_at,
                                             writer, parent_id)
                       SELECT $1, $2, $10, $11, '', $12, $13, $14, $15, $3 FROM place),
                   noted AS (
                       UPDATE conversations
                       SET message_count = message_count + 2, last_message_role = $4, last_message_preview = $16,
                           last_message_at = $8, updated_at = $14,
                           has_makeshift_title = has_makeshift_title OR title = $20,
                           title = CASE WHEN title = $20 THEN $19 ELSE title END
                       FROM place
                       WHERE user_id = $1 AND id = $2),
                   keyed AS (
                       INSERT INTO idempotency_keys (user_id, key, request_digest, message_id, created_at)
                       SELECT $1, $17, $18, $10, $8 FROM place WHERE $17 IS NOT NULL)
                   INSERT INTO messages (user_id, conversation_id, id, role, content, status, model, created_at,
                                         client_id, parent_id)
                   SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, parent_id FROM place
                   RETURNING parent_id",
    };
    let opened: Vec<Parent> = db
        .query(OPEN)
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
        .fetch_atomically()
        .await?;
    // The question comes first.
    let Some(&Parent(parent)) = opened.first() else {
        return Ok(Stored::Outrun);
    };
    question.parent_id = parent;
    Ok(Stored::Begun { question, answer })
}

struct Parent(Option<Uuid>);

impl FromRow for Parent {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("parent_id").map(Self)
    }
}

/// Stores a question anew, in its old place, the place of another answer to it, and the client's key for it. What was
/// there is kept as another version.
///
/// # Errors
/// A violated uniqueness if an answer is being written in this conversation, or the key was used before.
pub async fn reopen(
    db: &Db,
    owner: Uuid,
    question: &Message,
    model: &str,
    writer: Uuid,
    key: Option<&Key>,
) -> sqlx::Result<Stored> {
    let conversation = question.conversation_id;
    let mut tx = db.begin().await?;
    let Some(latest) = tree::lock(&mut tx, owner, conversation).await? else {
        return Ok(Stored::Gone);
    };
    let question = match tree::rewrite(&mut tx, owner, question).await? {
        tree::Place::Shown(question) => question,
        tree::Place::Hidden => return Ok(Stored::Hidden),
        tree::Place::Gone => return Ok(Stored::Gone),
    };
    let answer = Message::pending_answer(conversation, Some(question.id), model.to_owned());
    let answer = Box::new(Message {
        created_at: clock::now_after(latest),
        ..answer
    });
    tx.query(
        "INSERT INTO messages (user_id, conversation_id, id, role, content, status, model, created_at, writer, parent_id)
         VALUES ($1, $2, $3, $4, '', $5, $6, $7, $8, $9)",
    )
    .bind(owner)
    .bind(conversation)
    .bind(answer.id)
    .bind(answer.role.as_str())
    .bind(answer.status.as_str())
    .bind(&answer.model)
    .bind(answer.created_at)
    .bind(writer)
    .bind(question.id)
    .execute()
    .await?;
    if let Some(key) = key {
        tx.query(
            "INSERT INTO idempotency_keys (user_id, key, request_digest, message_id, created_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(owner)
        .bind(&key.text)
        .bind(&key.digest)
        .bind(answer.id)
        .bind(answer.created_at)
        .execute()
        .await?;
    }
    tree::note(&mut tx, owner, conversation, answer.created_at).await?;
    tx.commit().await?;
    Ok(Stored::Begun { question, answer })
}

/// Writes how a turn ended to its answer, which becomes the conversation's last message if there is anything to read,
/// unless something later was said meanwhile or it is no longer shown. An answer that was taken for interrupted, because
/// a lease ran out whose holder was only late, is put right. `false` if the answer was deleted meanwhile.
pub async fn close(db: &Db, owner: Uuid, answer: &Message) -> sqlx::Result<bool> {
    const CLOSE: Sql = Sql {
        sqlite: "BEGIN IMMEDIATE;
                 UPDATE messages
                 SET status = $3, content = $4, reasoning = $5, finish_reason = $6, error = $7, error_code = $8,
                     tokens_used = $9, prompt_tokens = $10, completion_tokens = $11, usage_estimated = $12,
                     left_out = $13, model = $19, fallback_from = $20, is_interleaved = $21, writer = NULL
                 WHERE user_id = $1 AND id = $2 AND status IN ('pending', 'interrupted')
                 RETURNING id;
                 DELETE FROM message_pieces WHERE user_id = $1 AND message_id = $2;
                 UPDATE conversations
                 SET last_message_role = $14, last_message_preview = $15, last_message_at = $16, updated_at = $17
                 WHERE user_id = $1 AND id = $18 AND last_message_at <= $16 AND $15 <> ''
                   AND EXISTS (SELECT 1 FROM messages WHERE user_id = $1 AND id = $2 AND is_active);
                 COMMIT",
        // The conversation is locked first, as it is by whoever deletes it, so that neither waits for the other.
        postgres: "WITH conversation AS (
                       SELECT id FROM conversations WHERE user_id = $1 AND id = $18 FOR UPDATE),
                   answer AS (
                       UPDATE messages
                       SET status = $3, content = $4, reasoning = $5, finish_reason = $6, error = $7, error_code = $8,
                           tokens_used = $9, prompt_tokens = $10, completion_tokens = $11, usage_estimated = $12,
                           left_out = $13, model = $19, fallback_from = $20, is_interleaved = $21, writer = NULL
                       FROM conversation
                       WHERE messages.user_id = $1 AND messages.id = $2
                         AND messages.conversation_id = conversation.id
                         AND messages.status IN ('pending', 'interrupted')
                       RETURNING messages.id, messages.is_active),
                   put_together AS (
                       DELETE FROM message_pieces WHERE user_id = $1 AND message_id = $2),
                   noted AS (
                       UPDATE conversations
                       SET last_message_role = $14, last_message_preview = $15, last_message_at = $16, updated_at = $17
                       FROM answer
                       WHERE conversations.user_id = $1 AND conversations.id = $18
                         AND conversations.last_message_at <= $16 AND $15 <> '' AND answer.is_active)
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
        .bind(clock::now_after(answer.created_at))
        .bind(answer.conversation_id)
        .bind(&answer.model)
        .bind(answer.fallback_from.as_deref())
        .bind(answer.is_interleaved)
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
