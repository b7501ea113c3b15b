//! How connections are used, for operators.

use std::sync::atomic::{AtomicU64, Ordering};

/// How the connections of a pool are used.
#[derive(Clone, Copy, Debug)]
pub struct PoolState {
    /// What the pool is called.
    pub name: &'static str,
    /// Most connections that it opens.
    pub max: u32,
    /// Open connections that nobody uses.
    pub idle: u32,
    /// Connections in use.
    pub used: u32,
    /// How often all of them were in use when one was wanted.
    pub waits: u64,
    /// How often none became free in time.
    pub timeouts: u64,
}

/// Counts who had to wait for a connection.
#[derive(Default)]
pub struct Waits {
    waits: AtomicU64,
    timeouts: AtomicU64,
}

impl Waits {
    /// Notes that all connections are in use by now.
    pub fn wait(&self) {
        self.waits.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes if somebody has waited in vain.
    pub fn note<T>(&self, acquired: sqlx::Result<T>) -> sqlx::Result<T> {
        if let Err(sqlx::Error::PoolTimedOut) = acquired {
            self.timeouts.fetch_add(1, Ordering::Relaxed);
        }
        acquired
    }

    /// How many waited, and how many of them in vain.
    pub fn counts(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.waits), count(&self.timeouts))
    }
}
