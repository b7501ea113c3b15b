//! One turn as it comes about: what was asked, what has been answered so far, and how it ended.
//!
//! There is one writer, and any number of readers, each with a place of its own in the one text. Nothing is buffered
//! for a reader: a slow one finds more text at once when it looks again, one that comes late begins at the beginning.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::messages::{Message, Status};

/// How many bytes of text one event has at most. Who is far behind is caught up in several, and no more than this is
/// copied for a reader at a time.
const LONGEST_PIECE: usize = 32 * 1024;

/// What a piece of an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Part of the answer's content.
    Text,
    /// Part of what the model thought before.
    Reasoning,
}

impl Kind {
    /// The word for it in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Reasoning => "reasoning",
        }
    }
}

/// By how much the id of the end is behind that of the last text. One is left for the usage, which some front ends tell
/// as an event of its own.
pub(super) const END: usize = 2;

/// How a turn ended.
#[derive(Clone, Debug)]
pub struct End {
    /// The answer as it was stored.
    pub answer: Message,
    /// When another try may help, if the provider told.
    pub retry_after: Option<Duration>,
}

impl End {
    /// Whether the user stopped the answer, and it did not end otherwise just before.
    pub fn is_stopped(&self) -> bool {
        self.answer.status == Status::Stopped
    }

    /// After how many whole seconds another try may help. A fraction is rounded up: sooner would be too soon.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after
            .map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
    }
}

/// A piece of an answer and where it begins, in bytes of text and thinking together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub position: usize,
    pub kind: Kind,
    pub text: String,
}

/// A turn. It is written to by the task that asks the model, or, if that is another replica's, by
/// [the one that follows it](super::follow).
pub struct Turn {
    pub owner: Uuid,
    pub question: Message,
    /// The answer as it was when the turn began: empty.
    pub answer: Message,
    log: Mutex<Log>,
    pub(super) growth: watch::Sender<()>,
    /// Rung when nothing is on its way to the database any more.
    settled: Notify,
    end: watch::Sender<Option<Arc<End>>>,
    stop: CancellationToken,
    pub(super) closing: Option<CancellationToken>,
    /// Whether places in the text are not those that readers had while it came about.
    pub(super) is_out_of_order: bool,
}

#[derive(Default)]
struct Log {
    /// Text and thinking in the order in which they came.
    text: String,
    /// Where each stretch of one kind ends.
    stretches: Vec<(Kind, usize)>,
    /// How much of it is in the database.
    saved: usize,
    /// Whether more of it is on the way there.
    is_saving: bool,
    /// Whether it no longer matters, because all of it is about to be stored at once.
    is_closed: bool,
}

impl Turn {
    /// A turn that runs here.
    pub fn new(owner: Uuid, question: Message, answer: Message) -> Self {
        Self {
            owner,
            question,
            answer,
            log: Mutex::default(),
            growth: watch::Sender::default(),
            settled: Notify::new(),
            end: watch::Sender::default(),
            stop: CancellationToken::new(),
            closing: None,
            is_out_of_order: false,
        }
    }

    /// The image of a turn that runs on another replica. Its readers are sent away when `closing` is cancelled,
    /// because the turn goes on without this server.
    pub fn image(
        owner: Uuid,
        question: Message,
        answer: Message,
        closing: CancellationToken,
    ) -> Self {
        Self {
            closing: Some(closing),
            ..Self::new(owner, question, answer)
        }
    }

    /// A turn that ended some time ago.
    pub fn ended_as(owner: Uuid, question: Message, answer: Message) -> Self {
        let mut turn = Self::new(owner, question, answer.before_it_began());
        // What was put together after a crash does not tell either.
        turn.is_out_of_order = answer.is_interleaved
            || (answer.status == Status::Interrupted && answer.reasoning.is_some());
        turn.finish(End {
            answer,
            retry_after: None,
        });
        turn
    }

    /// The conversation in which it is.
    pub fn conversation(&self) -> Uuid {
        self.answer.conversation_id
    }

    /// Whether another replica runs it.
    pub fn is_image(&self) -> bool {
        self.closing.is_some()
    }

    /// Adds to the answer.
    pub fn push(&self, kind: Kind, text: &str) {
        {
            let mut log = self.log();
            log.text.push_str(text);
            let end = log.text.len();
            match log.stretches.last_mut() {
                Some((last, place)) if *last == kind => *place = end,
                _ => log.stretches.push((kind, end)),
            }
        }
        self.growth.send_replace(());
    }

    /// Adds a stored piece, unless it is there already.
    pub fn push_piece(&self, piece: &Piece) {
        let known = self.length();
        if piece.position == known {
            self.push(piece.kind, &piece.text);
        }
    }

    /// Ends the turn. What the answer's text has beyond what was pushed is added before.
    pub fn finish(&self, end: End) {
        for (kind, whole) in [
            (Kind::Reasoning, end.answer.reasoning.as_deref()),
            (Kind::Text, Some(end.answer.content.as_str())),
        ] {
            let known = self.text_of(kind).len();
            if let Some(rest) = whole.and_then(|whole| whole.get(known..))
                && !rest.is_empty()
            {
                self.push(kind, rest);
            }
        }
        self.end.send_replace(Some(Arc::new(end)));
        self.growth.send_replace(());
    }

    /// Waits for the end. `None` if this server ends before a turn of another one does.
    pub async fn ended(&self) -> Option<Arc<End>> {
        let mut end = self.end.subscribe();
        let ended = async {
            loop {
                if let Some(end) = end.borrow_and_update().clone() {
                    return end;
                }
                // The sender is ours, so it cannot be gone.
                let _ = end.changed().await;
            }
        };
        match &self.closing {
            None => Some(ended.await),
            Some(closing) => closing.run_until_cancelled(ended).await,
        }
    }

    /// The end, if it has come.
    pub fn end(&self) -> Option<Arc<End>> {
        self.end.borrow().clone()
    }

    /// Cancelled when the model shall stop.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Whether there is thinking behind the first text.
    pub fn is_interleaved(&self) -> bool {
        let log = self.log();
        log.stretches
            .iter()
            .skip_while(|(kind, _)| *kind == Kind::Reasoning)
            .any(|(kind, _)| *kind == Kind::Reasoning)
    }

    /// What there is of one kind.
    pub fn text_of(&self, kind: Kind) -> String {
        let log = self.log();
        log.stretches_from(0)
            .filter(|&(stretch, ..)| stretch == kind)
            .map(|(_, start, end)| &log.text[start..end])
            .collect()
    }

    /// How many bytes there are, of text and thinking together.
    pub fn length(&self) -> usize {
        self.log().text.len()
    }

    /// What there is behind a position, up to where the other kind begins, or as much of it as fits into an event: its
    /// kind, where it ends, and the text. `None` if there is nothing yet. A made-up position may be within a character,
    /// and is then taken for that's beginning.
    pub(super) fn text_behind(&self, position: usize) -> Option<(Kind, usize, String)> {
        let log = self.log();
        if position > log.text.len() {
            return None;
        }
        let position = log.text.floor_char_boundary(position);
        let (kind, start, end) = log.stretches_from(position).next()?;
        let end = log.text.floor_char_boundary(end.min(start + LONGEST_PIECE));
        Some((kind, end, log.text[start..end].to_owned()))
    }

    /// What is not in the database yet. It counts as being on its way there until [`Turn::saved`] tells how that went.
    pub fn take_unsaved(&self) -> Vec<Piece> {
        let mut log = self.log();
        if log.is_closed || log.is_saving || log.saved == log.text.len() {
            return Vec::new();
        }
        log.is_saving = true;
        log.stretches_from(log.saved)
            .map(|(kind, start, end)| Piece {
                position: start,
                kind,
                text: log.text[start..end].to_owned(),
            })
            .collect()
    }

    /// Tells that everything up to `position` is in the database, or with `None`, that what was taken is not.
    pub fn saved(&self, position: Option<usize>) {
        {
            let mut log = self.log();
            log.is_saving = false;
            log.saved = position.unwrap_or(log.saved);
        }
        self.settled.notify_waiters();
    }

    /// Waits until nothing is on its way to the database any more, and lets nothing begin to be.
    pub async fn settle(&self) {
        loop {
            // Waited for from before looking, so that what happens in between is not missed.
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            {
                let mut log = self.log();
                log.is_closed = true;
                if !log.is_saving {
                    return;
                }
            }
            settled.await;
        }
    }

    /// The id of the first event. Ids of later events count the bytes of the answer from here on, so that they need not
    /// be stored and mean the same on each replica. It is the time at which the answer began, in microseconds, so that
    /// the ids of a conversation increase from turn to turn. JavaScript can hold them exactly until the year 2255.
    pub(super) fn first_id(&self) -> u64 {
        u64::try_from(self.answer.created_at.timestamp_micros()).unwrap_or_default()
    }

    /// Nothing that runs under this lock can panic half-way, so a poisoned one is as good as any.
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// The stretches behind a position, the first one perhaps only in part: kind, start, end.
    fn stretches_from(&self, position: usize) -> impl Iterator<Item = (Kind, usize, usize)> {
        let first = self.stretches.partition_point(|&(_, end)| end <= position);
        let mut start = position;
        self.stretches[first..].iter().map(move |&(kind, end)| {
            let stretch = (kind, start, end);
            start = end;
            stretch
        })
    }
}
