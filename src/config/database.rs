//! Where data is kept.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use super::env::Reader;

/// Where data is kept, and how many connections go there.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `DATABASE_URL`, or the `DB_…` variables of the original.
    pub url: DatabaseUrl,
    /// `DATABASE_MAX_CONNECTIONS`: connections to Postgres.
    pub postgres_connections: u32,
    /// `SQLITE_READERS`: connections that read SQLite.
    pub sqlite_readers: u32,
    /// `DATABASE_ACQUIRE_TIMEOUT_SECONDS`: how long a request waits for a connection.
    pub acquire_timeout: Duration,
    /// `SQLITE_BUSY_TIMEOUT_SECONDS`: how long SQLite waits for another process's lock.
    pub busy_timeout: Duration,
}

/// Which database.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Box<PgConnectOptions>),
}

impl fmt::Display for DatabaseUrl {
    /// Leaves out how to reach the server, because that includes a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "the SQLite file {}", file.display()),
            Self::Postgres(_) => f.write_str("Postgres"),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const DEFAULT_FILE: &str = "meggy.sqlite3";
const EXAMPLES: &str =
    "for example sqlite://meggy.sqlite3 or postgres://user:password@localhost:5432/meggy";

impl DatabaseConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let readers = u32::try_from(cores).unwrap_or(1).max(2);
        let seconds = |reader: &mut Reader<'_>, name, default| {
            Duration::from_secs(reader.number(name, default, 1..=3600))
        };
        Self {
            url: DatabaseUrl::read(reader),
            postgres_connections: reader.number("DATABASE_MAX_CONNECTIONS", 20, 1..=10_000),
            sqlite_readers: reader.number("SQLITE_READERS", readers, 1..=1000),
            acquire_timeout: seconds(reader, "DATABASE_ACQUIRE_TIMEOUT_SECONDS", 10),
            busy_timeout: seconds(reader, "SQLITE_BUSY_TIMEOUT_SECONDS", 5),
        }
    }

    /// Where what is not kept in the database has its place: beside the SQLite file, else in the current folder.
    pub fn folder(&self) -> &Path {
        match &self.url {
            DatabaseUrl::Sqlite(file) => file.parent().unwrap_or(Path::new("")),
            DatabaseUrl::Postgres(_) => Path::new(""),
        }
    }
}

impl DatabaseUrl {
    /// `DATABASE_URL` wins; without it, `DB_NAME` or `DB_HOST` mean Postgres, as they did for the original; without
    /// these, data is kept in a file in the current folder.
    fn read(reader: &mut Reader<'_>) -> Self {
        let from_parts = Self::read_parts(reader);
        match reader.text("DATABASE_URL") {
            Some(url) => Self::parse(&url).unwrap_or_else(|problem| {
                // The value may hold a password, so it is not repeated.
                reader.reject("DATABASE_URL", format!("{problem}, {EXAMPLES}"));
                Self::Sqlite(DEFAULT_FILE.into())
            }),
            None => from_parts.unwrap_or_else(|| Self::Sqlite(DEFAULT_FILE.into())),
        }
    }

    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it, in words that follow its name. They do not repeat it, because it may hold a password.
    pub fn parse(url: &str) -> Result<Self, String> {
        if let Some(rest) = url.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            return match path {
                "" => Err("names no file".to_owned()),
                ":memory:" => {
                    Err("cannot be kept in memory: Meggy's data outlives a restart".to_owned())
                }
                path if path.contains('?') => Err("takes no parameters for SQLite".to_owned()),
                path => Ok(Self::Sqlite(path.into())),
            };
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err("begins with neither sqlite: nor postgres:".to_owned());
        }
        let options = url
            .parse()
            .map_err(|_| "is no address of a Postgres database".to_owned())?;
        Ok(Self::Postgres(Box::new(options)))
    }

    fn read_parts(reader: &mut Reader<'_>) -> Option<Self> {
        let name = reader.text("DB_NAME");
        let host = reader.text("DB_HOST");
        let port = reader.number("DB_PORT", 5432, 1..=u16::MAX);
        let user = reader.text("DB_USER");
        let password = reader.text("DB_PASSWORD");
        if name.is_none() && host.is_none() {
            return None;
        }
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(host.as_deref().unwrap_or("localhost"))
            .port(port)
            .username(user.as_deref().unwrap_or("postgres"))
            .database(name.as_deref().unwrap_or("meggy"));
        if let Some(password) = password {
            options = options.password(&password);
        }
        Some(Self::Postgres(Box::new(options)))
    }
}
