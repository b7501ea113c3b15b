//! What goes on here, in numbers that Prometheus collects.
//!
//! Each server has a registry of its own. What is counted as it happens is counted here; what others know anyway
//! ([`gauges`]) is asked of them when somebody wants to see it. Labels have few values: routes are patterns, providers
//! and kinds of errors are lists of ours, and nothing that a user chose is among them.

mod active;
pub mod exposition;
mod gauges;
mod labels;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

pub use active::Active;
pub use labels::{Route, method_name};

use crate::clock;
use crate::db::Db;
use crate::llm::{ProviderName, Providers};
use crate::messages::Message;
use crate::workers::Workers;
use gauges::Gauges;
use labels::{ProviderLabels, RequestLabels, RouteLabels, StreamLabels, TokenLabels, TurnLabels};

/// The upper limits of the groups of durations, in seconds.
const REQUEST_SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0,
];
const FIRST_TOKEN_SECONDS: [f64; 11] =
    [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0];
const TURN_SECONDS: [f64; 11] = [
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 600.0,
];

/// The label of turns that ended before a provider was chosen.
const NO_PROVIDER: &str = "none";

type Durations<Labels> = Family<Labels, Histogram, fn() -> Histogram>;

/// The numbers of one server. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_durations: Durations<RouteLabels>,
    event_streams: Gauge,
    sockets: Gauge,
    running_turns: Gauge,
    turn_durations: Durations<TurnLabels>,
    first_tokens: Durations<ProviderLabels>,
    tokens: Family<TokenLabels, Counter>,
}

impl Metrics {
    /// All at zero; what the others count is shown along.
    pub fn new(db: Db, llm: &Providers, workers: Vec<Workers>) -> Self {
        let requests = Family::<RequestLabels, Counter>::default();
        let request_durations =
            Durations::<RouteLabels>::new_with_constructor(|| Histogram::new(REQUEST_SECONDS));
        let streams = Family::<StreamLabels, Gauge>::default();
        let stream = |kind| streams.get_or_create_owned(&StreamLabels { kind });
        let running_turns = Gauge::default();
        let turn_durations =
            Durations::<TurnLabels>::new_with_constructor(|| Histogram::new(TURN_SECONDS));
        let first_tokens = Durations::<ProviderLabels>::new_with_constructor(|| {
            Histogram::new(FIRST_TOKEN_SECONDS)
        });
        let tokens = Family::<TokenLabels, Counter>::default();

        let mut registry = Registry::default();
        let started = Gauge::<i64>::default();
        started.set(clock::now().timestamp());
        registry.register_with_unit(
            "process_start_time",
            "When this server started, in seconds since 1970",
            Unit::Seconds,
            started,
        );
        let own = registry.sub_registry_with_prefix("meggy");
        own.register(
            "build",
            "The version of the program",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        own.register("http_requests", "Requests answered", requests.clone());
        own.register_with_unit(
            "http_request_duration",
            "Time from the head of a request to the head of its answer",
            Unit::Seconds,
            request_durations.clone(),
        );
        own.register("streams", "Open live streams", streams.clone());
        own.register(
            "running_turns",
            "Answers being written",
            running_turns.clone(),
        );
        own.register_with_unit(
            "turn_duration",
            "Time that answers took, by how they ended",
            Unit::Seconds,
            turn_durations.clone(),
        );
        own.register_with_unit(
            "first_token",
            "Time from asking a model to the first piece of its answer",
            Unit::Seconds,
            first_tokens.clone(),
        );
        own.register(
            "tokens",
            "Tokens of questions and answers, some of them estimated",
            tokens.clone(),
        );
        own.register(
            "provider_errors",
            "Requests to models that failed, each attempt counted",
            llm.failures().counters(),
        );
        own.register_collector(Box::new(Gauges { db, workers }));
        Self(Arc::new(Inner {
            requests,
            request_durations,
            event_streams: stream("sse"),
            sockets: stream("websocket"),
            running_turns,
            turn_durations,
            first_tokens,
            tokens,
            registry,
        }))
    }

    /// Counts a request that was answered after so long.
    pub fn request_answered(
        &self,
        method: &'static str,
        route: Route,
        status: StatusCode,
        duration: Duration,
    ) {
        let by_route = RouteLabels { method, route };
        self.0
            .request_durations
            .get_or_create(&by_route)
            .observe(duration.as_secs_f64());
        let RouteLabels { method, route } = by_route;
        let status = status.as_u16();
        self.0
            .requests
            .get_or_create(&RequestLabels {
                method,
                route,
                status,
            })
            .inc();
    }

    /// Counts an event stream as open until this is dropped.
    pub fn event_stream_opened(&self) -> Active {
        Active::new(&self.0.event_streams)
    }

    /// Counts a socket as open until this is dropped.
    pub fn socket_opened(&self) -> Active {
        Active::new(&self.0.sockets)
    }

    /// Counts a turn as running until it is told how that ended, or this is dropped.
    pub fn turn_begun(&self) -> RunningTurn {
        RunningTurn {
            _running: Active::new(&self.0.running_turns),
            metrics: self.clone(),
            since: Instant::now(),
        }
    }

    /// Measures from now on how long a provider takes for the first piece of an answer.
    pub fn model_asked(&self, provider: ProviderName) -> AwaitedToken {
        AwaitedToken(Some((self.clone(), provider, Instant::now())))
    }
}

/// A turn that is being counted.
pub struct RunningTurn {
    metrics: Metrics,
    since: Instant,
    _running: Active,
}

impl RunningTurn {
    /// Counts the turn by who was asked last and what became of the answer.
    pub fn ended(self, provider: Option<ProviderName>, answer: &Message) {
        let Inner {
            turn_durations,
            tokens,
            ..
        } = &*self.metrics.0;
        let provider = provider.map_or(NO_PROVIDER, ProviderName::as_str);
        let outcome = answer.status.as_str();
        turn_durations
            .get_or_create(&TurnLabels { provider, outcome })
            .observe(self.since.elapsed().as_secs_f64());
        for (kind, count) in [
            ("prompt", answer.prompt_tokens),
            ("completion", answer.completion_tokens),
        ] {
            if let Some(count) = count.and_then(|count| u64::try_from(count).ok()) {
                tokens
                    .get_or_create(&TokenLabels { provider, kind })
                    .inc_by(count);
            }
        }
    }
}

/// The first piece of an answer, which has not come yet.
pub struct AwaitedToken(Option<(Metrics, ProviderName, Instant)>);

impl AwaitedToken {
    /// Notes that a piece has come. Only the first one counts.
    pub fn arrived(&mut self) {
        if let Some((metrics, provider, since)) = self.0.take() {
            let provider = provider.as_str();
            metrics
                .0
                .first_tokens
                .get_or_create(&ProviderLabels { provider })
                .observe(since.elapsed().as_secs_f64());
        }
    }
}
