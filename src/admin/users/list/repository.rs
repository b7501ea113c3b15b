//! All SQL about the list of accounts.

use crate::admin::lists::deletion::{self, Losses, chosen};
use crate::admin::lists::statements::statements;
use crate::admin::lists::{Chosen, Statements};
use crate::db::{Db, Sql};

/// The condition that is made of `$6` to `$11`.
macro_rules! wanted {
    ($position:literal) => {
        concat!(
            "AND ($6 IS NULL OR users.is_active = $6) AND ($7 IS NULL OR users.is_staff = $7)
             AND ($8 IS NULL OR users.is_superuser = $8)
             AND ($9 IS NULL OR users.created_at >= $9) AND ($10 IS NULL OR users.created_at < $10)
             AND ($11 IS NULL OR ", $position, "(users.email_key, lower($11)) > 0
                  OR ", $position, "(lower(users.name), lower($11)) > 0)"
        )
    };
}

/// The list in the order of a value, as SQLite has it and Postgres.
macro_rules! sorted {
    ($key:literal, $pg_key:literal) => {
        statements! {
            columns: "users.id, users.email, users.name, users.is_active, users.is_staff, users.created_at",
            base: ("users", "users"),
            joins: "",
            driver: "",
            wanted: (wanted!("instr"), wanted!("strpos")),
            key: ($key, $pg_key),
            id: "users.id"
        }
    };
}

pub static BY_EMAIL: Statements = sorted!("users.email_key", "users.email_key COLLATE \"C\"");
pub static BY_NAME: Statements = sorted!("lower(users.name)", "lower(users.name) COLLATE \"C\"");
pub static BY_ACTIVE: Statements = sorted!("users.is_active", "users.is_active");
pub static BY_STAFF: Statements = sorted!("users.is_staff", "users.is_staff");
pub static BY_CREATION: Statements = sorted!("users.created_at", "users.created_at");

/// What these accounts are called, those that are there.
pub async fn labels(db: &Db, chosen: &[Chosen]) -> sqlx::Result<Vec<String>> {
    macro_rules! labels {
        ($database:ident) => {
            concat!(
                "SELECT email AS label FROM users WHERE id IN ",
                chosen!($database, 1),
                " ORDER BY email_key"
            )
        };
    }
    const LABELS: Sql = Sql {
        sqlite: labels!(sqlite),
        postgres: labels!(postgres),
    };
    deletion::labels(db, LABELS, chosen).await
}

/// What goes with these accounts.
pub async fn losses(db: &Db, chosen: &[Chosen]) -> sqlx::Result<Losses> {
    macro_rules! losses {
        ($database:ident) => {
            concat!(
                "SELECT (SELECT COUNT(*) FROM agents WHERE user_id IN ",
                chosen!($database, 1),
                ") AS agents,
                        (SELECT COUNT(*) FROM conversations WHERE user_id IN ",
                chosen!($database, 1),
                ") AS conversations,
                        (SELECT COUNT(*) FROM messages WHERE user_id IN ",
                chosen!($database, 1),
                ") AS messages,
                        (SELECT COUNT(*) FROM shares WHERE user_id IN ",
                chosen!($database, 1),
                ") AS shares,
                        (SELECT COUNT(*) FROM users WHERE id IN ",
                chosen!($database, 1),
                "
                            AND avatar_url LIKE '/media/avatars/%') AS files"
            )
        };
    }
    const LOSSES: Sql = Sql {
        sqlite: losses!(sqlite),
        postgres: losses!(postgres),
    };
    deletion::losses(db, LOSSES, chosen).await
}
