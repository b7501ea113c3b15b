//! What replicas tell each other at once, by Postgres' NOTIFY: in which conversations something happened, and what to
//! stop. The text itself is read from the database. Nothing depends on a notification: whoever misses one looks by
//! itself a little later.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::time::sleep;
use uuid::Uuid;

use super::turn::Turn;
use super::{Hub, replicas, repository};
use crate::db::Db;

/// How many conversations one notification tells of: Postgres takes 8,000 bytes.
const TOLD_AT_ONCE: usize = 200;

/// What a notification begins with that asks to stop an answer.
const STOP: char = '!';

/// What a notification begins with that tells of a new replica.
const HELLO: char = '+';

/// What a notification begins with that tells whose conversations were deleted.
const DELETED: char = '-';

/// How long to wait before a lost connection is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells the other replicas in which conversations something happened.
pub async fn tell(db: &Db, conversations: &[Uuid]) {
    for some in conversations.chunks(TOLD_AT_ONCE) {
        let ids: Vec<String> = some.iter().map(|id| id.simple().to_string()).collect();
        if let Err(error) = repository::notify(db, &ids.join(",")).await {
            tracing::warn!(%error, "the other replicas could not be told of running answers");
        }
    }
}

/// Tells the other replicas that there is one more to be told.
///
/// # Errors
/// The database fails.
pub async fn say_hello(db: &Db, hub: &Hub) -> sqlx::Result<()> {
    repository::notify(db, &format!("{HELLO}{}", hub.replica().simple())).await
}

/// Asks whichever replica writes the answer of this turn to stop.
///
/// # Errors
/// The database fails.
pub async fn request_stop(db: &Db, turn: &Turn) -> sqlx::Result<()> {
    repository::request_stop(db, turn.owner, turn.answer.id).await?;
    repository::notify(db, &format!("{STOP}{}", turn.answer.id.simple())).await
}

/// Stops the answers of a user's whose conversations were deleted just now, here and on the other replicas. What does not
/// succeed is made up for when turns are looked after the next time.
pub async fn stop_deleted(db: &Db, hub: &Hub, owner: Uuid) {
    replicas::look_after(db, &hub.all_running_of(owner)).await;
    if hub.has_peers()
        && let Err(error) = repository::notify(db, &format!("{DELETED}{}", owner.simple())).await
    {
        tracing::warn!(%error, "the other replicas could not be told of a deletion");
    }
}

/// Hears what the other replicas tell. On SQLite there are none.
pub async fn hear(db: &Db, hub: &Hub) {
    // It is never given back.
    let Db::Postgres(pool) = db.with_connection_of_its_own() else {
        return;
    };
    loop {
        let heard: sqlx::Result<()> = async {
            let mut listener = PgListener::connect_with(pool.inner()).await?;
            listener.listen("meggy").await?;
            loop {
                // What was told while nobody heard is looked up.
                hub.happened_elsewhere(None);
                // Of a lost connection it is told once there is a new one.
                while let Some(notification) = listener.try_recv().await? {
                    take(db, hub, notification.payload()).await;
                }
            }
        }
        .await;
        if let Err(error) = heard {
            tracing::warn!(%error, "the other replicas cannot be heard");
        }
        sleep(PAUSE).await;
    }
}

async fn take(db: &Db, hub: &Hub, payload: &str) {
    if let Some(replica) = payload.strip_prefix(HELLO) {
        if replica.parse() != Ok(hub.replica()) {
            hub.set_peers(true);
        }
    } else if let Some(owner) = payload.strip_prefix(DELETED) {
        if let Ok(owner) = owner.parse() {
            replicas::look_after(db, &hub.all_running_of(owner)).await;
        }
    } else if let Some(answer) = payload.strip_prefix(STOP) {
        let answer: Option<Uuid> = answer.parse().ok();
        let turns = hub.all_running();
        if let Some(turn) = turns.iter().find(|turn| Some(turn.answer.id) == answer) {
            turn.stop().cancel();
        }
    } else {
        let ids = payload.split(',').filter_map(|id| id.parse().ok());
        hub.happened_elsewhere(Some(&ids.collect::<Vec<Uuid>>()));
    }
}
