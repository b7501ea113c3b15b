//! Connections to the SQLite file.
//!
//! sqlx's own pool tests every connection that comes back to it, which for SQLite costs as much as a small query and
//! finds nothing: there is no network to break. This one does not.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::pool::{PoolState, Waits};

/// A fixed number of connections, opened when they are first needed. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct SqlitePool(Arc<Inner>);

struct Inner {
    options: SqliteConnectOptions,
    idle: Mutex<Vec<SqliteConnection>>,
    permits: Arc<Semaphore>,
    size: u32,
    acquire_timeout: Duration,
    waits: Waits,
}

impl SqlitePool {
    pub(super) fn new(options: SqliteConnectOptions, size: u32, acquire_timeout: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(size as usize));
        Self(Arc::new(Inner {
            options,
            idle: Mutex::default(),
            permits,
            size,
            acquire_timeout,
            waits: Waits::default(),
        }))
    }

    /// Waits for a connection, first come, first served.
    ///
    /// # Errors
    /// `PoolTimedOut` if none became free in time, `PoolClosed` after [`SqlitePool::close`]; whatever opening fails with.
    pub(super) async fn acquire(&self) -> sqlx::Result<Lease> {
        if self.0.permits.available_permits() == 0 {
            self.0.waits.wait();
        }
        let permit = timeout(
            self.0.acquire_timeout,
            self.0.permits.clone().acquire_owned(),
        )
        .await
        .map_err(|_| sqlx::Error::PoolTimedOut);
        let permit = self
            .0
            .waits
            .note(permit)?
            .map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.0.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.0.options.connect().await?,
        };
        Ok(Lease {
            connection: Some(connection),
            pool: self.clone(),
            _permit: permit,
        })
    }

    pub(super) fn state(&self, name: &'static str) -> PoolState {
        let (waits, timeouts) = self.0.waits.counts();
        let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
        PoolState {
            name,
            max: self.0.size,
            idle: count(self.0.idle().len()),
            used: self
                .0
                .size
                .saturating_sub(count(self.0.permits.available_permits())),
            waits,
            timeouts,
        }
    }

    /// The file.
    pub(super) fn file(&self) -> &Path {
        self.0.options.get_filename()
    }

    /// Makes the file and its folder unless they are there. Others on this machine cannot read it: it holds the
    /// hashes of passwords. SQLite gives its other files the rights of this one.
    ///
    /// # Errors
    /// The file system refuses.
    pub(super) fn make_file(&self) -> io::Result<()> {
        if let Some(folder) = self
            .file()
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(self.file()) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes the file for one server process, as long as the lock is held. Other programs may use it meanwhile. The system
    /// releases the lock of a process that dies.
    ///
    /// # Errors
    /// `WouldBlock` if another one has it; whatever the file system says.
    pub(super) fn lock(&self) -> Result<ServerLock, TryLockError> {
        // A file of its own: closing the database's would release the locks that SQLite has on it.
        let mut path = self.file().as_os_str().to_owned();
        path.push("-server");
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(TryLockError::Error)?;
        file.try_lock()?;
        Ok(ServerLock(file))
    }

    /// Waits until all connections are idle and closes them; the last one to close empties the write-ahead log.
    pub(super) async fn close(&self) {
        // Without all permits somebody still works; the connections that do come back are closed all the same.
        let all = timeout(
            self.0.acquire_timeout,
            self.0.permits.acquire_many(self.0.size),
        )
        .await;
        self.0.permits.close();
        drop(all);
        let idle = std::mem::take(&mut *self.0.idle());
        for connection in idle {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "a connection to the database could not be closed cleanly");
            }
        }
    }
}

/// The sole right to serve from a database file.
pub struct ServerLock(#[expect(dead_code, reason = "closing it releases the lock")] File);

impl Inner {
    /// Nothing that runs under this lock can panic half-way, so a poisoned one is as good as any.
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The use of a connection, until it is dropped.
pub struct Lease {
    /// `None` once it was taken out to be closed.
    connection: Option<SqliteConnection>,
    pool: SqlitePool,
    // Dropped after the connection went back.
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// The connection.
    ///
    /// # Errors
    /// `WorkerCrashed` if it was discarded.
    pub fn connection(&mut self) -> sqlx::Result<&mut SqliteConnection> {
        self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)
    }

    /// Takes the connection out. Until it is [put](Self::put) back, dropping it closes it.
    ///
    /// # Errors
    /// `WorkerCrashed` if it was discarded.
    pub fn take(&mut self) -> sqlx::Result<SqliteConnection> {
        self.connection.take().ok_or(sqlx::Error::WorkerCrashed)
    }

    /// Puts the connection back.
    pub fn put(&mut self, connection: SqliteConnection) {
        self.connection = Some(connection);
    }

    /// Closes the connection instead of giving it back, which also ends its transaction.
    pub fn discard(&mut self) {
        self.connection = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.0.idle().extend(self.connection.take());
    }
}

/// A transaction that may write.
pub struct SqliteTx {
    /// `None` once the transaction has ended.
    lease: Option<Lease>,
}

impl SqliteTx {
    pub(super) async fn begin(lease: Lease) -> sqlx::Result<Self> {
        // Made before it begins, so that a caller who gives up waiting leaves no open transaction behind.
        let mut tx = Self { lease: Some(lease) };
        sqlx::query("BEGIN IMMEDIATE")
            .execute(tx.connection()?)
            .await?;
        Ok(tx)
    }

    pub(super) fn connection(&mut self) -> sqlx::Result<&mut SqliteConnection> {
        self.lease
            .as_mut()
            .ok_or(sqlx::Error::WorkerCrashed)?
            .connection()
    }

    pub(super) async fn commit(mut self) -> sqlx::Result<()> {
        sqlx::query("COMMIT").execute(self.connection()?).await?;
        self.lease = None;
        Ok(())
    }
}

impl Drop for SqliteTx {
    /// Rolls back what was not committed.
    fn drop(&mut self) {
        let Some(mut lease) = self.lease.take() else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            return lease.discard();
        };
        runtime.spawn(async move {
            let rolled_back = match lease.connection() {
                Ok(connection) => sqlx::query("ROLLBACK").execute(connection).await.is_ok(),
                Err(_) => false,
            };
            if !rolled_back {
                lease.discard();
            }
        });
    }
}
