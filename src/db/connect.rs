//! Opening the database.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use super::Db;
use crate::config::{DatabaseConfig, DatabaseUrl};

/// A connection that lay idle for this long is tested before it is used again: the server may have restarted.
const TEST_AFTER_IDLE: Duration = Duration::from_secs(10);

/// Opens the database, making the SQLite file where there is none. Leaves the schema as it is.
///
/// # Errors
/// The file cannot be opened or made, or the server does not answer or refuses.
pub async fn connect(config: &DatabaseConfig) -> sqlx::Result<Db> {
    match &config.url {
        DatabaseUrl::Sqlite(path) => sqlite(config, path).await,
        DatabaseUrl::Postgres(options) => postgres(config, (**options).clone()).await,
    }
}

async fn sqlite(config: &DatabaseConfig, path: &std::path::Path) -> sqlx::Result<Db> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL, because what a 2xx acknowledged must survive a power cut; NORMAL syncs the log only now and then.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(config.busy_timeout)
        .disable_statement_logging();
    let pool = |connections| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(config.acquire_timeout)
            .test_before_acquire(false)
            .max_lifetime(None)
            .idle_timeout(None)
    };
    let writer = pool(1).connect_with(options.clone()).await?;
    let readers = pool(config.sqlite_readers).connect_lazy_with(options.read_only(true).create_if_missing(false));
    Ok(Db::Sqlite { readers, writer })
}

async fn postgres(config: &DatabaseConfig, options: PgConnectOptions) -> sqlx::Result<Db> {
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
        .connect_with(options.disable_statement_logging())
        .await?;
    Ok(Db::Postgres(pool))
}
