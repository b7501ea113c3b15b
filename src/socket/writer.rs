//! What is written to a client: answers to its commands, events, pings. One frame at a time.

use std::pin::Pin;

use axum::body::Bytes;
use axum::extract::ws::{Message, Utf8Bytes};
use futures_util::stream::SelectAll;
use futures_util::{SinkExt, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::goodbye::{Goodbye, code};
use super::limits::Patience;
use super::session::Outgoing;

/// The events of one conversation, as frames.
pub type Events = Pin<Box<dyn Stream<Item = Utf8Bytes> + Send>>;

/// What the client is to be told.
pub enum Telling {
    Frame(Utf8Bytes),
    /// A frame, and from then on these events.
    Follow(Utf8Bytes, Events),
}

/// Writes until the client takes no more. An event is made only once the frame before it has gone.
pub async fn write(
    outgoing: &mut Outgoing,
    mut tellings: mpsc::Receiver<Telling>,
    patience: &Patience,
) -> Goodbye {
    let mut followed = SelectAll::new();
    let mut pings = interval_at(Instant::now() + patience.ping, patience.ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (message, length) = tokio::select! {
            // There are few answers and few pings, so the events get their turn.
            biased;
            Some(telling) = tellings.recv() => text(match telling {
                Telling::Frame(frame) => frame,
                Telling::Follow(frame, events) => {
                    followed.push(events);
                    frame
                }
            }),
            _ = pings.tick() => (Message::Ping(Bytes::new()), 0),
            Some(frame) = followed.next() => text(frame),
        };
        match timeout(patience.for_frame(length), outgoing.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Goodbye::Left,
            Err(_) => return Goodbye::new(code::SILENT, "Nothing was taken for too long."),
        }
    }
}

fn text(frame: Utf8Bytes) -> (Message, usize) {
    let length = frame.len();
    (Message::Text(frame), length)
}
