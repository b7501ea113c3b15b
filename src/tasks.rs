//! Background work that a shutdown waits for.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Every task of the process, and the signals that end them. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stopping: CancellationToken,
    draining: CancellationToken,
    ending: CancellationToken,
}

impl Tasks {
    /// Starts a task that [`Tasks::finished`] waits for.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(task)
    }

    /// Cancelled once the process was asked to stop: say so, and go on.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// The first signal: take on nothing new. Periodic work ends; what is under way goes on.
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// The second signal: write down where you are, and end.
    pub fn ending(&self) -> &CancellationToken {
        &self.ending
    }

    /// Announces that the first signal is going to come.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Gives the first signal.
    pub fn drain(&self) {
        self.stopping.cancel();
        self.tracker.close();
        self.draining.cancel();
    }

    /// Gives the second signal.
    pub fn end(&self) {
        self.ending.cancel();
    }

    /// Waits until all tasks have ended. Call [`Tasks::drain`] first.
    pub async fn finished(&self) {
        self.tracker.wait().await;
    }
}
