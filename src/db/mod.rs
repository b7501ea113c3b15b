//! The database: SQLite or Postgres behind one set of types, each statement written once.
//!
//! A repository is a module of functions over `impl Executor<'_>`, that is `&db` or `&mut tx`. SQLite has one
//! connection that writes and several that read, because it has a single writer and readers never wait for it in
//! WAL mode; Postgres has one pool for both.

mod backup;
mod connect;
mod foreign;
mod migrations;
mod pool;
mod postgres;
mod query;
mod sqlite;

pub use backup::BackupError;
pub use connect::connect;
pub use foreign::{Cells, Foreign, ForeignColumn};
pub use migrations::{MigrationError, SchemaState};
pub use query::{Executor, FromRow, Page, Query, Row, Slice, Sql};

pub use pool::PoolState;
pub use postgres::PostgresPool;
pub use sqlite::ServerLock;

use std::fs::TryLockError;

use sqlite::{SqlitePool, SqliteTx};
use sqlx::{Postgres, Transaction};

/// A handle on the database. Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub enum Db {
    /// The embedded database, a file beside the program.
    Sqlite {
        /// Runs `SELECT` statements.
        readers: SqlitePool,
        /// Runs everything else, one at a time.
        writer: SqlitePool,
    },
    /// A server, which several replicas of the program may share.
    Postgres(PostgresPool),
}

/// A transaction that may write. Dropped without [`Tx::commit`], it is rolled back.
pub enum Tx {
    /// On SQLite it holds the only writing connection: keep it short.
    Sqlite(SqliteTx),
    /// On Postgres at the default isolation level, read committed.
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Starts a transaction. On SQLite it takes the write lock at once (`BEGIN IMMEDIATE`), so that it cannot fail
    /// half-way because another one wrote in between.
    ///
    /// # Errors
    /// No connection became free in time, or the database cannot be reached.
    pub async fn begin(&self) -> sqlx::Result<Tx> {
        Ok(match self {
            Self::Sqlite { writer, .. } => {
                Tx::Sqlite(SqliteTx::begin(writer.acquire().await?).await?)
            }
            // In a task, because sqlx forgets a transaction whose beginning nobody waits for any more, and the
            // connection would go back to the pool with it open. A task always gets to hold it, and drops it.
            Self::Postgres(pool) => {
                let pool = pool.clone();
                let begun = tokio::spawn(async move { pool.begin().await });
                Tx::Postgres(begun.await.map_err(|_| sqlx::Error::WorkerCrashed)??)
            }
        })
    }

    /// Brings the schema up to this version, under a lock, so that several replicas may start at once.
    ///
    /// # Errors
    /// See [`MigrationError`].
    pub async fn migrate(&self) -> Result<(), MigrationError> {
        migrations::run(self).await
    }

    /// Compares the schema with this version's, without changing it.
    ///
    /// # Errors
    /// See [`MigrationError`].
    pub async fn schema_state(&self) -> Result<SchemaState, MigrationError> {
        migrations::state(self).await
    }

    /// Takes the database for one server process, if it is a file: what is unfinished in it is then nobody's. Replicas
    /// that share a server tell each other that they are alive.
    ///
    /// # Errors
    /// Another process serves from it, or the file system refuses.
    pub fn lock(&self) -> Result<Option<ServerLock>, TryLockError> {
        match self {
            Self::Sqlite { writer, .. } => writer.lock().map(Some),
            Self::Postgres(_) => Ok(None),
        }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// It gives none.
    pub async fn ping(&self) -> sqlx::Result<()> {
        self.query("SELECT 1 AS one").execute().await.map(drop)
    }

    /// The same database by a connection that nobody else uses, where there is a server; SQLite's are shared all the same.
    #[must_use]
    pub fn with_connection_of_its_own(&self) -> Self {
        match self {
            Self::Sqlite { .. } => self.clone(),
            Self::Postgres(pool) => Self::Postgres(pool.with_one_connection()),
        }
    }

    /// What to call this database in a message to an operator.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "SQLite",
            Self::Postgres(_) => "Postgres",
        }
    }

    /// How the connections are used.
    pub fn pools(&self) -> Vec<PoolState> {
        match self {
            Self::Sqlite { readers, writer } => {
                vec![readers.state("readers"), writer.state("writer")]
            }
            Self::Postgres(pool) => vec![pool.state("postgres")],
        }
    }

    /// Closes all connections, once the statements that run on them have ended.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.inner().close().await,
        }
    }
}

impl Tx {
    /// Makes the transaction's changes durable.
    ///
    /// # Errors
    /// The database did not confirm it: the changes are then not to be counted on.
    pub async fn commit(self) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
    }
}
