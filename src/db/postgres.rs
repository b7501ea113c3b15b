//! Connections to the Postgres server: sqlx's pool, and how it is used.

use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, Postgres, Transaction};

use super::pool::{PoolState, Waits};

/// A number of connections, opened when they are needed. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct PostgresPool {
    pool: PgPool,
    waits: Arc<Waits>,
}

impl PostgresPool {
    pub(super) fn new(pool: PgPool) -> Self {
        Self {
            pool,
            waits: Arc::default(),
        }
    }

    /// Waits for a connection, first come, first served.
    ///
    /// # Errors
    /// `PoolTimedOut` if none became free in time; whatever opening fails with.
    pub(super) async fn acquire(&self) -> sqlx::Result<PoolConnection<Postgres>> {
        self.note_wait();
        self.waits.note(self.pool.acquire().await)
    }

    pub(super) async fn begin(&self) -> sqlx::Result<Transaction<'static, Postgres>> {
        self.note_wait();
        self.waits.note(self.pool.begin().await)
    }

    /// sqlx's own.
    pub fn inner(&self) -> &PgPool {
        &self.pool
    }

    pub(super) fn with_one_connection(&self) -> Self {
        let options = (*self.pool.connect_options()).clone();
        Self::new(
            PgPoolOptions::new()
                .max_connections(1)
                .connect_lazy_with(options),
        )
    }

    pub(super) fn state(&self, name: &'static str) -> PoolState {
        let (waits, timeouts) = self.waits.counts();
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX);
        PoolState {
            name,
            max: self.pool.options().get_max_connections(),
            idle,
            used: self.pool.size().saturating_sub(idle),
            waits,
            timeouts,
        }
    }

    fn note_wait(&self) {
        let max = self.pool.options().get_max_connections();
        if self.pool.num_idle() == 0 && self.pool.size() >= max {
            self.waits.wait();
        }
    }
}
