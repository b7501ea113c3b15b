//! What the processes that share a database do for each other: they tell that they are alive, end the answers of those
//! that are not, and stop what another one was asked to stop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;

use super::repository::{self, Standing};
use super::turn::Turn;
use super::{Hub, relay};
use crate::db::Db;

/// How often a replica renews its promise to be alive, which holds three times as long, and looks after its turns.
const INTERVAL: Duration = Duration::from_secs(3);

/// How often what is out of date is thrown away.
const CLEANING: Duration = Duration::from_secs(600);

/// Takes this replica's place among the others, and ends what dead ones left behind. On SQLite there are no others:
/// whatever is unfinished at the start is a dead one's.
///
/// # Errors
/// The database fails.
pub async fn enter(db: &Db, hub: &Hub) -> sqlx::Result<()> {
    if let Db::Postgres(_) = db {
        repository::renew_lease(db, hub.replica()).await?;
        hub.set_peers(repository::replicas(db).await?.len() > 1);
        relay::say_hello(db, hub).await?;
    }
    reap(db, hub).await
}

/// Stays among them.
pub async fn stay(db: &Db, hub: &Hub) {
    // So that a pool that is used up does not make this replica look dead.
    let db = &db.with_connection_of_its_own();
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut cleaned: Option<Instant> = None;
    loop {
        ticks.tick().await;
        let is_first = keep(db, hub).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "this replica could not tell the others that it is alive");
            false
        });
        look_after(db, &hub.all_running()).await;
        if is_first && cleaned.is_none_or(|last| last.elapsed() > CLEANING) {
            match repository::forget_keys(db).await {
                Ok(()) => cleaned = Some(Instant::now()),
                Err(error) => tracing::warn!(%error, "old keys could not be forgotten"),
            }
        }
    }
}

/// Takes leave of them.
pub async fn leave(db: &Db, hub: &Hub) {
    if let Db::Postgres(_) = db
        && let Err(error) = repository::end_lease(db, hub.replica()).await
    {
        tracing::warn!(%error, "this replica could not tell the others that it ends");
    }
}

/// Tells that this replica is alive; returns whether it is the one that does what only one needs to do.
async fn keep(db: &Db, hub: &Hub) -> sqlx::Result<bool> {
    if let Db::Sqlite { .. } = db {
        return Ok(true);
    }
    repository::renew_lease(db, hub.replica()).await?;
    let replicas = repository::replicas(db).await?;
    hub.set_peers(replicas.len() > 1);
    // One is enough to reap, and all agree on who is the oldest.
    let is_first = replicas.first() == Some(&hub.replica());
    if is_first {
        reap(db, hub).await?;
    }
    Ok(is_first)
}

async fn reap(db: &Db, hub: &Hub) -> sqlx::Result<()> {
    let count = repository::reap(db, hub.replica()).await?;
    if count > 0 {
        tracing::warn!(
            count,
            "answers were cut off by the end of the server that wrote them"
        );
    }
    Ok(())
}

/// Stops those of these turns of this replica whose conversations were deleted, and those that another replica was asked
/// to stop while its notification got lost.
pub async fn look_after(db: &Db, turns: &[Arc<Turn>]) {
    let turns: Vec<&Turn> = turns.iter().map(|turn| &**turn).collect();
    if turns.is_empty() {
        return;
    }
    let standings: HashMap<Uuid, Standing> = match repository::standings(db, &turns).await {
        Ok(standings) => standings
            .into_iter()
            .map(|standing| (standing.answer, standing))
            .collect(),
        Err(error) => {
            tracing::warn!(%error, "running answers could not be looked after");
            return;
        }
    };
    for turn in turns {
        let is_over = match standings.get(&turn.answer.id) {
            Some(standing) => standing.stop_requested,
            None => true,
        };
        if is_over {
            turn.stop().cancel();
        }
    }
}
