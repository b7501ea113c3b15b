//! All SQL about messages as such. Every statement is limited to its owner's.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::model::{Message, Rating};
use crate::db::Executor;

/// The columns of a message, `content` and `reasoning` as they are now: those of an answer that is being written are
/// put together from its pieces.
macro_rules! columns {
    () => {
        "id, conversation_id, client_id, role,
         CASE WHEN status = 'pending'
              THEN COALESCE((SELECT string_agg(text, '' ORDER BY position) FROM message_pieces
                             WHERE message_pieces.user_id = messages.user_id AND message_id = messages.id
                               AND kind = 'text'), '')
              ELSE content END AS content,
         status, model, finish_reason, error, error_code,
         CASE WHEN status = 'pending'
              THEN (SELECT string_agg(text, '' ORDER BY position) FROM message_pieces
                    WHERE message_pieces.user_id = messages.user_id AND message_id = messages.id
                      AND kind = 'reasoning')
              ELSE reasoning END AS reasoning,
         tokens_used, prompt_tokens, completion_tokens, usage_estimated, left_out, created_at, parent_id, is_active,
         edited_at, feedback_rating, feedback_comment, fallback_from, is_interleaved"
    };
}

/// A message as SQLite gathers it, in the order of [`Message`]'s fields.
macro_rules! sqlite_row {
    () => {
        "json_array(
             lower(hex(id)), lower(hex(conversation_id)), client_id, role, content, status, model, finish_reason, error,
             error_code, reasoning, tokens_used, prompt_tokens, completion_tokens,
             json(iif(usage_estimated, 'true', 'false')), left_out, created_at,
             nullif(lower(hex(parent_id)), ''), json(iif(is_active, 'true', 'false')), edited_at,
             feedback_rating, feedback_comment, fallback_from, json(iif(is_interleaved, 'true', 'false')))"
    };
}

/// The same of Postgres.
macro_rules! postgres_row {
    () => {
        "json_build_array(
             id, conversation_id, client_id, role, content, status, model, finish_reason, error, error_code, reasoning,
             tokens_used, prompt_tokens, completion_tokens, usage_estimated, left_out, created_at, parent_id, is_active,
             edited_at, feedback_rating, feedback_comment, fallback_from, is_interleaved)"
    };
}

mod lists;

pub use lists::{
    Position, Stretch, find_position, history, list, list_in, list_of, list_stretch, list_versions,
};

/// The user's message with this id.
pub async fn find(db: impl Executor<'_>, owner: Uuid, id: Uuid) -> sqlx::Result<Option<Message>> {
    db.query(concat!(
        "SELECT ",
        columns!(),
        " FROM messages WHERE user_id = $1 AND id = $2"
    ))
    .bind(owner)
    .bind(id)
    .fetch_optional()
    .await
}

/// The message with this id in the user's conversation.
pub async fn find_in(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
    id: Uuid,
) -> sqlx::Result<Option<Message>> {
    db.query(concat!(
        "SELECT ",
        columns!(),
        " FROM messages WHERE user_id = $1 AND conversation_id = $2 AND id = $3"
    ))
    .bind(owner)
    .bind(conversation)
    .bind(id)
    .fetch_optional()
    .await
}

/// The answer that is being written in the user's conversation.
pub async fn find_running(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
) -> sqlx::Result<Option<Message>> {
    db.query(concat!(
        "SELECT ",
        columns!(),
        " FROM messages WHERE user_id = $1 AND conversation_id = $2 AND status = 'pending'"
    ))
    .bind(owner)
    .bind(conversation)
    .fetch_optional()
    .await
}

/// What an answer of the user's answers.
pub async fn find_question_of(
    db: impl Executor<'_>,
    owner: Uuid,
    answer: &Message,
) -> sqlx::Result<Option<Message>> {
    db.query(concat!(
        "SELECT ",
        columns!(),
        " FROM messages WHERE user_id = $1 AND id = $2 AND role = 'user'"
    ))
    .bind(owner)
    .bind(answer.parent_id)
    .fetch_optional()
    .await
}

/// The message shown in the user's conversation that the client calls so, else the one whose id it is.
pub async fn find_named(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
    client_id: &str,
    id: Option<Uuid>,
) -> sqlx::Result<Option<Message>> {
    db.query(concat!(
        "SELECT ",
        columns!(),
        " FROM messages
         WHERE user_id = $1 AND conversation_id = $2 AND is_active AND (client_id = $3 OR id = $4)
         ORDER BY CASE WHEN client_id = $3 THEN 0 ELSE 1 END
         LIMIT 1"
    ))
    .bind(owner)
    .bind(conversation)
    .bind(client_id)
    .bind(id)
    .fetch_optional()
    .await
}

/// What the user said last in a conversation.
pub async fn find_last_question(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
) -> sqlx::Result<Option<Message>> {
    db.query(concat!(
        "SELECT ",
        columns!(),
        " FROM messages
         WHERE user_id = $1 AND conversation_id = $2 AND is_active AND role = 'user'
         ORDER BY created_at DESC, id DESC
         LIMIT 1"
    ))
    .bind(owner)
    .bind(conversation)
    .fetch_optional()
    .await
}

/// The answer to something that the user said, that of its versions which is shown.
pub async fn find_answer_to(
    db: impl Executor<'_>,
    owner: Uuid,
    question: &Message,
) -> sqlx::Result<Option<Message>> {
    db.query(concat!(
        "SELECT ",
        columns!(),
        " FROM messages
         WHERE user_id = $1 AND conversation_id = $2 AND parent_id = $3 AND is_active AND role = 'assistant'
         LIMIT 1"
    ))
    .bind(owner)
    .bind(question.conversation_id)
    .bind(question.id)
    .fetch_optional()
    .await
}

/// The last answer shown in the user's conversation, or the last one that was begun by `until`.
pub async fn last_answer(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
    until: Option<DateTime<Utc>>,
) -> sqlx::Result<Option<Message>> {
    db.query(concat!(
        "SELECT ",
        columns!(),
        " FROM messages
         WHERE user_id = $1 AND conversation_id = $2 AND is_active AND role = 'assistant'
           AND ($3 IS NULL OR created_at <= $3)
         ORDER BY created_at DESC, id DESC
         LIMIT 1"
    ))
    .bind(owner)
    .bind(conversation)
    .bind(until)
    .fetch_optional()
    .await
}

/// The first answer shown in the user's conversation that was begun after `after`.
pub async fn next_answer(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
    after: DateTime<Utc>,
) -> sqlx::Result<Option<Message>> {
    db.query(concat!(
        "SELECT ",
        columns!(),
        " FROM messages
         WHERE user_id = $1 AND conversation_id = $2 AND is_active AND role = 'assistant' AND created_at > $3
         ORDER BY created_at, id
         LIMIT 1"
    ))
    .bind(owner)
    .bind(conversation)
    .bind(after)
    .fetch_optional()
    .await
}

/// Notes what the user thinks of a message; `false` if there is none with this id in the conversation.
pub async fn set_feedback(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
    id: Uuid,
    rating: Option<Rating>,
    comment: Option<&str>,
) -> sqlx::Result<bool> {
    let changed = db
        .query(
            "UPDATE messages
             SET feedback_rating = $4, feedback_comment = $5
             WHERE user_id = $1 AND conversation_id = $2 AND id = $3",
        )
        .bind(owner)
        .bind(conversation)
        .bind(id)
        .bind(rating.map(Rating::as_str))
        .bind(comment)
        .execute()
        .await?;
    Ok(changed > 0)
}
