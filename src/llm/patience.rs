//! How long to wait for a provider and how often to ask it, the same for all of them.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream, stream::BoxStream};
use tokio::time::{sleep, timeout};

use super::{
    Error, ErrorKind, Event, Failures, Provider, ProviderName, Request, Settings, StopReason,
};

/// Pause before the first retry; each further one doubles it. As OpenAI's own client.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Longest pause of our own choosing. As OpenAI's own client.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// By how much chance may shorten a pause, so that many clients do not come back at once.
const JITTER: f64 = 0.25;

/// Longest wait for a list of models, which no server has to think about.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);

/// The limits. See [`Settings`] for what they mean.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    first_token_timeout: Duration,
    idle_timeout: Duration,
    max_retries: u32,
    max_retry_after: Duration,
    max_answer_bytes: usize,
}

impl Patience {
    pub fn new(settings: &Settings) -> Self {
        Self {
            first_token_timeout: settings.first_token_timeout,
            idle_timeout: settings.idle_timeout,
            max_retries: settings.max_retries,
            max_retry_after: settings.max_retry_after,
            max_answer_bytes: settings.max_answer_bytes,
        }
    }

    /// How long to pause after `failures` attempts, the last of which ended in `error`. `None` if
    /// there shall be no further one.
    fn pause(&self, failures: u32, error: &Error) -> Option<Duration> {
        if !error.is_retryable() || failures > self.max_retries {
            return None;
        }
        match error.retry_after() {
            Some(wait) => (wait <= self.max_retry_after).then_some(wait),
            None => {
                let doubled = FIRST_PAUSE.saturating_mul(1 << (failures - 1).min(8));
                let shortened = 1.0 - JITTER * rand::random::<f64>();
                Some(doubled.min(LONGEST_PAUSE).mul_f64(shortened))
            }
        }
    }
}

/// See [`super::Providers::chat`].
pub(super) fn chat(
    provider: Arc<dyn Provider>,
    name: ProviderName,
    request: Arc<Request>,
    patience: Patience,
    failures: Failures,
) -> BoxStream<'static, Result<Event, Error>> {
    let attempt = Exchange {
        provider,
        name,
        request,
        patience,
        failures,
        answer: None,
        received: 0,
        has_text: false,
    };
    stream::unfold(Some(attempt), |exchange| async move {
        let mut exchange = exchange?;
        let event = exchange.next().await;
        if let Err(error) = &event {
            exchange.failures.count(error);
        }
        let goes_on = matches!(event, Ok(Event::Text(_) | Event::Reasoning(_)));
        // Dropping the exchange together with the last event closes the connection at once.
        Some((event, goes_on.then_some(exchange)))
    })
    .boxed()
}

/// See [`super::Providers::models`].
pub(super) async fn models(
    provider: Arc<dyn Provider>,
    name: ProviderName,
) -> Result<Vec<String>, Error> {
    timeout(LIST_TIMEOUT, provider.models())
        .await
        .unwrap_or_else(|_| {
            let kind = ErrorKind::FirstTokenTimeout(LIST_TIMEOUT);
            Err(Error::new(name, None, kind))
        })
}

/// One request and its answer, asked for as often as needed.
struct Exchange {
    provider: Arc<dyn Provider>,
    name: ProviderName,
    request: Arc<Request>,
    patience: Patience,
    failures: Failures,
    /// The answer, once its first event has come. From then on there is no retry.
    answer: Option<BoxStream<'static, Result<Event, Error>>>,
    /// Bytes of text and thinking so far.
    received: usize,
    /// Whether any of it was text, not thinking.
    has_text: bool,
}

impl Exchange {
    async fn next(&mut self) -> Result<Event, Error> {
        let limit = self.patience.idle_timeout;
        let event = match &mut self.answer {
            None => self.first().await?,
            Some(answer) => match timeout(limit, answer.next()).await {
                Ok(Some(event)) => event?,
                Ok(None) => return Err(self.error(ErrorKind::CutOff)),
                Err(_) => return Err(self.error(ErrorKind::IdleTimeout(limit))),
            },
        };
        self.check(event)
    }

    /// Asks until an answer begins or patience ends.
    async fn first(&mut self) -> Result<Event, Error> {
        let mut failures = 0;
        loop {
            let error = match self.attempt().await {
                Ok(event) => return Ok(event),
                Err(error) => error,
            };
            failures += 1;
            let Some(pause) = self.patience.pause(failures, &error) else {
                return Err(error);
            };
            self.failures.count(&error);
            tracing::info!(
                provider = %self.name,
                model = error.model(),
                kind = ?error.kind(),
                detail = error.detail(),
                failures,
                pause_ms = pause.as_millis(),
                "asking the model again"
            );
            sleep(pause).await;
        }
    }

    async fn attempt(&mut self) -> Result<Event, Error> {
        let limit = self.patience.first_token_timeout;
        let mut answer = self.provider.chat(Arc::clone(&self.request));
        match timeout(limit, answer.next()).await {
            Ok(Some(event)) => {
                let event = event?;
                self.answer = Some(answer);
                Ok(event)
            }
            Ok(None) => Err(self.error(ErrorKind::NoAnswer(None))),
            Err(_) => Err(self.error(ErrorKind::FirstTokenTimeout(limit))),
        }
    }

    /// Lets no answer pass that is endless, or empty: LiteLLM reports an overflow so.
    fn check(&mut self, event: Event) -> Result<Event, Error> {
        match &event {
            Event::Text(text) | Event::Reasoning(text) => {
                self.has_text |= matches!(event, Event::Text(_));
                self.received = self.received.saturating_add(text.len());
                let limit = self.patience.max_answer_bytes;
                if self.received > limit {
                    return Err(self.error(ErrorKind::TooLong(limit)));
                }
            }
            Event::Done { reason, .. } if !self.has_text => {
                let reason: StopReason = reason.clone();
                return Err(self.error(ErrorKind::NoAnswer(Some(reason))));
            }
            Event::Done { .. } => {}
        }
        Ok(event)
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(self.name, Some(&self.request.model), kind)
    }
}
