//! One conversation as one socket watches it: every event of every turn, in order, none twice and none missing.
//!
//! The database knows which turns there were, so that is asked for the next one each time something happened. A turn
//! that runs is read as it grows; one that was over before we came to it is told from what was stored. That is so for a
//! client that is slow, for a turn so short that it ends before anybody looks, and for those of other replicas.

use std::sync::Arc;
use std::time::Duration;
use std::vec;

use axum::extract::ws::Utf8Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::reply;
use crate::app::App;
use crate::conversations;
use crate::db::Db;
use crate::live::reader::Event;
use crate::live::told::{Told, tell};
use crate::live::{Hub, Reader, Turn};
use crate::messages::{self, Message, Status};

/// How long to wait after the database failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How often to look without having heard anything: what another replica tells can get lost.
const GLANCE: Duration = Duration::from_secs(60);

/// How often to look for a turn that is just beginning or ending.
const ATTEMPTS: usize = 3;

/// A place in the turns of a conversation.
pub struct Subscription {
    db: Db,
    live: Hub,
    owner: Uuid,
    conversation: Uuid,
    news: watch::Receiver<()>,
    /// Turns that began by then have been told, or are being told.
    until: DateTime<Utc>,
    /// The event of the next turn to be told after which to begin.
    after: Option<u64>,
    reader: Option<Reader>,
    /// Events up to this one are known.
    known: u64,
    told: vec::IntoIter<Told>,
}

impl Subscription {
    /// Watches a conversation: the turn that runs, from its beginning, and all later ones. With the id of an event that
    /// the client had last, everything after that, also if that turn is over. `None` if the user has no such
    /// conversation. Tells, too, whether a turn runs.
    pub async fn open(
        app: &App,
        owner: Uuid,
        conversation: Uuid,
        last: Option<u64>,
    ) -> sqlx::Result<Option<(Self, bool)>> {
        let db = &app.db;
        if conversations::repository::find(db, owner, conversation)
            .await?
            .is_none()
        {
            return Ok(None);
        }
        // Before looking, so that whatever comes after is heard of.
        let mut this = Self::new(app, owner, conversation);
        let latest = messages::repository::last_answer(db, owner, conversation, None).await?;
        let is_running = latest
            .as_ref()
            .is_some_and(|answer| answer.status == Status::Pending);
        if let Some(last) = last
            && let Some(answer) = this.answer_with(last).await?
        {
            this.until = before(&answer);
            this.after = Some(last);
        } else if let Some(latest) = latest {
            this.until = if is_running {
                before(&latest)
            } else {
                latest.created_at
            };
        }
        Ok(Some((this, is_running)))
    }

    /// Watches a conversation that may get its first turn to be told in a moment; see [`Subscription::starting_with`].
    pub fn new(app: &App, owner: Uuid, conversation: Uuid) -> Self {
        Self {
            db: app.db.clone(),
            live: app.live.clone(),
            owner,
            conversation,
            news: app.live.listen(conversation),
            until: DateTime::UNIX_EPOCH,
            after: None,
            reader: None,
            known: 0,
            told: Vec::new().into_iter(),
        }
    }

    /// Begins with this turn.
    pub fn starting_with(mut self, turn: &Arc<Turn>) -> Self {
        self.until = turn.answer.created_at;
        self.reader = Some(turn.reader());
        self
    }

    /// All events, as frames.
    pub fn frames(self) -> impl Stream<Item = Utf8Bytes> {
        stream::unfold(self, |mut this| async {
            let frame = this.next().await;
            Some((frame, this))
        })
    }

    async fn next(&mut self) -> Utf8Bytes {
        loop {
            if let Some(told) = self.told.next() {
                if told.id <= self.known {
                    continue;
                }
                let answer = self.reader.as_ref().map(|reader| reader.turn().answer.id);
                return reply::event(self.conversation, answer.unwrap_or_default(), &told);
            }
            match &mut self.reader {
                Some(reader) => match reader.next().await {
                    // The socket is closed with a word of its own about it.
                    Some((_, Event::Closing)) => std::future::pending().await,
                    Some((id, event)) => {
                        let told: Vec<Told> = tell(reader.turn(), id, event).collect();
                        self.told = told.into_iter();
                    }
                    None => {
                        self.reader = None;
                        self.known = 0;
                    }
                },
                None => self.find_turn().await,
            }
        }
    }

    /// Waits for the next turn.
    async fn find_turn(&mut self) {
        loop {
            // Marked as heard before looking, so that what comes while we look is not missed.
            self.news.borrow_and_update();
            match self.next_turn().await {
                Ok(Some(turn)) => {
                    self.until = turn.answer.created_at;
                    let last = self.after.take();
                    let reader = match last {
                        Some(last) => turn.reader_after(last),
                        None => turn.reader(),
                    };
                    // Who has to be told all again does not know any of it.
                    self.known = last.filter(|_| !reader.is_at_start()).unwrap_or_default();
                    self.reader = Some(reader);
                    return;
                }
                Ok(None) => {
                    let news = self.news.changed();
                    match self.db {
                        Db::Postgres(_) => drop(timeout(GLANCE, news).await),
                        Db::Sqlite { .. } => drop(news.await),
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the next answer of a conversation could not be looked up");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// The first turn that was not told yet, if there is one.
    async fn next_turn(&mut self) -> sqlx::Result<Option<Arc<Turn>>> {
        let (db, owner) = (&self.db, self.owner);
        for _ in 0..ATTEMPTS {
            let Some(answer) =
                messages::repository::next_answer(db, owner, self.conversation, self.until).await?
            else {
                return Ok(None);
            };
            if answer.status == Status::Pending {
                // If it is none that runs, it has ended just now, and is looked up again.
                let turn = self.live.join(owner, self.conversation).await?;
                if let Some(turn) = turn.filter(|turn| turn.answer.id == answer.id) {
                    return Ok(Some(turn));
                }
                continue;
            }
            // Where there is none, both were deleted just now.
            if let Some(question) =
                messages::repository::find_question_of(db, owner, &answer).await?
            {
                return Ok(Some(Arc::new(Turn::ended_as(owner, question, answer))));
            }
        }
        Ok(None)
    }

    /// The answer one of whose events has this id.
    async fn answer_with(&self, id: u64) -> sqlx::Result<Option<Message>> {
        let time = i64::try_from(id)
            .ok()
            .and_then(DateTime::from_timestamp_micros)
            // No event is that much ahead of its time, and not all times can be asked for.
            .filter(|&time| time < Utc::now() + TimeDelta::days(1));
        let Some(time) = time else {
            return Ok(None);
        };
        let answer =
            messages::repository::last_answer(&self.db, self.owner, self.conversation, Some(time))
                .await?;
        Ok(answer.filter(|answer| {
            let length = answer.content.len() + answer.reasoning.as_ref().map_or(0, String::len);
            // Behind the text come two events more. Of an answer that is being written more may be known than stored.
            let place = (time - answer.created_at).num_microseconds();
            answer.status == Status::Pending
                || place.is_some_and(|place| place <= length as i64 + 2)
        }))
    }
}

/// A time before an answer began, and after the one before it did.
fn before(answer: &Message) -> DateTime<Utc> {
    answer.created_at - TimeDelta::microseconds(1)
}
