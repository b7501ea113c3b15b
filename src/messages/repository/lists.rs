//! Lists of messages.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::db::{Executor, FromRow, Page, Row, Slice, Sql};
use crate::llm::ChatMessage;
use crate::messages::model::{Listed, Message};

/// All messages of the user's that are shown, oldest first. Their number comes from the conversations, which keep count.
pub async fn list(db: impl Executor<'_>, owner: Uuid, slice: Slice) -> sqlx::Result<Page<Message>> {
    db.query(concat!(
        "SELECT ",
        columns!(),
        ", (SELECT CAST(COALESCE(SUM(message_count), 0) AS BIGINT)
            FROM conversations
            WHERE user_id = $1) AS total
         FROM messages
         WHERE user_id = $1 AND is_active
         ORDER BY created_at, id
         LIMIT $2 + 0 OFFSET $3"
    ))
    .bind(owner)
    .bind(slice.limit)
    .bind(slice.offset)
    .fetch_page()
    .await
}

/// The messages that one of the user's conversations shows, oldest first. Their number comes from the conversation.
pub async fn list_in(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
    slice: Slice,
) -> sqlx::Result<Page<Message>> {
    db.query(concat!(
        "SELECT ",
        columns!(),
        ", (SELECT CAST(message_count AS BIGINT) FROM conversations WHERE user_id = $1 AND id = $2) AS total
         FROM messages
         WHERE user_id = $1 AND conversation_id = $2 AND is_active
         ORDER BY created_at, id
         LIMIT $3 + 0 OFFSET $4"
    ))
    .bind(owner)
    .bind(conversation)
    .bind(slice.limit)
    .bind(slice.offset)
    .fetch_page()
    .await
}

/// All messages that the user's conversation shows, oldest first.
pub async fn list_of(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
) -> sqlx::Result<Vec<Message>> {
    const MESSAGES: Sql = Sql {
        sqlite: concat!(
            "SELECT json_group_array(",
            sqlite_row!(),
            ") AS rows
             FROM (SELECT ",
            columns!(),
            "      FROM messages
                   WHERE user_id = $1 AND conversation_id = $2 AND is_active
                   ORDER BY created_at, id)"
        ),
        postgres: concat!(
            "SELECT CAST(COALESCE(json_agg(",
            postgres_row!(),
            " ORDER BY created_at, id), '[]') AS TEXT) AS rows
             FROM (SELECT ",
            columns!(),
            "      FROM messages
                   WHERE user_id = $1 AND conversation_id = $2 AND is_active) AS said"
        ),
    };
    db.query(MESSAGES)
        .bind(owner)
        .bind(conversation)
        .fetch_gathered()
        .await
}

/// What the user's conversation shows so far, oldest first, as a model is told it: whatever there is to read,
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
                       WHERE user_id = $1 AND conversation_id = $2 AND is_active AND status <> 'pending'
                         AND content <> ''
                       ORDER BY created_at, id)",
        postgres: "SELECT CAST(COALESCE(json_agg(json_build_array(role, content) ORDER BY created_at, id), '[]') AS TEXT)
                          AS rows
                   FROM messages
                   WHERE user_id = $1 AND conversation_id = $2 AND is_active AND status <> 'pending'
                         AND content <> ''",
    };
    db.query(HISTORY)
        .bind(owner)
        .bind(conversation)
        .fetch_gathered()
        .await
}

/// The versions of a message, the oldest text first: it and its siblings of the same role. The newest 200 of them.
pub async fn list_versions(
    db: impl Executor<'_>,
    owner: Uuid,
    message: &Message,
) -> sqlx::Result<Vec<Message>> {
    let mut versions: Vec<Message> = db
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM messages
             WHERE user_id = $1 AND conversation_id = $2 AND (parent_id = $3 OR parent_id IS NULL AND $3 IS NULL)
               AND role = $4
             ORDER BY COALESCE(edited_at, created_at) DESC, id DESC
             LIMIT 200"
        ))
        .bind(owner)
        .bind(message.conversation_id)
        .bind(message.parent_id)
        .bind(message.role.as_str())
        .fetch_all()
        .await?;
    versions.reverse();
    Ok(versions)
}

/// A place among the messages of a conversation.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    created_at: DateTime<Utc>,
    id: Uuid,
}

impl Position {
    /// Behind everything that will be said in the next eight thousand years.
    pub const END: Self = Self {
        created_at: match DateTime::from_timestamp(253_402_300_799, 0) {
            Some(time) => time,
            None => DateTime::UNIX_EPOCH,
        },
        id: Uuid::max(),
    };
}

/// Where a message is in the user's conversation: `None` if there is no such conversation, `Some(None)` if there is no
/// such message in it.
pub async fn find_position(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
    id: Option<Uuid>,
) -> sqlx::Result<Option<Option<Position>>> {
    struct Time(Option<DateTime<Utc>>);

    impl FromRow for Time {
        fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
            row.get("created_at").map(Self)
        }
    }

    let found: Option<Time> = db
        .query(
            "SELECT (SELECT created_at FROM messages
                     WHERE user_id = $1 AND conversation_id = $2 AND id = $3) AS created_at
             FROM conversations
             WHERE user_id = $1 AND id = $2",
        )
        .bind(owner)
        .bind(conversation)
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(found.map(|Time(time)| {
        time.zip(id)
            .map(|(created_at, id)| Position { created_at, id })
    }))
}

/// Which part of a conversation to read, from one place on.
#[derive(Clone, Copy, Debug)]
pub enum Stretch {
    /// The last messages before a place.
    Before(Position),
    /// The first messages after a place.
    After(Position),
}

/// Up to `limit` messages that the user's conversation shows, oldest first. What comes before or after them is not read,
/// however much that is.
pub async fn list_stretch(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
    which: Stretch,
    limit: i64,
) -> sqlx::Result<Vec<Listed>> {
    /// The statement with a comparison and an order of its own. Versions are counted by the index of parents, of which
    /// Postgres cannot make use if null is to be like null.
    macro_rules! stretch {
        ($comparison:literal, $order:literal) => {
            Sql {
                sqlite: concat!(
                    "SELECT json_group_array(json_array(",
                    sqlite_row!(),
                    ", version, version_count)) AS rows
                     FROM (SELECT *
                           FROM (SELECT ",
                    columns!(),
                    ", (SELECT COUNT(*) FROM messages AS sibling
                        WHERE sibling.user_id = $1 AND sibling.conversation_id = $2
                          AND sibling.parent_id IS messages.parent_id AND sibling.role = messages.role
                          AND (COALESCE(sibling.edited_at, sibling.created_at), sibling.id)
                              <= (COALESCE(messages.edited_at, messages.created_at), messages.id)) AS version,
                       (SELECT COUNT(*) FROM messages AS sibling
                        WHERE sibling.user_id = $1 AND sibling.conversation_id = $2
                          AND sibling.parent_id IS messages.parent_id AND sibling.role = messages.role) AS version_count
                                 FROM messages
                                 WHERE user_id = $1 AND conversation_id = $2 AND is_active AND (created_at, id) ",
                    $comparison,
                    " ($3, $4) ORDER BY ",
                    $order,
                    "            LIMIT $5 + 0)
                           ORDER BY created_at, id)"
                ),
                postgres: concat!(
                    "SELECT CAST(COALESCE(json_agg(json_build_array(",
                    postgres_row!(),
                    ", version, version_count) ORDER BY created_at, id), '[]') AS TEXT) AS rows
                     FROM (SELECT ",
                    columns!(),
                    ", (SELECT COUNT(*) FROM messages AS sibling
                        WHERE sibling.user_id = $1 AND sibling.conversation_id = $2
                          AND (sibling.parent_id = messages.parent_id
                               OR sibling.parent_id IS NULL AND messages.parent_id IS NULL)
                          AND sibling.role = messages.role
                          AND (COALESCE(sibling.edited_at, sibling.created_at), sibling.id)
                              <= (COALESCE(messages.edited_at, messages.created_at), messages.id)) AS version,
                       (SELECT COUNT(*) FROM messages AS sibling
                        WHERE sibling.user_id = $1 AND sibling.conversation_id = $2
                          AND (sibling.parent_id = messages.parent_id
                               OR sibling.parent_id IS NULL AND messages.parent_id IS NULL)
                          AND sibling.role = messages.role) AS version_count
                           FROM messages
                           WHERE user_id = $1 AND conversation_id = $2 AND is_active AND (created_at, id) ",
                    $comparison,
                    " ($3, $4) ORDER BY ",
                    $order,
                    "      LIMIT $5) AS said"
                ),
            }
        };
    }
    const BEFORE: Sql = stretch!("<", "created_at DESC, id DESC");
    const AFTER: Sql = stretch!(">", "created_at, id");

    let (sql, position) = match which {
        Stretch::Before(position) => (BEFORE, position),
        Stretch::After(position) => (AFTER, position),
    };
    db.query(sql)
        .bind(owner)
        .bind(conversation)
        .bind(position.created_at)
        .bind(position.id)
        .bind(limit)
        .fetch_gathered()
        .await
}
