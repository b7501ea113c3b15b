//! All SQL about everybody's agents.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::admin::lists::deletion::{self, Label, Losses, chosen, chosen_pairs};
use crate::admin::lists::owner::owner_of;
use crate::admin::lists::statements::statements;
use crate::admin::lists::{Chosen, Statements};
use crate::clock;
use crate::db::{Db, Executor, FromRow, Row, Sql, Tx};

/// The condition that is made of `$6` to `$12`.
macro_rules! wanted {
    ($position:literal) => {
        concat!(
            "AND ($6 IS NULL OR agents.llm_provider = $6) AND ($7 IS NULL OR agents.is_active = $7)
             AND ($8 IS NULL OR agents.is_default = $8)
             AND ($9 IS NULL OR agents.created_at >= $9) AND ($10 IS NULL OR agents.created_at < $10)
             AND ($11 IS NULL OR agents.user_id = $11)
             AND ($12 IS NULL OR ", $position, "(lower(agents.name), lower($12)) > 0
                  OR ", $position, "((SELECT email_key FROM users AS owner WHERE owner.id = agents.user_id), lower($12)) > 0
                  OR ", $position, "(lower(agents.model), lower($12)) > 0
                  OR ", $position, "(lower(agents.description), lower($12)) > 0)"
        )
    };
}

/// The list in the order of a value, as SQLite has it and Postgres.
macro_rules! sorted {
    ($key:literal, $pg_key:literal) => {
        sorted!($key, $pg_key, "agents", "LEFT JOIN users ON users.id = agents.user_id")
    };
    ($key:literal, $pg_key:literal, $base:literal, $joins:literal) => {
        statements! {
            columns: "agents.id, agents.user_id, agents.name, users.email, agents.llm_provider, agents.model,
                      agents.is_default, agents.is_active, agents.created_at",
            base: ($base, $base),
            joins: $joins,
            driver: "",
            wanted: (wanted!("instr"), wanted!("strpos")),
            key: ($key, $pg_key),
            id: "agents.id"
        }
    };
}

pub static BY_NAME: Statements = sorted!("lower(agents.name)", "lower(agents.name) COLLATE \"C\"");
pub static BY_USER: Statements = sorted!(
    "users.email_key",
    "users.email_key COLLATE \"C\"",
    "agents JOIN users ON users.id = agents.user_id",
    ""
);
pub static BY_PROVIDER: Statements =
    sorted!("agents.llm_provider", "agents.llm_provider COLLATE \"C\"");
pub static BY_MODEL: Statements = sorted!("agents.model", "agents.model COLLATE \"C\"");
pub static BY_DEFAULT: Statements = sorted!("agents.is_default", "agents.is_default");
pub static BY_ACTIVE: Statements = sorted!("agents.is_active", "agents.is_active");
pub static BY_CREATION: Statements = sorted!("agents.created_at", "agents.created_at");

/// An agent in the list.
pub struct Listed {
    pub id: Uuid,
    pub user_id: Uuid,
    pub name: String,
    pub email: String,
    pub llm_provider: String,
    pub model: String,
    pub is_default: bool,
    pub is_active: bool,
    pub created_at: DateTime<Utc>,
}

impl FromRow for Listed {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            user_id: row.get("user_id")?,
            name: row.get("name")?,
            email: row.get("email")?,
            llm_provider: row.get("llm_provider")?,
            model: row.get("model")?,
            is_default: row.get("is_default")?,
            is_active: row.get("is_active")?,
            created_at: row.get("created_at")?,
        })
    }
}

/// Whose agent this is. Looked for user by user, because ids are indexed behind their owners'.
pub async fn find_owner(db: &Db, id: Uuid) -> sqlx::Result<Option<Uuid>> {
    owner_of!("agents", db, id)
}

/// Switches an agent on or off, whatever else it is; returns its name, `None` if it is so already or gone.
pub async fn set_active(
    tx: &mut Tx,
    owner: Uuid,
    id: Uuid,
    is_active: bool,
) -> sqlx::Result<Option<String>> {
    let changed: Option<Label> = tx
        .query(
            "UPDATE agents
             SET is_active = $3, updated_at = $4
             WHERE user_id = $1 AND id = $2 AND is_active <> $3
             RETURNING name AS label",
        )
        .bind(owner)
        .bind(id)
        .bind(is_active)
        .bind(clock::now())
        .fetch_optional()
        .await?;
    Ok(changed.map(|Label(name)| name))
}

/// What these agents are called, those that are there.
pub async fn labels(db: &Db, chosen: &[Chosen]) -> sqlx::Result<Vec<String>> {
    macro_rules! labels {
        ($database:ident) => {
            concat!(
                "SELECT agents.name || ' (' || users.email || ')' AS label
                 FROM agents
                 JOIN users ON users.id = agents.user_id
                 WHERE (agents.user_id, agents.id) IN ",
                chosen_pairs!($database),
                " ORDER BY users.email_key, agents.name"
            )
        };
    }
    const LABELS: Sql = Sql {
        sqlite: labels!(sqlite),
        postgres: labels!(postgres),
    };
    deletion::labels(db, LABELS, chosen).await
}

/// What goes with these agents.
pub async fn losses(db: &Db, chosen: &[Chosen]) -> sqlx::Result<Losses> {
    macro_rules! gone {
        ($database:ident) => {
            concat!(
                "(SELECT user_id, id FROM conversations WHERE user_id IN ",
                chosen!($database, 0),
                " AND (user_id, agent_id) IN ",
                chosen_pairs!($database),
                ")"
            )
        };
    }
    macro_rules! losses {
        ($database:ident) => {
            concat!(
                "SELECT CAST(0 AS BIGINT) AS agents, CAST(0 AS BIGINT) AS files,
                        (SELECT COUNT(*) FROM ", gone!($database), " AS gone) AS conversations,
                        (SELECT COUNT(*) FROM ", gone!($database), " AS gone
                         JOIN messages ON messages.user_id = gone.user_id AND messages.conversation_id = gone.id) AS messages,
                        (SELECT COUNT(*) FROM ", gone!($database), " AS gone
                         JOIN shares ON shares.user_id = gone.user_id AND shares.conversation_id = gone.id) AS shares"
            )
        };
    }
    const LOSSES: Sql = Sql {
        sqlite: losses!(sqlite),
        postgres: losses!(postgres),
    };
    deletion::losses(db, LOSSES, chosen).await
}
