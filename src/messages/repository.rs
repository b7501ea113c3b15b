//! All SQL about messages as such. Every statement is limited to its owner's.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::model::Message;
use crate::db::{Executor, Page, Slice, Sql};
use crate::llm::ChatMessage;

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
         tokens_used, prompt_tokens, completion_tokens, usage_estimated, left_out, created_at,
         fallback_from"
    };
}

/// All of the user's messages, oldest first. Their number comes from the conversations, which keep count.
pub async fn list(db: impl Executor<'_>, owner: Uuid, slice: Slice) -> sqlx::Result<Page<Message>> {
    db.query(concat!(
        "SELECT ",
        columns!(),
        ", (SELECT CAST(COALESCE(SUM(message_count), 0) AS BIGINT)
            FROM conversations
            WHERE user_id = $1) AS total
         FROM messages
         WHERE user_id = $1
         ORDER BY created_at, id
         LIMIT $2 + 0 OFFSET $3"
    ))
    .bind(owner)
    .bind(slice.limit)
    .bind(slice.offset)
    .fetch_page()
    .await
}

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
        " FROM messages
         WHERE user_id = $1 AND conversation_id = $2 AND created_at < $3 AND role = 'user'
         ORDER BY created_at DESC, id DESC
         LIMIT 1"
    ))
    .bind(owner)
    .bind(answer.conversation_id)
    .bind(answer.created_at)
    .fetch_optional()
    .await
}

/// The message of the user's conversation that the client calls so, else the one whose id it is.
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
         WHERE user_id = $1 AND conversation_id = $2 AND (client_id = $3 OR id = $4)
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
         WHERE user_id = $1 AND conversation_id = $2 AND role = 'user'
         ORDER BY created_at DESC, id DESC
         LIMIT 1"
    ))
    .bind(owner)
    .bind(conversation)
    .fetch_optional()
    .await
}

/// The answer to something that the user said.
pub async fn find_answer_to(
    db: impl Executor<'_>,
    owner: Uuid,
    question: &Message,
) -> sqlx::Result<Option<Message>> {
    db.query(concat!(
        "SELECT ",
        columns!(),
        " FROM messages
         WHERE user_id = $1 AND conversation_id = $2 AND created_at > $3 AND role = 'assistant'
         ORDER BY created_at, id
         LIMIT 1"
    ))
    .bind(owner)
    .bind(question.conversation_id)
    .bind(question.created_at)
    .fetch_optional()
    .await
}

/// The last answer in the user's conversation, or the last one that was begun by `until`.
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
         WHERE user_id = $1 AND conversation_id = $2 AND role = 'assistant' AND ($3 IS NULL OR created_at <= $3)
         ORDER BY created_at DESC, id DESC
         LIMIT 1"
    ))
    .bind(owner)
    .bind(conversation)
    .bind(until)
    .fetch_optional()
    .await
}

/// The first answer in the user's conversation that was begun after `after`.
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
         WHERE user_id = $1 AND conversation_id = $2 AND role = 'assistant' AND created_at > $3
         ORDER BY created_at, id
         LIMIT 1"
    ))
    .bind(owner)
    .bind(conversation)
    .bind(after)
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
        sqlite: concat!(
            "SELECT json_group_array(json_array(
                 lower(hex(id)), lower(hex(conversation_id)), client_id, role, content, status, model, finish_reason,
                 error, error_code, reasoning, tokens_used, prompt_tokens, completion_tokens,
                 json(iif(usage_estimated, 'true', 'false')), left_out, created_at, fallback_from)) AS rows
             FROM (SELECT ",
            columns!(),
            "      FROM messages
                   WHERE user_id = $1 AND conversation_id = $2
                   ORDER BY created_at, id)"
        ),
        postgres: concat!(
            "SELECT CAST(COALESCE(json_agg(json_build_array(
                 id, conversation_id, client_id, role, content, status, model, finish_reason, error, error_code,
                 reasoning, tokens_used, prompt_tokens, completion_tokens, usage_estimated, left_out, created_at,
                 fallback_from)
                 ORDER BY created_at, id), '[]') AS TEXT) AS rows
             FROM (SELECT ",
            columns!(),
            "      FROM messages
                   WHERE user_id = $1 AND conversation_id = $2) AS said"
        ),
    };
    db.query(MESSAGES)
        .bind(owner)
        .bind(conversation)
        .fetch_gathered()
        .await
}

/// What was said so far in the user's conversation, oldest first, as a model is told it: whatever there is to read,
/// but no answers that never came and none that is being written.
pub async fn history(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
) -> sqlx::Result<Vec<ChatMessage>> {
    const HISTORY: Sql = Sql {
        sqlite: "SELECT json_group_array(json_array(role, content)) AS rows
                 FROM (SELECT role, content
                       FROM messages
                       WHERE user_id = $1 AND conversation_id = $2 AND status <> 'pending' AND content <> ''
                       ORDER BY created_at, id)",
        postgres: "SELECT CAST(COALESCE(json_agg(json_build_array(role, content) ORDER BY created_at, id), '[]') AS TEXT)
                          AS rows
                   FROM messages
                   WHERE user_id = $1 AND conversation_id = $2 AND status <> 'pending' AND content <> ''",
    };
    db.query(HISTORY)
        .bind(owner)
        .bind(conversation)
        .fetch_gathered()
        .await
}
