//! All SQL about the list of everybody's messages.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::matching::{Matching, contains};
use crate::admin::conversations::title::title;
use crate::admin::lists::deletion::{self, Losses, chosen_pairs};
use crate::admin::lists::owner::owner_of;
use crate::admin::lists::statements::statements;
use crate::admin::lists::{Chosen, Statements};
use crate::db::{Db, Executor, FromRow, Row, Sql};

/// The condition that is made of `$7` to `$14`: `$13` is part of a title or an e-mail address, `$14` are words of the content.
macro_rules! wanted {
    ($database:ident, $position:literal) => {
        concat!(
            "AND ($7 IS NULL OR messages.role = $7) AND ($8 IS NULL OR messages.status = $8)
             AND ($9 IS NULL OR messages.model = $9)
             AND ($10 IS NULL OR messages.created_at >= $10) AND ($11 IS NULL OR messages.created_at < $11)
             AND ($12 IS NULL OR messages.user_id = $12)
             AND ($13 IS NULL
                  OR ", $position, "(lower((SELECT ", title!("talk."), " FROM conversations AS talk
                                            WHERE talk.user_id = messages.user_id AND talk.id = messages.conversation_id)),
                                    lower($13)) > 0
                  OR ", $position, "((SELECT email_key FROM users AS owner WHERE owner.id = messages.user_id), lower($13)) > 0
                  OR CAST($14 AS TEXT) IS NOT NULL AND ", contains!($database, "$14"), ")"
        )
    };
}

/// The list as one driver reads it, by the time.
macro_rules! driven {
    ($driver:literal) => {
        driven!("messages", "messages", $driver)
    };
    ($base:expr, $pg_base:expr, $driver:literal) => {
        statements! {
            columns: concat!(
                "messages.id, messages.user_id, messages.conversation_id, ", title!(), " AS title, users.email,
                 messages.role, messages.model, messages.tokens_used, messages.status, messages.created_at,
                 substr(messages.content, 1, 200) AS beginning"
            ),
            base: ($base, $pg_base),
            joins: "LEFT JOIN conversations ON conversations.user_id = messages.user_id
                                           AND conversations.id = messages.conversation_id
                    LEFT JOIN users ON users.id = messages.user_id",
            driver: $driver,
            wanted: (wanted!(sqlite, "instr"), wanted!(postgres, "strpos")),
            key: ("messages.created_at", "messages.created_at"),
            id: "messages.id"
        }
    };
}

/// The messages that [`Matching`] finds, of `$6`. Each step reads the rows of the one before, whatever else is there. In
/// SQLite's index each user has a stretch of 2^32 numbers, which tells whose a document is.
macro_rules! found {
    (sqlite) => {
        concat!(
            "(SELECT messages.*
              FROM (SELECT messages.user_id, messages.id
                    FROM conversations
                    CROSS JOIN messages ON messages.user_id = conversations.user_id
                                       AND messages.conversation_id = conversations.id
                    WHERE instr(lower(", title!(), "), lower($6 ->> 'text')) > 0
                       OR conversations.user_id IN (SELECT id FROM users
                                                    WHERE instr(email_key, lower($6 ->> 'text')) > 0)
                    UNION
                    SELECT document.user_id, document.message_id
                    FROM search_index
                    CROSS JOIN (WITH stretches AS MATERIALIZED (
                                    SELECT id AS user_id,
                                           (SELECT MIN(number) FROM search_documents WHERE user_id = users.id) >> 32 AS stretch
                                    FROM users)
                                SELECT * FROM stretches) AS stretches ON stretches.stretch = search_index.rowid >> 32
                    CROSS JOIN search_documents AS document ON document.user_id = stretches.user_id
                                                           AND document.number = search_index.rowid
                    WHERE search_index MATCH 'words : (' || COALESCE($6 ->> 'words', '\"\"') || ')'
                      AND document.message_id IS NOT NULL) AS found
              CROSS JOIN messages ON messages.user_id = found.user_id AND messages.id = found.id) AS messages"
        )
    };
    (postgres) => {
        concat!(
            "(SELECT messages.*
              FROM (SELECT inner_messages.user_id, inner_messages.id
                    FROM (SELECT conversations.user_id, conversations.id
                          FROM (SELECT lower(CAST($6 AS JSON) ->> 'text') AS text OFFSET 0) AS wanted
                          CROSS JOIN conversations
                          JOIN users ON users.id = conversations.user_id
                          WHERE strpos(lower(", title!(), "), wanted.text) > 0 OR strpos(users.email_key, wanted.text) > 0
                          OFFSET 0) AS talks
                    CROSS JOIN LATERAL (SELECT user_id, id FROM messages
                                        WHERE user_id = talks.user_id AND conversation_id = talks.id
                                        OFFSET 0) AS inner_messages
                    UNION
                    SELECT user_id, message_id
                    FROM search_documents
                    WHERE words @@ search_query('!''@title''', CAST($6 AS JSON) ->> 'words')) AS found
              CROSS JOIN LATERAL (SELECT * FROM messages
                                  WHERE user_id = found.user_id AND id = found.id
                                  OFFSET 0) AS messages
              OFFSET 0) AS messages"
        )
    };
}

/// All, the driver being their time alone.
pub static RECENT: Statements = driven!("AND CAST($6 AS TEXT) IS NULL");
/// Those of the user `$6`.
pub static OF_USER: Statements = driven!("AND messages.user_id = $6");
/// Those of the model `$6`.
pub static OF_MODEL: Statements = driven!("AND messages.model = $6 AND messages.model <> ''");
/// Those of the status `$6`, which is none of the usual ones.
pub static OF_STATUS: Statements =
    driven!("AND messages.status = $6 AND messages.status IN ('stopped', 'failed', 'interrupted')");
/// Those that are found by the [`Matching`] `$6`.
pub static FOUND: Statements = driven!(
    found!(sqlite),
    found!(postgres),
    "AND CAST($6 AS TEXT) IS NOT NULL"
);

/// A message in the list.
pub struct Listed {
    pub id: Uuid,
    pub user_id: Uuid,
    pub title: String,
    pub email: String,
    pub role: String,
    pub model: String,
    pub tokens_used: Option<i32>,
    pub status: String,
    pub created_at: DateTime<Utc>,
    /// Only for those who may read it, and written down when they do.
    pub beginning: String,
}

impl FromRow for Listed {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            user_id: row.get("user_id")?,
            title: row.get("title")?,
            email: row.get("email")?,
            role: row.get("role")?,
            model: row.get("model")?,
            tokens_used: row.get("tokens_used")?,
            status: row.get("status")?,
            created_at: row.get("created_at")?,
            beginning: row.get("beginning")?,
        })
    }
}

struct Number(i64);

impl FromRow for Number {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("number").map(Self)
    }
}

/// How many messages there are in conversations whose title or owner matches.
pub async fn count_by_conversation(db: &Db, matching: &Matching) -> sqlx::Result<i64> {
    macro_rules! count {
        ($position:literal) => {
            concat!(
                "SELECT CAST(COALESCE(SUM(message_count), 0) AS BIGINT) AS number
                 FROM conversations
                 WHERE ",
                $position,
                "(lower(",
                title!(),
                "), lower($1)) > 0
                    OR user_id IN (SELECT id FROM users WHERE ",
                $position,
                "(email_key, lower($1)) > 0)"
            )
        };
    }
    const COUNT: Sql = Sql {
        sqlite: count!("instr"),
        postgres: count!("strpos"),
    };
    let Number(number) = db.query(COUNT).bind(&matching.text).fetch_one().await?;
    Ok(number)
}

/// How many messages have the words, at most `limit`.
pub async fn count_by_content(db: &Db, matching: &Matching, limit: i64) -> sqlx::Result<i64> {
    const COUNT: Sql = Sql {
        sqlite: "SELECT COUNT(*) AS number
                 FROM (SELECT 1 FROM search_index WHERE search_index MATCH 'words : (' || $1 || ')' LIMIT $2 + 0)",
        postgres: "SELECT COUNT(*) AS number
                   FROM (SELECT 1 FROM search_documents WHERE words @@ search_query('!''@title''', $1) LIMIT $2 + 0) AS found",
    };
    let Some(words) = &matching.words else {
        return Ok(0);
    };
    let Number(number) = db.query(COUNT).bind(words).bind(limit).fetch_one().await?;
    Ok(number)
}

/// Whose message this is. Looked for user by user, because ids are indexed behind their owners'.
pub async fn find_owner(db: &Db, id: Uuid) -> sqlx::Result<Option<Uuid>> {
    owner_of!("messages", db, id)
}

/// What these messages are called, those that are there.
pub async fn labels(db: &Db, chosen: &[Chosen]) -> sqlx::Result<Vec<String>> {
    macro_rules! labels {
        ($database:ident) => {
            concat!(
                "SELECT messages.role || ' in ' || ",
                title!(),
                " || ' (' || users.email || ')' AS label
                 FROM messages
                 JOIN users ON users.id = messages.user_id
                 JOIN conversations ON conversations.user_id = messages.user_id
                                   AND conversations.id = messages.conversation_id
                 WHERE (messages.user_id, messages.id) IN ",
                chosen_pairs!($database),
                " ORDER BY messages.created_at, messages.id"
            )
        };
    }
    const LABELS: Sql = Sql {
        sqlite: labels!(sqlite),
        postgres: labels!(postgres),
    };
    deletion::labels(db, LABELS, chosen).await
}

/// What goes with these messages: the answers to the questions among them.
pub async fn losses(db: &Db, chosen: &[Chosen]) -> sqlx::Result<Losses> {
    macro_rules! losses {
        ($database:ident) => {
            concat!(
                "SELECT CAST(0 AS BIGINT) AS agents, CAST(0 AS BIGINT) AS conversations, CAST(0 AS BIGINT) AS files,
                        CAST(0 AS BIGINT) AS shares,
                        (SELECT COUNT(*)
                         FROM messages AS question
                         JOIN messages AS answer ON answer.user_id = question.user_id
                                                AND answer.conversation_id = question.conversation_id
                                                AND answer.parent_id = question.id
                         WHERE (question.user_id, question.id) IN ", chosen_pairs!($database), "
                           AND (answer.user_id, answer.id) NOT IN ", chosen_pairs!($database), "
                           AND question.role = 'user' AND answer.role = 'assistant') AS messages"
            )
        };
    }
    const LOSSES: Sql = Sql {
        sqlite: losses!(sqlite),
        postgres: losses!(postgres),
    };
    deletion::losses(db, LOSSES, chosen).await
}

/// A message by itself.
pub struct Detail {
    pub id: Uuid,
    pub conversation_id: Uuid,
    pub title: String,
    pub email: String,
    pub role: String,
    pub model: String,
    pub status: String,
    pub error: Option<String>,
    pub finish_reason: Option<String>,
    pub tokens_used: Option<i32>,
    pub is_active: bool,
    pub feedback_rating: Option<String>,
    pub created_at: DateTime<Utc>,
    pub edited_at: Option<DateTime<Utc>>,
    /// How long the content is, in characters.
    pub length: i32,
    /// Only for those who may read it, and written down when they do.
    pub content: Option<String>,
    pub reasoning: Option<String>,
}

impl FromRow for Detail {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            conversation_id: row.get("conversation_id")?,
            title: row.get("title")?,
            email: row.get("email")?,
            role: row.get("role")?,
            model: row.get("model")?,
            status: row.get("status")?,
            error: row.get("error")?,
            finish_reason: row.get("finish_reason")?,
            tokens_used: row.get("tokens_used")?,
            is_active: row.get("is_active")?,
            feedback_rating: row.get("feedback_rating")?,
            created_at: row.get("created_at")?,
            edited_at: row.get("edited_at")?,
            length: row.get("length")?,
            content: row.get("content")?,
            reasoning: row.get("reasoning")?,
        })
    }
}

/// The user's message with this id; what it says only `with_content`.
pub async fn find(
    db: &Db,
    owner: Uuid,
    id: Uuid,
    with_content: bool,
) -> sqlx::Result<Option<Detail>> {
    db.query(concat!(
        "SELECT messages.id, messages.conversation_id, ",
        title!(),
        " AS title, users.email, messages.role, messages.model,
                messages.status, messages.error, messages.finish_reason, messages.tokens_used, messages.is_active,
                messages.feedback_rating, messages.created_at, messages.edited_at,
                CAST(length(messages.content) AS INTEGER) AS length,
                CASE WHEN $3 THEN messages.content END AS content, CASE WHEN $3 THEN messages.reasoning END AS reasoning
         FROM messages
         JOIN conversations ON conversations.user_id = messages.user_id AND conversations.id = messages.conversation_id
         JOIN users ON users.id = messages.user_id
         WHERE messages.user_id = $1 AND messages.id = $2",
    ))
    .bind(owner)
    .bind(id)
    .bind(with_content)
    .fetch_optional()
    .await
}
