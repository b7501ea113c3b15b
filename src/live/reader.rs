//! Reading a turn: each reader has a place of its own in the one text.

use std::sync::Arc;

use tokio::sync::watch;

use super::turn::{END, End, Kind, Turn};

/// By how much the readers of another replica's turn may be ahead of what is known of it here, in bytes.
const AHEAD: usize = 1 << 20;

impl Turn {
    /// Reads from the beginning.
    pub fn reader(self: &Arc<Self>) -> Reader {
        Reader {
            growth: self.growth.subscribe(),
            next: Next::Start,
            turn: Arc::clone(self),
        }
    }

    /// Reads on after the event with this id; from the beginning if it is none of this turn's.
    pub fn reader_after(self: &Arc<Self>, id: u64) -> Reader {
        let place = id
            .checked_sub(self.first_id())
            .and_then(|place| usize::try_from(place).ok())
            .filter(|&place| place <= self.length() + if self.is_image() { AHEAD } else { END })
            .filter(|&place| !self.is_out_of_order || place >= self.length());
        Reader {
            next: place.map_or(Next::Start, Next::Text),
            ..self.reader()
        }
    }
}

/// What a reader is told.
#[derive(Clone, Debug)]
pub enum Event {
    /// The turn has begun; the first event of who reads from the beginning.
    Start,
    /// More text.
    Text(String),
    /// More of what the model thinks.
    Reasoning(String),
    /// The turn has ended; the last event.
    End(Arc<End>),
    /// This server ends, and the turn goes on elsewhere; the last event.
    Closing,
}

/// A place in a turn. Cheap: the text is the turn's.
pub struct Reader {
    turn: Arc<Turn>,
    growth: watch::Receiver<()>,
    next: Next,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Start,
    /// From this byte on.
    Text(usize),
    Nothing,
}

impl Reader {
    /// The turn that is read.
    pub fn turn(&self) -> &Arc<Turn> {
        &self.turn
    }

    /// Whether the first event is yet to come.
    pub fn is_at_start(&self) -> bool {
        self.next == Next::Start
    }

    /// Waits for the next event and its id; `None` after the last one. Nothing is lost if the wait is given up.
    pub async fn next(&mut self) -> Option<(u64, Event)> {
        loop {
            // Marked as seen before looking, so that what comes while we look is not missed.
            self.growth.borrow_and_update();
            if let Some(event) = self.ready() {
                return Some(event);
            }
            if self.next == Next::Nothing {
                return None;
            }
            match &self.turn.closing {
                None => {
                    let _ = self.growth.changed().await;
                }
                Some(closing) => tokio::select! {
                    _ = self.growth.changed() => {}
                    () = closing.cancelled() => {
                        let id = self.id();
                        self.next = Next::Nothing;
                        return Some((id, Event::Closing));
                    }
                },
            }
        }
    }

    /// The next event, if it is there.
    pub fn ready(&mut self) -> Option<(u64, Event)> {
        let position = match self.next {
            Next::Start => {
                self.next = Next::Text(0);
                return Some((self.id(), Event::Start));
            }
            Next::Text(position) => position,
            Next::Nothing => return None,
        };
        // Looked at first: what it says is all there was pushed before it.
        let end = self.turn.end();
        if let Some((kind, end, text)) = self.turn.text_behind(position) {
            self.next = Next::Text(end);
            let event = match kind {
                Kind::Text => Event::Text(text),
                Kind::Reasoning => Event::Reasoning(text),
            };
            return Some((self.id(), event));
        }
        let end = end?;
        // Who reads on after the usage stands behind all text.
        self.next = Next::Text(position.min(self.turn.length()));
        let id = self.id() + END as u64;
        self.next = Next::Nothing;
        Some((id, Event::End(end)))
    }

    /// The id of what was read last.
    fn id(&self) -> u64 {
        let position = match self.next {
            Next::Text(position) => position,
            _ => 0,
        };
        self.turn.first_id() + position as u64
    }
}
