//! A database as the Django backend leaves it, made for a test.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Sha256;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
use uuid::Uuid;

use crate::support::{Database, Kind};

/// The columns of the four tables, those with a type of their own on Postgres marked.
const TABLES: &[(&str, &str)] = &[
    (
        "users",
        "password TEXT NOT NULL, last_login @time NULL, id @id PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
         avatar_url TEXT NULL, is_active @bool NOT NULL, is_staff @bool NOT NULL, is_superuser @bool NOT NULL,
         created_at @time NOT NULL, updated_at @time NOT NULL",
    ),
    (
        "agents",
        "id @id PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL, llm_provider TEXT NOT NULL, model TEXT NOT NULL,
         temperature @real NOT NULL, max_tokens @integer NOT NULL, system_prompt TEXT NOT NULL, is_default @bool NOT NULL,
         is_active @bool NOT NULL, created_at @time NOT NULL, updated_at @time NOT NULL, user_id @id NOT NULL",
    ),
    (
        "conversations",
        "id @id PRIMARY KEY, title TEXT NOT NULL, created_at @time NOT NULL, updated_at @time NOT NULL, agent_id @id NOT NULL,
         user_id @id NOT NULL",
    ),
    (
        "messages",
        "id @id PRIMARY KEY, role TEXT NOT NULL, content TEXT NOT NULL, tokens_used @integer NULL, model TEXT NOT NULL,
         created_at @time NOT NULL, conversation_id @id NOT NULL",
    ),
];

/// What stands in a column.
#[derive(Clone)]
pub enum Cell {
    /// The id that a number stands for.
    Id(u64),
    Text(String),
    /// `YYYY-MM-DD HH:MM:SS`, in UTC.
    Time(String),
    Bool(bool),
    /// SQL.
    Sql(String),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

pub fn sql(text: &str) -> Cell {
    Cell::Sql(text.to_owned())
}

/// The UUID that a number stands for.
pub fn id(number: u64) -> Uuid {
    Uuid::from_u64_pair(0x1234_5678_9abc_4def, 0x8000_0000_0000_0000 | number)
}

/// A time in the year 2024, so many seconds after its beginning.
pub fn time(seconds: u64) -> Cell {
    let start = chrono::DateTime::from_timestamp(1_704_067_200, 250_000_000).unwrap();
    let time = start + chrono::TimeDelta::seconds(i64::try_from(seconds).unwrap());
    Cell::Time(time.format("%Y-%m-%d %H:%M:%S%.6f").to_string())
}

/// How Django stores a password.
pub fn hashed(password: &str) -> String {
    let hash = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), b"salt", 1000);
    format!("pbkdf2_sha256$1000$salt${}", STANDARD.encode(hash))
}

pub struct Old {
    pub database: Arc<Database>,
    /// Statements that were not sent yet.
    script: String,
}

impl Old {
    /// One with the tables, and nothing in them. `None` if there is no Postgres to test with.
    pub async fn new(kind: Kind) -> Option<Self> {
        let mut old = Self::empty(kind)?;
        for (table, columns) in TABLES {
            let words = match kind {
                Kind::Sqlite => ["char(32)", "datetime", "bool", "real", "integer"],
                Kind::Postgres => ["uuid", "timestamptz", "boolean", "float8", "integer"],
            };
            let marks = ["@id", "@time", "@bool", "@real", "@integer"];
            let mut columns = (*columns).to_owned();
            for (mark, word) in marks.into_iter().zip(words) {
                columns = columns.replace(mark, word);
            }
            old.run(&format!("CREATE TABLE {table} ({columns})"));
        }
        old.run("CREATE INDEX conversations_user ON conversations (user_id)");
        old.run("CREATE INDEX agents_user ON agents (user_id)");
        old.run("CREATE INDEX messages_conversation ON messages (conversation_id)");
        Some(old)
    }

    /// One without tables.
    pub fn empty(kind: Kind) -> Option<Self> {
        Some(Self {
            database: Database::empty(kind)?,
            script: String::new(),
        })
    }

    /// Adds a statement.
    pub fn run(&mut self, statement: &str) {
        self.script.push_str(statement);
        self.script.push_str(";\n");
    }

    /// Has everything so far in the database; returns its address.
    pub async fn address(&mut self) -> String {
        // At once, because each statement by itself would wait for the disk.
        let script = std::mem::take(&mut self.script);
        let script = AssertSqlSafe(format!("BEGIN;\n{script}COMMIT;"));
        let url = &self.database.url;
        match self.database.kind {
            Kind::Sqlite => {
                let options = SqliteConnectOptions::new()
                    .filename(self.database.file())
                    .create_if_missing(true)
                    .foreign_keys(false)
                    .disable_statement_logging();
                let mut connection = options.connect().await.unwrap();
                connection.execute(sqlx::raw_sql(script)).await.unwrap();
            }
            Kind::Postgres => {
                let options: PgConnectOptions = url.parse().unwrap();
                let options = options.disable_statement_logging();
                let mut connection = options.connect().await.unwrap();
                connection.execute(sqlx::raw_sql(script)).await.unwrap();
            }
        }
        url.clone()
    }

    fn literal(&self, cell: &Cell) -> String {
        let is_sqlite = self.database.kind == Kind::Sqlite;
        match cell {
            Cell::Id(number) if is_sqlite => format!("'{}'", id(*number).simple()),
            Cell::Id(number) => format!("'{}'", id(*number)),
            Cell::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Cell::Time(text) if is_sqlite => format!("'{text}'"),
            Cell::Time(text) => format!("'{text}+00'"),
            Cell::Bool(value) if is_sqlite => u8::from(*value).to_string(),
            Cell::Bool(value) => value.to_string(),
            Cell::Sql(text) => text.clone(),
        }
    }

    /// A row of `defaults`, with those of `cells` in place of the cells of the same columns.
    fn insert(&mut self, table: &str, defaults: &[(&str, Cell)], cells: &[(&str, Cell)]) {
        let mut all = defaults.to_vec();
        for (name, cell) in cells {
            match all.iter_mut().find(|(other, _)| other == name) {
                Some((_, value)) => *value = cell.clone(),
                None => all.push((name, cell.clone())),
            }
        }
        let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
        let values: Vec<_> = all.iter().map(|(_, cell)| self.literal(cell)).collect();
        self.run(&format!(
            "INSERT INTO {table} ({}) VALUES ({})",
            names.join(", "),
            values.join(", ")
        ));
    }

    /// An account `user<number>@example.com` with the password `password <number>`.
    pub fn user(&mut self, number: u64, cells: &[(&str, Cell)]) {
        let defaults = [
            ("id", Cell::Id(number)),
            (
                "password",
                hashed(&format!("password {number}")).as_str().into(),
            ),
            ("email", format!("user{number}@example.com").as_str().into()),
            ("name", format!("User {number}").as_str().into()),
            ("is_active", true.into()),
            ("is_staff", false.into()),
            ("is_superuser", false.into()),
            ("created_at", time(number)),
            ("updated_at", time(number + 1)),
        ];
        self.insert("users", &defaults, cells);
    }

    /// An agent of a user's.
    pub fn agent(&mut self, number: u64, user: u64, cells: &[(&str, Cell)]) {
        let defaults = [
            ("id", Cell::Id(number)),
            ("user_id", Cell::Id(user)),
            ("name", format!("Agent {number}").as_str().into()),
            ("description", "Helps.".into()),
            ("llm_provider", "openai".into()),
            ("model", "gpt-4".into()),
            ("temperature", sql("0.5")),
            ("max_tokens", sql("1000")),
            ("system_prompt", "Be brief.".into()),
            ("is_default", false.into()),
            ("is_active", true.into()),
            ("created_at", time(number)),
            ("updated_at", time(number + 1)),
        ];
        self.insert("agents", &defaults, cells);
    }

    /// A conversation of a user's with an agent.
    pub fn conversation(&mut self, number: u64, user: u64, agent: u64, cells: &[(&str, Cell)]) {
        let defaults = [
            ("id", Cell::Id(number)),
            ("user_id", Cell::Id(user)),
            ("agent_id", Cell::Id(agent)),
            ("title", format!("Talk {number}").as_str().into()),
            ("created_at", time(number)),
            ("updated_at", time(number + 1)),
        ];
        self.insert("conversations", &defaults, cells);
    }

    /// A message in a conversation: questions have even numbers.
    pub fn message(&mut self, number: u64, conversation: u64, cells: &[(&str, Cell)]) {
        let is_question = number.is_multiple_of(2);
        let defaults = [
            ("id", Cell::Id(number)),
            ("conversation_id", Cell::Id(conversation)),
            (
                "role",
                if is_question { "user" } else { "assistant" }.into(),
            ),
            ("content", format!("Words of {number}").as_str().into()),
            ("tokens_used", sql(if is_question { "NULL" } else { "12" })),
            ("model", if is_question { "" } else { "gpt-4" }.into()),
            ("created_at", time(number)),
        ];
        self.insert("messages", &defaults, cells);
    }
}
