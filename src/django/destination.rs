//! Where the rows go.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::db::{Db, Executor, Query, Sql, Tx};

/// For how long a transaction goes on taking in one account or conversation after the other. On SQLite nobody else writes
/// meanwhile.
const TURN: Duration = Duration::from_millis(100);

/// For how long others may write on SQLite before the next transaction: those that wait look from time to time only.
const PAUSE: Duration = Duration::from_millis(25);

/// A database that is being written in transactions of several accounts or conversations each, or that is only looked at.
/// As an [`Executor`] it also shows what was not committed yet.
pub struct Destination {
    db: Db,
    is_trial: bool,
    tx: Option<(Tx, Instant)>,
}

impl Destination {
    /// One that is only looked at if it `is_trial`.
    pub fn new(db: Db, is_trial: bool) -> Self {
        Self {
            db,
            is_trial,
            tx: None,
        }
    }

    /// A transaction to write in; `None` if nothing is to be written.
    ///
    /// # Errors
    /// It cannot be begun.
    pub async fn tx(&mut self) -> sqlx::Result<Option<&mut Tx>> {
        if self.is_trial {
            return Ok(None);
        }
        let (tx, _) = match self.tx.take() {
            Some(begun) => self.tx.insert(begun),
            None => self.tx.insert((self.db.begin().await?, Instant::now())),
        };
        Ok(Some(tx))
    }

    /// To be called where what was written so far may stand by itself.
    ///
    /// # Errors
    /// It could not be committed.
    pub async fn pause(&mut self) -> sqlx::Result<()> {
        if self
            .tx
            .as_ref()
            .is_some_and(|(_, begun)| begun.elapsed() >= TURN)
        {
            self.commit().await?;
            if matches!(self.db, Db::Sqlite { .. }) {
                sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    /// Makes everything last.
    ///
    /// # Errors
    /// It could not be committed.
    pub async fn commit(&mut self) -> sqlx::Result<()> {
        match self.tx.take() {
            Some((tx, _)) => tx.commit().await,
            None => Ok(()),
        }
    }
}

impl<'c> Executor<'c> for &'c mut Destination {
    fn query(self, sql: impl Into<Sql>) -> Query<'c> {
        match &mut self.tx {
            Some((tx, _)) => tx.query(sql),
            None => self.db.query(sql),
        }
    }
}
