//! Copies of a SQLite database that is in use.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::{Db, Executor as _};

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A server's database is not a file.
    #[error("only SQLite is copied")]
    NotSqlite,
    /// SQLite cannot be told the file's name.
    #[error("the name of the file is not UTF-8")]
    Name,
    /// The copy is not what it should be.
    #[error("the copy is damaged: {0}")]
    Damaged(String),
    /// The database or the copy cannot be read or written.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Db {
    /// Copies a SQLite database, as it is at one moment, into an empty file, and checks the copy. Others may write
    /// meanwhile. The copy need not be on the disk yet.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub async fn copy_to(&self, file: &Path) -> Result<(), BackupError> {
        if !matches!(self, Self::Sqlite { .. }) {
            return Err(BackupError::NotSqlite);
        }
        let name = file.to_str().ok_or(BackupError::Name)?;
        self.query("VACUUM INTO $1").bind(name).execute().await?;
        check(file).await
    }
}

async fn check(file: &Path) -> Result<(), BackupError> {
    let mut copy = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .disable_statement_logging()
        .connect()
        .await?;
    let verdict: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_one(&mut copy)
        .await?;
    copy.close().await?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(BackupError::Damaged(verdict))
    }
}
