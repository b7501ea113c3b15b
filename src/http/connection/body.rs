//! The body of a request, whose client must not dawdle.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::Timeouts;
use crate::error::Error;

/// The slowest pace that is borne with, in bytes a second.
const SLOWEST: u64 = 500;

/// Why a body was not waited for to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfinished {
    /// Its client dawdled.
    #[error("The body came too slowly.")]
    TooSlow,
    /// The server ends.
    #[error("The server is stopping.")]
    Stopping,
}

impl Unfinished {
    /// Whether this is behind what reading a body failed with.
    pub fn behind(error: &(dyn StdError + 'static)) -> Option<Self> {
        std::iter::successors(Some(error), |error| (*error).source())
            .find_map(|error| error.downcast_ref().copied())
    }
}

impl From<Unfinished> for Error {
    fn from(unfinished: Unfinished) -> Self {
        match unfinished {
            Unfinished::TooSlow => Self::TooSlow,
            Unfinished::Stopping => Self::Unavailable,
        }
    }
}

/// A body that breaks off when too little of it comes. Only the time counts for which somebody waited for it.
pub struct Paced {
    body: Incoming,
    timeouts: Timeouts,
    closing: CancellationToken,
    received: u64,
    waited: Duration,
    waiting: Option<Waiting>,
}

/// What ends the wait for the next part of a body.
struct Waiting {
    since: Instant,
    /// `None` once it has come about.
    closing: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    deadline: Pin<Box<Sleep>>,
}

impl Paced {
    pub fn new(body: Incoming, timeouts: Timeouts, closing: CancellationToken) -> Self {
        Self {
            body,
            timeouts,
            closing,
            received: 0,
            waited: Duration::ZERO,
            waiting: None,
        }
    }

    fn wait(&self) -> Waiting {
        let since = Instant::now();
        let earned = Duration::from_secs(self.received / SLOWEST);
        let left = (self.timeouts.body + earned).saturating_sub(self.waited);
        Waiting {
            since,
            closing: Some(Box::pin(self.closing.clone().cancelled_owned())),
            deadline: Box::pin(sleep_until(since + left.min(self.timeouts.body))),
        }
    }
}

impl Waiting {
    fn poll(&mut self, context: &mut Context<'_>, ending: Duration) -> Poll<Unfinished> {
        if let Some(closing) = &mut self.closing
            && closing.as_mut().poll(context).is_ready()
        {
            self.closing = None;
            self.deadline = Box::pin(sleep(ending));
        }
        ready!(self.deadline.as_mut().poll(context));
        Poll::Ready(if self.closing.is_some() {
            Unfinished::TooSlow
        } else {
            Unfinished::Stopping
        })
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            if let Some(waiting) = this.waiting.take() {
                this.waited += waiting.since.elapsed();
            }
            if let Some(data) = frame
                .as_ref()
                .and_then(|frame| frame.as_ref().ok()?.data_ref())
            {
                this.received += data.len() as u64;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let mut waiting = this.waiting.take().unwrap_or_else(|| this.wait());
        let polled = waiting.poll(context, this.timeouts.ending);
        this.waiting = Some(waiting);
        polled.map(|unfinished| Some(Err(unfinished.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
