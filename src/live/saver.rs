//! Stores the text of running answers as it grows.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::turn::{Piece, Turn};
use super::{Hub, relay, repository};
use crate::db::Db;

/// How much of an answer a crash may cost, commit aside. All turns share each commit, so more of them make it larger,
/// not more frequent.
const INTERVAL: Duration = Duration::from_millis(200);

/// Saves what grows, and tells the other replicas.
pub async fn save_periodically(db: &Db, hub: &Hub) {
    loop {
        if hub.is_idle() {
            hub.activity().notified().await;
        }
        sleep(INTERVAL).await;
        for turn in save(db, &hub.all_running()).await {
            hub.has_grown(&turn);
        }
        relay::tell(db, &hub.take_untold()).await;
    }
}

/// Stores what the turns have that the database has not; returns those.
async fn save(db: &Db, turns: &[Arc<Turn>]) -> Vec<Arc<Turn>> {
    let mut grown: Vec<(Arc<Turn>, Vec<Piece>)> = Vec::new();
    for turn in turns {
        let pieces = turn.take_unsaved();
        if !pieces.is_empty() {
            grown.push((Arc::clone(turn), pieces));
        }
    }
    if grown.is_empty() {
        return Vec::new();
    }
    let rows: Vec<(&Turn, &[Piece])> = grown
        .iter()
        .map(|(turn, pieces)| (&**turn, pieces.as_slice()))
        .collect();
    let saved = repository::save_pieces(db, &rows).await;
    if let Err(error) = &saved {
        // The text is still here, and the next attempt is near.
        tracing::warn!(%error, "the text of running answers could not be stored yet");
    }
    grown
        .into_iter()
        .map(|(turn, pieces)| {
            let end = pieces.last().map(|piece| piece.position + piece.text.len());
            turn.saved(end.filter(|_| saved.is_ok()));
            turn
        })
        .collect()
}
