//! What reading an answer has in common, whatever the wire format.

use std::{collections::VecDeque, future::Future};

use futures_util::{StreamExt, stream, stream::BoxStream};

use super::{Error, Event};

/// Reads an answer from the wire, piece by piece.
pub(super) trait Reader: Send + 'static {
    /// Reads the next piece and appends the events in it, of which there may be none. Is not called
    /// again after an error or `Done`.
    fn read(
        &mut self,
        events: &mut VecDeque<Event>,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// The events of an answer, up to `Done` or an error.
pub(super) fn events(reader: impl Reader) -> BoxStream<'static, Result<Event, Error>> {
    let begin = Some((reader, VecDeque::new()));
    stream::unfold(begin, |state| async move {
        let (mut reader, mut events) = state?;
        loop {
            match events.pop_front() {
                Some(event @ Event::Done { .. }) => return Some((Ok(event), None)),
                Some(event) => return Some((Ok(event), Some((reader, events)))),
                None => {
                    if let Err(error) = reader.read(&mut events).await {
                        return Some((Err(error), None));
                    }
                }
            }
        }
    })
    .boxed()
}

/// Appends `text` as an event, unless there is none.
pub(super) fn push(
    events: &mut VecDeque<Event>,
    event: impl FnOnce(String) -> Event,
    text: Option<String>,
) {
    events.extend(text.filter(|text| !text.is_empty()).map(event));
}
