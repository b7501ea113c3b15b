//! A database for each test, gone when the test is.

use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use meggy::config::{Config, DatabaseConfig};
use tempfile::TempDir;

use super::app::SECRET;
use super::postgres;

/// Which of the two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// A database of its own.
pub struct Database {
    pub kind: Kind,
    /// The value for `DATABASE_URL`.
    pub url: String,
    /// A folder of its own, too, for whatever is kept beside the database.
    pub folder: TempDir,
    name: String,
}

impl Database {
    /// One without tables on SQLite, which has them made by the server, and with tables on Postgres, where a copy is
    /// quicker. `None` if there is no Postgres to test with.
    pub fn new(kind: Kind) -> Option<Arc<Self>> {
        Self::make(kind, true)
    }

    /// One without tables.
    pub fn empty(kind: Kind) -> Option<Arc<Self>> {
        Self::make(kind, false)
    }

    fn make(kind: Kind, migrated: bool) -> Option<Arc<Self>> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "meggy_test_{}_{}",
            process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let folder = tempfile::Builder::new()
            .prefix("meggy-test-")
            .tempdir()
            .expect("a folder");
        let url = match kind {
            Kind::Sqlite => format!("sqlite:{}", folder.path().join("test.sqlite3").display()),
            Kind::Postgres => {
                let server = postgres::server()?;
                server.create(&name, migrated);
                server.url(&name)
            }
        };
        Some(Arc::new(Self {
            kind,
            url,
            folder,
            name,
        }))
    }

    /// How the program would reach it.
    pub fn settings(&self) -> DatabaseConfig {
        settings(&self.url)
    }

    /// The file of a SQLite database.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("test.sqlite3")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.kind == Kind::Postgres
            && let Some(server) = postgres::server()
            && let Err(problem) = server.drop(&self.name)
        {
            eprintln!("{} stays behind: {problem}", self.name);
        }
    }
}

pub fn settings(url: &str) -> DatabaseConfig {
    let config = Config::from_env(&|name| match name {
        "DATABASE_URL" => Some(url.to_owned()),
        "JWT_SECRET_KEY" => Some(SECRET.to_owned()),
        "DATABASE_MAX_CONNECTIONS" => Some("8".to_owned()),
        _ => None,
    });
    config.expect("good settings").database
}
