//! Threads for heavy work, a few at a time, that give way to everything else.

mod queue;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::oneshot;
use tokio::time::timeout;

pub use queue::Claim;
use queue::Queue;

use crate::error::{Error, Result};
use crate::metrics::Active;

/// Who waited this long to be served is told that the server is busy.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How many may wait for each piece of work that is done at a time.
const QUEUE: usize = 256;

/// The threads give way to everything else that wants the processor, and still get a tenth of it: with the least priority of
/// all, 19, logins would take half a minute on a busy machine.
const NICENESS: i32 = 10;

/// Runs work of one kind, each piece on a thread of its own. Cheap to clone; all clones share the queue.
#[derive(Clone)]
pub struct Workers {
    name: &'static str,
    queue: Arc<Queue>,
    waiting: Gauge,
    running: Gauge,
}

impl Workers {
    /// As many pieces of work at a time as `concurrency` says, on threads of this name.
    pub fn new(name: &'static str, concurrency: usize) -> Self {
        Self {
            name,
            queue: Arc::new(Queue::new(concurrency, concurrency * QUEUE)),
            waiting: Gauge::default(),
            running: Gauge::default(),
        }
    }

    /// Whether so few wait that [`Workers::run`] would not refuse at once.
    pub fn has_place(&self, claim: Claim) -> bool {
        self.queue.has_place(claim)
    }

    /// Runs `work` on a low-priority thread once it is its turn, which `claim` decides. The turn lasts until the work is
    /// done, even if the request that waited for it is gone.
    ///
    /// # Errors
    /// `Unavailable` if too many wait, or after half a minute; `Internal` if the system has no thread to give, or the
    /// work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        claim: Claim,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let waiting = Active::new(&self.waiting);
        let turn = timeout(LONGEST_WAIT, self.queue.turn(claim))
            .await
            .ok()
            .flatten()
            .ok_or(Error::Unavailable)?;
        drop(waiting);
        let running = Active::new(&self.running);
        let (done, result) = oneshot::channel();
        let thread = move || {
            #[cfg(target_os = "linux")]
            // On Linux this concerns the calling thread alone. Where it is refused, the work is merely less polite.
            let _ = rustix::process::nice(NICENESS);
            let _ = done.send(work());
            drop((running, turn));
        };
        thread::Builder::new()
            .name(self.name.into())
            .spawn(thread)
            .map_err(|error| Error::Internal(error.into()))?;
        result.await.map_err(|error| Error::Internal(error.into()))
    }

    /// What the work is called.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How much work waits for its turn, and how much is being done.
    pub fn load(&self) -> (i64, i64) {
        (self.waiting.get(), self.running.get())
    }
}
