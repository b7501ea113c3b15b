//! Keeps the images of turns that run on other replicas up to date, from what those have stored.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::turn::{End, Turn};
use super::{Hub, repository};
use crate::db::Db;
use crate::messages::{self, ErrorCode, Message, Status};

/// How often to look without having been told to: notifications can be lost while a connection is.
const INTERVAL: Duration = Duration::from_secs(1);

/// Follows all that is read here and runs elsewhere.
pub async fn follow(db: &Db, hub: &Hub) {
    loop {
        let news = hub.images_to_keep_up().notified();
        if hub.all_images().is_empty() {
            news.await;
        } else {
            // Whether there is news or not.
            let _ = timeout(INTERVAL, news).await;
        }
        let images = hub.all_images();
        let images: Vec<&Turn> = images.iter().map(|image| &**image).collect();
        if let Err(error) = catch_up(db, &images).await {
            tracing::warn!(%error, "running answers of other replicas could not be read");
            sleep(INTERVAL).await;
        }
    }
}

/// Reads what there is of all of them, whatever their number, with two statements and one for each that has ended.
async fn catch_up(db: &Db, images: &[&Turn]) -> sqlx::Result<()> {
    if images.is_empty() {
        return Ok(());
    }
    // How they stand is asked first: what has ended by then has no pieces any more, but all of its text.
    let standings = repository::standings(db, images).await?;
    let pending: HashSet<Uuid> = standings
        .into_iter()
        .filter(|standing| standing.status == Status::Pending)
        .map(|standing| standing.answer)
        .collect();
    let by_answer: HashMap<Uuid, &Turn> = images
        .iter()
        .map(|image| (image.answer.id, *image))
        .collect();
    for piece in repository::pieces_behind(db, images).await? {
        if let Some(image) = by_answer.get(&piece.answer) {
            image.push_piece(&piece.into_piece());
        }
    }
    for image in images {
        if pending.contains(&image.answer.id) {
            continue;
        }
        let answer = messages::repository::find(db, image.owner, image.answer.id).await?;
        image.finish(End {
            answer: answer.unwrap_or_else(|| deleted(&image.answer)),
            retry_after: None,
        });
    }
    Ok(())
}

/// What readers are told of an answer that was deleted while it was being written.
pub fn deleted(answer: &Message) -> Message {
    Message {
        status: Status::Failed,
        error: Some("The conversation was deleted.".to_owned()),
        error_code: Some(ErrorCode::Deleted),
        ..answer.clone()
    }
}
