//! The SQL of forks. Every statement is limited to its owner's.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::clock;
use crate::conversations::Conversation;
use crate::db::{Db, Executor, FromRow, Row, Sql};

/// Begins a conversation like the user's one with this id, with copies of the messages that are shown of it and are not
/// being written, those until `until` or all; `None` if the user has none with this id. A title that nobody chose is as
/// makeshift as the one that it was made of.
pub async fn fork(
    db: &Db,
    owner: Uuid,
    id: Uuid,
    until: Option<DateTime<Utc>>,
    title: &str,
    is_chosen: bool,
    at: DateTime<Utc>,
) -> sqlx::Result<Option<Conversation>> {
    macro_rules! are_copied {
        () => {
            "user_id = $1 AND conversation_id = $2 AND is_active AND status <> 'pending'
             AND ($5 IS NULL OR created_at <= $5)"
        };
    }
    macro_rules! begin {
        () => {
            concat!(
                "INSERT INTO conversations (user_id, id, agent_id, title, has_makeshift_title, tags, created_at, updated_at,
                                            message_count, last_message_role, last_message_preview, last_message_at)
                 SELECT $1, $3, agent_id, $4, has_makeshift_title AND NOT $8, tags, $6, $6,
                        (SELECT COUNT(*) FROM messages WHERE ",
                are_copied!(),
                "), last.role, last.preview, last.said_at
                 FROM conversations
                 LEFT JOIN (SELECT role, substr(content, 1, 100) AS preview, created_at AS said_at
                            FROM messages
                            WHERE ",
                are_copied!(),
                "             AND content <> ''
                            ORDER BY created_at DESC, id DESC
                            LIMIT 1) AS last ON TRUE
                 WHERE user_id = $1 AND id = $2
                 RETURNING *"
            )
        };
    }
    macro_rules! copy {
        ($id:literal, $parent:literal) => {
            concat!(
                "INSERT INTO messages (user_id, conversation_id, id, parent_id, role, content, status, model,
                                       finish_reason, error, error_code, reasoning, tokens_used, prompt_tokens,
                                       completion_tokens, usage_estimated, left_out, edited_at, fallback_from,
                                       is_interleaved, created_at)
                 SELECT user_id, $3, ",
                $id,
                ", CASE WHEN number > 1 THEN ",
                $parent,
                " END, role, content, status, model, finish_reason, error, error_code, reasoning, tokens_used,
                        prompt_tokens, completion_tokens, usage_estimated, left_out, edited_at, fallback_from,
                        is_interleaved, created_at
                 FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY created_at, id) AS number
                       FROM messages
                       WHERE ",
                are_copied!(),
                ") AS said"
            )
        };
    }
    // The copies are numbered in their ids, so that each knows the one before it.
    const FORK: Sql = Sql {
        sqlite: concat!(
            "BEGIN IMMEDIATE; ",
            begin!(),
            "; ",
            copy!(
                "unhex($7 || printf('%08x', number))",
                "unhex($7 || printf('%08x', number - 1))"
            ),
            "; COMMIT"
        ),
        postgres: concat!(
            "WITH made AS (",
            begin!(),
            "), copied AS (",
            copy!(
                "CAST($7 || lpad(to_hex(number), 8, '0') AS UUID)",
                "CAST($7 || lpad(to_hex(number - 1), 8, '0') AS UUID)"
            ),
            ") SELECT * FROM made"
        ),
    };
    let mut first_digits = clock::new_id().simple().to_string();
    first_digits.truncate(24);
    let made = db
        .query(FORK)
        .bind(owner)
        .bind(id)
        .bind(clock::new_id())
        .bind(title)
        .bind(until)
        .bind(at)
        .bind(first_digits)
        .bind(is_chosen)
        .fetch_atomically()
        .await?;
    Ok(made.into_iter().next())
}

/// When a message was said that is shown in the user's conversation.
pub async fn find_time(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
    message: Uuid,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    struct Time(DateTime<Utc>);
    impl FromRow for Time {
        fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
            row.get("created_at").map(Self)
        }
    }
    let time: Option<Time> = db
        .query(
            "SELECT created_at
             FROM messages
             WHERE user_id = $1 AND id = $3 AND conversation_id = $2 AND is_active",
        )
        .bind(owner)
        .bind(conversation)
        .bind(message)
        .fetch_optional()
        .await?;
    Ok(time.map(|Time(time)| time))
}
