//! Opening the database.

use std::path::Path;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use super::Db;
use super::postgres::PostgresPool;
use super::sqlite::SqlitePool;
use crate::config::{DatabaseConfig, DatabaseUrl};

/// A connection that lay idle for this long is tested before it is used again: the server may have restarted.
const TEST_AFTER_IDLE: Duration = Duration::from_secs(10);

/// Prepares the connections. A Postgres server is reached to see that it can be; a SQLite file is not touched before
/// it is used, so that one that turns out not to be ours stays as it was.
///
/// # Errors
/// The server does not answer or refuses.
pub async fn connect(config: &DatabaseConfig) -> sqlx::Result<Db> {
    match &config.url {
        DatabaseUrl::Sqlite(path) => Ok(sqlite(config, path)),
        DatabaseUrl::Postgres(options) => postgres(config, (**options).clone()).await,
    }
}

fn sqlite(config: &DatabaseConfig, path: &Path) -> Db {
    let reading = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .foreign_keys(true)
        .busy_timeout(config.busy_timeout)
        .disable_statement_logging();
    let writing = reading
        .clone()
        .read_only(false)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL, because what a 2xx acknowledged must survive a power cut; NORMAL syncs the log only now and then.
        .synchronous(SqliteSynchronous::Full)
        // In pages. Four times SQLite's own: a log of 16 MB is copied back less often and read as fast.
        .pragma("wal_autocheckpoint", "4000");
    Db::Sqlite {
        readers: SqlitePool::new(reading, config.sqlite_readers, config.acquire_timeout),
        writer: SqlitePool::new(writing, 1, config.acquire_timeout),
    }
}

async fn postgres(config: &DatabaseConfig, options: PgConnectOptions) -> sqlx::Result<Db> {
    let options = options.disable_statement_logging();
    // The pool would retry until it times out and then not tell why.
    options.connect().await?.close().await?;
    let pool = PgPoolOptions::new()
        .max_connections(config.postgres_connections)
        .acquire_timeout(config.acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(|connection, idle| {
            Box::pin(async move {
                if idle.idle_for > TEST_AFTER_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options);
    Ok(Db::Postgres(PostgresPool::new(pool)))
}
