//! All SQL about everybody's conversations.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::title::title;
use crate::admin::lists::deletion::{self, Label, Losses, chosen_pairs};
use crate::admin::lists::owner::owner_of;
use crate::admin::lists::place::Place;
use crate::admin::lists::statements::statements;
use crate::admin::lists::{Chosen, Statements};
use crate::db::{Db, Executor, FromRow, Row, Sql};

/// The condition that is made of `$7` to `$14`.
macro_rules! wanted {
    ($position:literal) => {
        concat!(
            "AND ($7 IS NULL OR conversations.is_archived = $7) AND ($8 IS NULL OR conversations.is_pinned = $8)
             AND ($9 IS NULL OR conversations.created_at >= $9) AND ($10 IS NULL OR conversations.created_at < $10)
             AND ($11 IS NULL OR conversations.updated_at >= $11) AND ($12 IS NULL OR conversations.updated_at < $12)
             AND ($13 IS NULL OR conversations.agent_id = $13)
             AND ($14 IS NULL OR ", $position, "(lower(", title!(), "), lower($14)) > 0
                  OR ", $position, "((SELECT email_key FROM users AS owner WHERE owner.id = conversations.user_id), lower($14)) > 0)"
        )
    };
}

/// The list in one order: everybody's, and that of one user.
pub struct Sorted {
    pub everybody: Statements,
    pub user: Statements,
}

macro_rules! sorted {
    ($key:expr, $pg_key:expr) => {
        Sorted {
            everybody: sorted!($key, $pg_key, "AND CAST($6 AS TEXT) IS NULL"),
            user: sorted!($key, $pg_key, "AND conversations.user_id = $6"),
        }
    };
    ($key:expr, $pg_key:expr, $driver:literal) => {
        statements! {
            columns: concat!(
                "conversations.id, conversations.user_id, ", title!(), " AS title, users.email, agents.name AS agent,
                 conversations.message_count, conversations.created_at, conversations.updated_at"
            ),
            base: ("conversations", "conversations"),
            joins: "LEFT JOIN users ON users.id = conversations.user_id
                    LEFT JOIN agents ON agents.user_id = conversations.user_id AND agents.id = conversations.agent_id",
            driver: $driver,
            wanted: (wanted!("instr"), wanted!("strpos")),
            key: ($key, $pg_key),
            id: "conversations.id"
        }
    };
}

pub static BY_TITLE: Sorted = sorted!(
    concat!("lower(", title!(), ")"),
    concat!("lower(", title!(), ") COLLATE \"C\"")
);
pub static BY_CREATION: Sorted = sorted!("conversations.created_at", "conversations.created_at");
pub static BY_ACTIVITY: Sorted = sorted!("conversations.updated_at", "conversations.updated_at");

/// A conversation in the list.
pub struct Listed {
    pub id: Uuid,
    pub user_id: Uuid,
    pub title: String,
    pub email: String,
    pub agent: String,
    pub message_count: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl FromRow for Listed {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            user_id: row.get("user_id")?,
            title: row.get("title")?,
            email: row.get("email")?,
            agent: row.get("agent")?,
            message_count: row.get("message_count")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// What the user's conversation is called.
pub async fn find_title(
    db: impl Executor<'_>,
    owner: Uuid,
    id: Uuid,
) -> sqlx::Result<Option<String>> {
    const TITLE: &str = concat!(
        "SELECT ",
        title!(),
        " AS label FROM conversations WHERE user_id = $1 AND id = $2"
    );
    let found: Option<Label> = db
        .query(TITLE)
        .bind(owner)
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(found.map(|Label(title)| title))
}

/// What these conversations are called, those that are there.
pub async fn labels(db: &Db, chosen: &[Chosen]) -> sqlx::Result<Vec<String>> {
    macro_rules! labels {
        ($database:ident) => {
            concat!(
                "SELECT ",
                title!(),
                " || ' (' || users.email || ')' AS label
                 FROM conversations
                 JOIN users ON users.id = conversations.user_id
                 WHERE (conversations.user_id, conversations.id) IN ",
                chosen_pairs!($database),
                " ORDER BY users.email_key, conversations.id"
            )
        };
    }
    const LABELS: Sql = Sql {
        sqlite: labels!(sqlite),
        postgres: labels!(postgres),
    };
    deletion::labels(db, LABELS, chosen).await
}

/// What goes with these conversations.
pub async fn losses(db: &Db, chosen: &[Chosen]) -> sqlx::Result<Losses> {
    macro_rules! losses {
        ($database:ident) => {
            concat!(
                "SELECT CAST(0 AS BIGINT) AS agents, CAST(0 AS BIGINT) AS conversations, CAST(0 AS BIGINT) AS files,
                        (SELECT COUNT(*) FROM messages WHERE (user_id, conversation_id) IN ", chosen_pairs!($database), ")
                            AS messages,
                        (SELECT COUNT(*) FROM shares WHERE (user_id, conversation_id) IN ", chosen_pairs!($database), ")
                            AS shares"
            )
        };
    }
    const LOSSES: Sql = Sql {
        sqlite: losses!(sqlite),
        postgres: losses!(postgres),
    };
    deletion::losses(db, LOSSES, chosen).await
}

/// Whose conversation this is. Looked for user by user, because ids are indexed behind their owners'.
pub async fn find_owner(db: &Db, id: Uuid) -> sqlx::Result<Option<Uuid>> {
    owner_of!("conversations", db, id)
}

/// A message among those of its conversation.
pub struct Line {
    pub id: Uuid,
    pub role: String,
    pub status: String,
    pub model: String,
    pub tokens_used: Option<i32>,
    pub created_at: DateTime<Utc>,
    /// How long the content is, in characters.
    pub length: i32,
    /// Only for those who may read it, and written down when they do.
    pub content: Option<String>,
}

impl FromRow for Line {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            role: row.get("role")?,
            status: row.get("status")?,
            model: row.get("model")?,
            tokens_used: row.get("tokens_used")?,
            created_at: row.get("created_at")?,
            length: row.get("length")?,
            content: row.get("content")?,
        })
    }
}

/// The messages that the user's conversation shows, from a place on, the oldest first; what they say only `with_contents`.
pub async fn list_lines(
    db: &Db,
    owner: Uuid,
    conversation: Uuid,
    after: &Place,
    limit: i64,
    with_contents: bool,
) -> sqlx::Result<Vec<Line>> {
    let query = db.query(
        "SELECT id, role, status, model, tokens_used, created_at, CAST(length(content) AS INTEGER) AS length,
                CASE WHEN $6 THEN content END AS content
         FROM messages
         WHERE user_id = $3 AND conversation_id = $4 AND is_active AND (created_at, id) > ($1, $2)
         ORDER BY created_at, id
         LIMIT $5 + 0",
    );
    after
        .bind(query)
        .bind(owner)
        .bind(conversation)
        .bind(limit)
        .bind(with_contents)
        .fetch_all()
        .await
}
