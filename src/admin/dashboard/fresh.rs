//! What takes its time to find out, and may be some minutes old.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use crate::tasks::Tasks;

/// After how long something is found out anew.
const KEEP: Duration = Duration::from_secs(30);

/// How old something may be that is shown while it is found out anew.
const SHOWN: Duration = Duration::from_secs(5 * 60);

/// How long a page waits for it.
const PATIENCE: Duration = Duration::from_millis(150);

/// Something that is found out in the background when somebody wants to see it, once at a time. Cheap to clone; all
/// clones are one.
pub struct Fresh<T>(Arc<Inner<T>>);

struct Inner<T> {
    found: watch::Sender<Option<Found<T>>>,
    /// Held by the task that finds out.
    finding: Arc<Mutex<()>>,
}

struct Found<T> {
    what: Arc<T>,
    at: Instant,
}

impl<T> Clone for Fresh<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self(Arc::new(Inner {
            found: watch::Sender::new(None),
            finding: Arc::default(),
        }))
    }
}

impl<T: Send + Sync + 'static> Fresh<T> {
    /// What is known. If that is half a minute old, it is found out anew by `find`; a page that cannot wait for it gets the
    /// old, or nothing if that is too old or this is the first time. `find` gives nothing if it failed.
    pub async fn get<F>(&self, tasks: &Tasks, find: F) -> Option<Arc<T>>
    where
        F: Future<Output = Option<T>> + Send + 'static,
    {
        let mut found = self.0.found.subscribe();
        let is_good = |found: &Option<Found<T>>| {
            let found = found.as_ref();
            found.is_some_and(|found| found.at.elapsed() < KEEP)
        };
        if !is_good(&found.borrow()) {
            if let Ok(finding) = Arc::clone(&self.0.finding).try_lock_owned() {
                let inner = Arc::clone(&self.0);
                let draining = tasks.draining().clone();
                tasks.spawn(async move {
                    let _finding = finding;
                    if let Some(Some(what)) = draining.run_until_cancelled(find).await {
                        inner.found.send_replace(Some(Found {
                            what: Arc::new(what),
                            at: Instant::now(),
                        }));
                    }
                });
            }
            // Out of time is no failure: what is there is shown.
            let _ = timeout(PATIENCE, found.wait_for(is_good)).await;
        }
        let found = found.borrow();
        let found = found.as_ref().filter(|found| found.at.elapsed() < SHOWN);
        found.map(|found| Arc::clone(&found.what))
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn it_is_found_out_once_for_all_who_ask() {
        let (fresh, tasks) = (Fresh::default(), Tasks::default());
        let found = Arc::new(AtomicUsize::new(0));
        let ask = || {
            let found = Arc::clone(&found);
            fresh.get(
                &tasks,
                async move { Some(found.fetch_add(1, Ordering::SeqCst)) },
            )
        };
        let answers = join_all((0..5).map(|_| ask())).await;
        assert!(answers.iter().all(|answer| answer.as_deref() == Some(&0)));
        assert_eq!(ask().await.as_deref(), Some(&0));
        assert_eq!(found.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn who_cannot_wait_gets_what_was_known() {
        let (fresh, tasks) = (Fresh::default(), Tasks::default());
        assert_eq!(fresh.get(&tasks, ready(None::<i32>)).await, None);
        assert_eq!(fresh.get(&tasks, ready(Some(1))).await.as_deref(), Some(&1));
        let age = |age| {
            fresh.0.found.send_modify(|found| {
                let found = found.as_mut().expect("something");
                found.at = Instant::now().checked_sub(age).expect("a time");
            });
        };
        age(KEEP);
        assert_eq!(fresh.get(&tasks, pending()).await.as_deref(), Some(&1));
        // Better nothing than what was so long ago.
        age(SHOWN);
        assert_eq!(fresh.get(&tasks, pending()).await, None);
        // A search without end does not hold up a shutdown.
        tasks.drain();
        tasks.finished().await;
    }
}
