//! The old backend's tables, and all that is asked of them.
//!
//! Each row comes as texts: first a key by which other statements find it, then the columns in the order in which they are
//! given here. The key is SQLite's number of the row, because ids there may be anything, and the id on Postgres.

use crate::db::{Foreign, Sql};

/// The key before all: a spelling of the smallest one that no row's has.
pub fn start(source: &Foreign) -> &'static str {
    match source {
        Foreign::Sqlite(_) => "-09223372036854775808",
        Foreign::Postgres(_) => "00000000000000000000000000000000",
    }
}

/// What is known of a table.
pub struct Table {
    pub name: &'static str,
    /// The columns that are brought over.
    pub columns: &'static [&'static str],
}

macro_rules! select {
    ($table:literal [$($column:literal),+] $sqlite:literal, $postgres:literal) => {
        Sql {
            sqlite: concat!(
                "SELECT CAST(", $table, ".rowid AS TEXT)" $(, ", CAST(", $table, ".", $column, " AS TEXT)")+,
                " FROM ", $table, " ", $sqlite
            ),
            postgres: concat!(
                "SELECT CAST(", $table, ".id AS TEXT)" $(, ", CAST(", $table, ".", $column, " AS TEXT)")+,
                " FROM ", $table, " ", $postgres
            ),
        }
    };
}

macro_rules! table {
    ($(#[$doc:meta])* $module:ident = $table:literal $columns:tt {
        $($(#[$about:meta])* $name:ident: $sqlite:literal, $postgres:literal;)+
    }) => {
        $(#[$doc])*
        pub mod $module {
            use super::{Sql, Table};

            pub const TABLE: Table = Table { name: $table, columns: &$columns };
            $($(#[$about])* pub const $name: Sql = select!($table $columns $sqlite, $postgres);)+
        }
    };
}

table! {
    /// Accounts.
    users = "users" [
        "id", "email", "name", "password", "avatar_url", "is_active", "is_staff", "is_superuser", "created_at", "updated_at"
    ] {
        /// All of them.
        ALL: "", "";
        /// The next ones behind a key.
        PAGE:
            "WHERE users.rowid >= CAST($1 AS INTEGER) AND CAST(users.rowid AS TEXT) <> $1 ORDER BY users.rowid LIMIT 200",
            "WHERE users.id >= CAST($1 AS UUID) AND CAST(users.id AS TEXT) <> $1 ORDER BY users.id LIMIT 200";
    }
}

table! {
    /// Agents.
    agents = "agents" [
        "id", "name", "description", "llm_provider", "model", "temperature", "max_tokens", "system_prompt", "is_default",
        "is_active", "created_at", "updated_at"
    ] {
        /// Those of the account with a key.
        OF_USER: "WHERE agents.user_id = (SELECT id FROM users WHERE rowid = CAST($1 AS INTEGER)) ORDER BY agents.rowid",
                 "WHERE agents.user_id = CAST($1 AS UUID) ORDER BY agents.created_at, agents.id";
        /// The one of the conversation with a key.
        OF_CONVERSATION:
            "WHERE agents.id = (SELECT agent_id FROM conversations WHERE rowid = CAST($1 AS INTEGER))",
            "WHERE agents.id = (SELECT agent_id FROM conversations WHERE id = CAST($1 AS UUID))";
        /// Those whose account is not there.
        ORPHANS: "WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = agents.user_id)",
                 "WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = agents.user_id)";
    }
}

table! {
    /// Conversations.
    conversations = "conversations" ["id", "title", "created_at", "updated_at", "agent_id"] {
        /// The next ones behind a key of the account with a key.
        PAGE_OF_USER:
            "WHERE conversations.user_id = (SELECT id FROM users WHERE rowid = CAST($1 AS INTEGER))
               AND conversations.rowid >= CAST($2 AS INTEGER) AND CAST(conversations.rowid AS TEXT) <> $2
             ORDER BY conversations.rowid LIMIT 200",
            "WHERE conversations.user_id = CAST($1 AS UUID)
               AND conversations.id >= CAST($2 AS UUID) AND CAST(conversations.id AS TEXT) <> $2
             ORDER BY conversations.id LIMIT 200";
        /// Those whose account is not there.
        ORPHANS: "WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = conversations.user_id)",
                 "WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = conversations.user_id)";
    }
}

table! {
    /// Messages.
    messages = "messages" ["id", "role", "content", "tokens_used", "model", "created_at"] {
        /// Those of the conversation with a key, as they were said. Of two at a time the one that was stored first comes
        /// first, where that is known.
        OF_CONVERSATION:
            "WHERE messages.conversation_id = (SELECT id FROM conversations WHERE rowid = CAST($1 AS INTEGER))
             ORDER BY messages.created_at, messages.rowid",
            "WHERE messages.conversation_id = CAST($1 AS UUID) ORDER BY messages.created_at, messages.id";
        /// Those whose conversation is not there, or has no account.
        ORPHANS:
            "WHERE NOT EXISTS (SELECT 1 FROM conversations JOIN users ON users.id = conversations.user_id
                               WHERE conversations.id = messages.conversation_id)",
            "WHERE NOT EXISTS (SELECT 1 FROM conversations JOIN users ON users.id = conversations.user_id
                               WHERE conversations.id = messages.conversation_id)";
    }
}

/// The columns by which rows belong to others; they are asked for, but not read.
pub const REFERENCES: &[(&str, &str)] = &[
    ("agents", "user_id"),
    ("conversations", "user_id"),
    ("messages", "conversation_id"),
];

/// All tables that are brought over.
pub const TABLES: [&Table; 4] = [
    &users::TABLE,
    &agents::TABLE,
    &conversations::TABLE,
    &messages::TABLE,
];

/// The number of messages in the conversation with a key.
pub const MESSAGES_IN_CONVERSATION: Sql = Sql {
    sqlite: "SELECT CAST(COUNT(*) AS TEXT) FROM messages
             WHERE conversation_id = (SELECT id FROM conversations WHERE rowid = CAST($1 AS INTEGER))",
    postgres: "SELECT CAST(COUNT(*) AS TEXT) FROM messages WHERE conversation_id = CAST($1 AS UUID)",
};
