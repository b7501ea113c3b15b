//! The providers' lists of models, asked for once in a while however often somebody wants to see them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::llm::{ProviderName, Providers};

/// How long a list is shown before it is asked for again.
const KEEP_LIST: Duration = Duration::from_secs(60);

/// How long a provider that gave no list is left alone.
const KEEP_FAILURE: Duration = Duration::from_secs(5);

/// What each provider has. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Catalog {
    llm: Providers,
    shelves: Arc<[Shelf]>,
}

/// What was heard from one provider. Who finds nothing good there asks, while others wait for what comes of it.
struct Shelf {
    provider: ProviderName,
    heard: Mutex<Option<Heard>>,
}

struct Heard {
    models: ProviderModels,
    good_until: Instant,
}

/// What one provider has, as the API shows it.
#[derive(Clone, Debug, Serialize)]
pub struct ProviderModels {
    pub provider: &'static str,
    pub available: bool,
    /// Why it has nothing, in a sentence for the user.
    pub error: Option<String>,
    /// The names of its models in alphabetical order.
    pub models: Vec<String>,
}

impl Catalog {
    /// Asks nobody yet.
    pub fn new(llm: Providers) -> Self {
        let shelves = ProviderName::ALL.map(|provider| Shelf {
            provider,
            heard: Mutex::default(),
        });
        Self {
            llm,
            shelves: Arc::new(shelves),
        }
    }

    /// What every provider has. Those of which that is not known are asked at the same time.
    pub async fn list(&self) -> Vec<ProviderModels> {
        join_all(self.shelves.iter().map(|shelf| self.look(shelf))).await
    }

    async fn look(&self, shelf: &Shelf) -> ProviderModels {
        let mut heard = shelf.heard.lock().await;
        match &*heard {
            Some(heard) if Instant::now() < heard.good_until => heard.models.clone(),
            _ => {
                let models = self.ask(shelf.provider).await;
                let keep = if models.available {
                    KEEP_LIST
                } else {
                    KEEP_FAILURE
                };
                let good_until = Instant::now() + keep;
                heard.insert(Heard { models, good_until }).models.clone()
            }
        }
    }

    async fn ask(&self, provider: ProviderName) -> ProviderModels {
        let (mut models, error) = match self.llm.models(provider).await {
            Ok(models) => (models, None),
            Err(error) => {
                tracing::info!(%error, detail = error.detail(), "no list of models");
                (Vec::new(), Some(error.to_string()))
            }
        };
        models.sort_unstable();
        ProviderModels {
            provider: provider.as_str(),
            available: error.is_none(),
            error,
            models,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::BoxFuture;
    use futures_util::stream::{self, BoxStream};
    use futures_util::{FutureExt, StreamExt};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::llm::{Error, ErrorKind, Event, Provider, Request};

    /// A provider that counts how often it was asked, and names a model after that. It waits for leave to answer.
    struct Counting {
        asked: AtomicUsize,
        fails: bool,
        leave: Arc<Semaphore>,
    }

    impl Provider for Counting {
        fn chat(&self, _: Arc<Request>) -> BoxStream<'static, Result<Event, Error>> {
            stream::empty().boxed()
        }

        fn models(&self) -> BoxFuture<'static, Result<Vec<String>, Error>> {
            let number = self.asked.fetch_add(1, Ordering::SeqCst);
            let (fails, leave) = (self.fails, Arc::clone(&self.leave));
            async move {
                leave.acquire().await.unwrap().forget();
                if fails {
                    let kind = ErrorKind::Unreachable;
                    return Err(Error::new(ProviderName::OpenAi, None, kind));
                }
                Ok(vec![number.to_string(), "a".to_owned()])
            }
            .boxed()
        }
    }

    fn counting(fails: bool, leave: usize) -> (Arc<Counting>, Catalog) {
        let provider = Arc::new(Counting {
            asked: AtomicUsize::new(0),
            fails,
            leave: Arc::new(Semaphore::new(leave)),
        });
        let catalog = Catalog::new(Providers::with(provider.clone()));
        (provider, catalog)
    }

    /// How long what was heard is good, at most.
    async fn good_for(catalog: &Catalog) -> Duration {
        let heard = catalog.shelves[0].heard.lock().await;
        heard.as_ref().unwrap().good_until - Instant::now()
    }

    #[tokio::test]
    async fn lists_are_kept_longer_than_failures() {
        for (fails, keep) in [(false, KEEP_LIST), (true, KEEP_FAILURE)] {
            let (provider, catalog) = counting(fails, 9);
            catalog.list().await;
            let good_for = good_for(&catalog).await;
            assert!(good_for <= keep && keep - good_for < Duration::from_secs(4));
            catalog.list().await;
            assert_eq!(provider.asked.load(Ordering::SeqCst), 2);
            for shelf in catalog.shelves.iter() {
                shelf.heard.lock().await.as_mut().unwrap().good_until = Instant::now();
            }
            catalog.list().await;
            assert_eq!(provider.asked.load(Ordering::SeqCst), 4);
        }
    }

    #[tokio::test]
    async fn who_gives_up_waiting_leaves_the_next_one_to_ask() {
        let (provider, catalog) = counting(false, 0);
        let mut waiting = Box::pin(catalog.list());
        assert!((&mut waiting).now_or_never().is_none());
        let next = tokio::spawn({
            let catalog = catalog.clone();
            async move { catalog.list().await }
        });
        tokio::task::yield_now().await;
        assert_eq!(provider.asked.load(Ordering::SeqCst), 2);
        drop(waiting);
        provider.leave.add_permits(9);
        let lists = next.await.unwrap();
        assert_eq!(lists[0].models, ["2", "a"]);
        assert_eq!(provider.asked.load(Ordering::SeqCst), 4);
    }
}
