//! Threads for heavy work, a few at a time, that give way to everything else.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::metrics::Active;

/// Who waited this long to be served is told that the server is busy.
const LONGEST_QUEUE: Duration = Duration::from_secs(30);

/// The threads give way to everything else that wants the processor.
const NICENESS: i32 = 19;

/// Runs work of one kind, each piece on a thread of its own. Cheap to clone; all clones share the permits.
#[derive(Clone)]
pub struct Workers {
    name: &'static str,
    permits: Arc<Semaphore>,
    waiting: Gauge,
    running: Gauge,
}

impl Workers {
    /// As many pieces of work at a time as `concurrency` says, on threads of this name.
    pub fn new(name: &'static str, concurrency: usize) -> Self {
        Self {
            name,
            permits: Arc::new(Semaphore::new(concurrency)),
            waiting: Gauge::default(),
            running: Gauge::default(),
        }
    }

    /// Runs `work` on a low-priority thread once a permit is free. The permit is held until the work is done, even if
    /// the request that waited for it is gone.
    ///
    /// # Errors
    /// `Unavailable` after half a minute without a permit; `Internal` if the system has no thread to give, or the work
    /// panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let waiting = Active::new(&self.waiting);
        let permit = timeout(LONGEST_QUEUE, self.permits.clone().acquire_owned())
            .await
            .map_err(|_| Error::Unavailable)?
            .map_err(|error| Error::Internal(error.into()))?;
        drop(waiting);
        let running = Active::new(&self.running);
        let (done, result) = oneshot::channel();
        let thread = move || {
            #[cfg(target_os = "linux")]
            // On Linux this concerns the calling thread alone. Where it is refused, the work is merely less polite.
            let _ = rustix::process::nice(NICENESS);
            let _ = done.send(work());
            drop((running, permit));
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

    /// How much work waits for a permit, and how much is being done.
    pub fn load(&self) -> (i64, i64) {
        (self.waiting.get(), self.running.get())
    }
}
