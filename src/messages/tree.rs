//! What changes messages that were said. They form a tree: an edited question and its former wording, and the answers
//! to one question, are siblings, and the conversation shows one path. Nothing is lost when another path is shown.
//!
//! All SQL about that. Every statement is limited to its owner's, and runs while the conversation is locked, so that
//! nothing is added to a path that is no longer shown.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::model::{Message, Role};
use super::repository;
use crate::clock;
use crate::db::{Db, Executor, FromRow, Row, Sql, Tx};
use crate::error::{Error, Result};

/// What is said of a change to a message on another path than the one that is shown.
pub const NOT_SHOWN: Error = Error::Refused(
    StatusCode::CONFLICT,
    "This message belongs to a version of the conversation that is not shown. Select it first.",
);

/// Gives a question another text, and ends the conversation with it. Its former text is kept as a version, and with it
/// what followed. What says the same as before is no edit, and nothing is cut off.
///
/// # Errors
/// `NotFound` if there is no such message; [`NOT_SHOWN`]; `Answering` while an answer is being written.
pub async fn edit(db: &Db, owner: Uuid, question: &Message) -> Result<Message> {
    let conversation = question.conversation_id;
    let (mut tx, at) = begin(db, owner, conversation).await?;
    let before = repository::find_in(&mut tx, owner, conversation, question.id)
        .await?
        .ok_or(Error::NotFound)?;
    if before.content == question.content {
        return Ok(before);
    }
    let question = match rewrite(&mut tx, owner, question).await? {
        Place::Shown(question) => *question,
        Place::Hidden => return Err(NOT_SHOWN),
        Place::Gone => return Err(Error::NotFound),
    };
    note(&mut tx, owner, conversation, at).await?;
    tx.commit().await?;
    Ok(question)
}

/// Has the conversation show the path on which this message is, and behind it what was said last of all that ever
/// followed. Of a message that is shown already nothing changes.
///
/// # Errors
/// `NotFound` if there is no such message; `Answering` while an answer is being written.
pub async fn select(db: &Db, owner: Uuid, conversation: Uuid, id: Uuid) -> Result<Message> {
    // Whatever was edited last has no older messages behind it, so what was written last is always an end.
    const SELECT: &str = "WITH RECURSIVE below AS (
             SELECT id, parent_id, COALESCE(edited_at, created_at) AS written_at
             FROM messages
             WHERE user_id = $1 AND conversation_id = $2 AND id = $3
             UNION ALL
             SELECT messages.id, messages.parent_id, COALESCE(messages.edited_at, messages.created_at)
             FROM below
             JOIN messages ON messages.user_id = $1 AND messages.conversation_id = $2
                          AND messages.parent_id = below.id),
         path AS (
             SELECT id, parent_id FROM (SELECT id, parent_id FROM below ORDER BY written_at DESC, id DESC LIMIT 1) AS last
             UNION ALL
             SELECT messages.id, messages.parent_id
             FROM path
             JOIN messages ON messages.user_id = $1 AND messages.id = path.parent_id)
         UPDATE messages
         SET is_active = NOT is_active
         WHERE user_id = $1 AND conversation_id = $2 AND is_active <> (id IN (SELECT id FROM path))";

    let (mut tx, at) = begin(db, owner, conversation).await?;
    let mut message = repository::find_in(&mut tx, owner, conversation, id)
        .await?
        .ok_or(Error::NotFound)?;
    if message.is_active {
        return Ok(message);
    }
    tx.query(SELECT)
        .bind(owner)
        .bind(conversation)
        .bind(id)
        .execute()
        .await?;
    note(&mut tx, owner, conversation, at).await?;
    tx.commit().await?;
    message.is_active = true;
    Ok(message)
}

/// Deletes a message; a question together with all answers to it. What followed then follows what was before. Other
/// versions of it stay, and stay hidden.
///
/// # Errors
/// `NotFound` if there is no such message; `Answering` while an answer is being written.
pub async fn delete(db: &Db, owner: Uuid, conversation: Uuid, id: Uuid) -> Result<()> {
    let (mut tx, at) = begin(db, owner, conversation).await?;
    remove(&mut tx, owner, conversation, id, at).await?;
    tx.commit().await?;
    Ok(())
}

/// [`delete`] in a transaction that [began](begin) with the conversation, at that time.
///
/// # Errors
/// `NotFound` if there is no such message.
pub async fn remove(
    tx: &mut Tx,
    owner: Uuid,
    conversation: Uuid,
    id: Uuid,
    at: DateTime<Utc>,
) -> Result<()> {
    let message = repository::find_in(&mut *tx, owner, conversation, id)
        .await?
        .ok_or(Error::NotFound)?;
    if message.role == Role::User {
        // What followed any of the answers follows the question, before the answers go.
        tx.query(
            "UPDATE messages
             SET parent_id = $3
             WHERE user_id = $1 AND conversation_id = $2
               AND parent_id IN (SELECT id FROM messages
                                 WHERE user_id = $1 AND conversation_id = $2 AND parent_id = $3 AND role = 'assistant')",
        )
        .bind(owner)
        .bind(conversation)
        .bind(id)
        .execute()
        .await?;
        tx.query(
            "DELETE FROM messages
             WHERE user_id = $1 AND conversation_id = $2 AND parent_id = $3 AND role = 'assistant'",
        )
        .bind(owner)
        .bind(conversation)
        .bind(id)
        .execute()
        .await?;
    }
    follow(tx, &message, owner, message.parent_id).await?;
    tx.query("DELETE FROM messages WHERE user_id = $1 AND id = $2")
        .bind(owner)
        .bind(id)
        .execute()
        .await?;
    note(tx, owner, conversation, at).await?;
    Ok(())
}

/// Where a message is.
pub enum Place {
    /// The conversation shows it, as it is now.
    Shown(Box<Message>),
    /// The conversation shows another path.
    Hidden,
    /// It was deleted.
    Gone,
}

/// Ends the conversation, which is locked, with a question, and gives that the text of `question` if it has another one.
pub async fn rewrite(tx: &mut Tx, owner: Uuid, question: &Message) -> sqlx::Result<Place> {
    let conversation = question.conversation_id;
    let stored = repository::find_in(&mut *tx, owner, conversation, question.id).await?;
    let Some(mut stored) = stored else {
        return Ok(Place::Gone);
    };
    if !stored.is_active {
        return Ok(Place::Hidden);
    }
    cut(tx, owner, &stored).await?;
    if stored.content != question.content {
        let now = clock::now();
        archive(tx, owner, &stored).await?;
        tx.query("UPDATE messages SET content = $3, edited_at = $4 WHERE user_id = $1 AND id = $2")
            .bind(owner)
            .bind(stored.id)
            .bind(&question.content)
            .bind(now)
            .execute()
            .await?;
        stored.content.clone_from(&question.content);
        stored.edited_at = Some(now);
    }
    Ok(Place::Shown(Box::new(stored)))
}

/// Keeps a question as it is, for a version, with all that ever followed it.
async fn archive(tx: &mut Tx, owner: Uuid, question: &Message) -> sqlx::Result<()> {
    let id = clock::new_id();
    tx.query(
        "INSERT INTO messages (user_id, id, conversation_id, role, status, model, content, created_at, edited_at,
                               parent_id, is_active)
         SELECT user_id, $3, conversation_id, role, status, model, content, created_at, edited_at, parent_id, FALSE
         FROM messages
         WHERE user_id = $1 AND id = $2",
    )
    .bind(owner)
    .bind(question.id)
    .bind(id)
    .execute()
    .await?;
    follow(tx, question, owner, Some(id)).await
}

/// Lets what followed a message follow another one.
async fn follow(
    tx: &mut Tx,
    message: &Message,
    owner: Uuid,
    other: Option<Uuid>,
) -> sqlx::Result<()> {
    tx.query(
        "UPDATE messages SET parent_id = $4 WHERE user_id = $1 AND conversation_id = $2 AND parent_id = $3",
    )
    .bind(owner)
    .bind(message.conversation_id)
    .bind(message.id)
    .bind(other)
    .execute()
    .await
    .map(drop)
}

/// Hides what follows a message. The names that clients gave it are free again.
async fn cut(tx: &mut Tx, owner: Uuid, message: &Message) -> sqlx::Result<()> {
    // Names have a space in their keys; those of requests have none and still stand for the same turns.
    tx.query(
        "DELETE FROM idempotency_keys
         WHERE user_id = $1 AND key LIKE '% %'
           AND message_id IN (SELECT id FROM messages
                              WHERE user_id = $1 AND conversation_id = $2 AND is_active
                                AND (created_at, id) > ($3, $4))",
    )
    .bind(owner)
    .bind(message.conversation_id)
    .bind(message.created_at)
    .bind(message.id)
    .execute()
    .await?;
    tx.query(
        "UPDATE messages
         SET is_active = FALSE
         WHERE user_id = $1 AND conversation_id = $2 AND is_active AND (created_at, id) > ($3, $4)",
    )
    .bind(owner)
    .bind(message.conversation_id)
    .bind(message.created_at)
    .bind(message.id)
    .execute()
    .await
    .map(drop)
}

/// Brings what a conversation repeats of its messages up to date. Its last message is the last with something to read.
pub async fn note(
    tx: &mut Tx,
    owner: Uuid,
    conversation: Uuid,
    at: DateTime<Utc>,
) -> sqlx::Result<()> {
    tx.query(
        "UPDATE conversations
         SET (last_message_role, last_message_preview, last_message_at) = (
                 SELECT role, substr(content, 1, 100), created_at
                 FROM messages
                 WHERE user_id = $1 AND conversation_id = $2 AND is_active AND content <> ''
                 ORDER BY created_at DESC, id DESC
                 LIMIT 1),
             message_count = (SELECT COUNT(*) FROM messages
                              WHERE user_id = $1 AND conversation_id = $2 AND is_active),
             updated_at = $3
         WHERE user_id = $1 AND id = $2",
    )
    .bind(owner)
    .bind(conversation)
    .bind(at)
    .execute()
    .await
    .map(drop)
}

/// Begins a change to a conversation in which nothing is being written, at a time that is later than all that happened
/// there.
///
/// # Errors
/// `NotFound` if the user has no such conversation; `Answering` while an answer is being written there.
pub async fn begin(db: &Db, owner: Uuid, conversation: Uuid) -> Result<(Tx, DateTime<Utc>)> {
    let mut tx = db.begin().await?;
    let latest = lock(&mut tx, owner, conversation)
        .await?
        .ok_or(Error::NotFound)?;
    match repository::find_running(&mut tx, owner, conversation).await? {
        Some(running) => Err(Error::Answering(running.id)),
        None => Ok((tx, clock::now_after(latest))),
    }
}

/// Locks a conversation against everything else that adds to it or changes its path; returns when something happened
/// there last, `None` if the user has none with this id.
pub async fn lock(
    tx: &mut Tx,
    owner: Uuid,
    conversation: Uuid,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    const LOCK: Sql = Sql {
        sqlite: "SELECT updated_at FROM conversations WHERE user_id = $1 AND id = $2",
        postgres: "SELECT updated_at FROM conversations WHERE user_id = $1 AND id = $2 FOR NO KEY UPDATE",
    };
    let locked: Option<Locked> = tx
        .query(LOCK)
        .bind(owner)
        .bind(conversation)
        .fetch_optional()
        .await?;
    Ok(locked.map(|Locked(latest)| latest))
}

struct Locked(DateTime<Utc>);

impl FromRow for Locked {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("updated_at").map(Self)
    }
}
