//! What is known of each request: its id, a line in the log, and numbers.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, field};
use uuid::fmt::Hyphenated;

use crate::clock;
use crate::config::Config;
use crate::http::origin;
use crate::metrics::{Active, Metrics, Route, method_name};

/// What a request is called, by whoever sent it or by us.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest name that is taken over, in bytes.
const LONGEST_ID: usize = 128;

/// The field of a request's span that says whose it is.
pub(super) const USER_ID: &str = "user_id";

/// Where those ask who look after a server, some of them each second.
const PROBED: [&str; 3] = ["/api/health", "/health/", "/metrics"];

/// Gives each request an id, which its answer and all lines in the log have that are written on its behalf; logs and counts
/// it once it is answered. Its query, its headers and its body may hold secrets and are not logged.
pub async fn trace(
    State((config, metrics)): State<(Arc<Config>, Metrics)>,
    mut request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let id = request_id(request.headers());
    // As an error, so that no level of the log is without it.
    let span = tracing::error_span!(
        "request",
        request_id = id.to_str().unwrap_or_default(),
        user_id = field::Empty
    );
    #[cfg(feature = "otlp")]
    super::otlp::begin(&span, request.headers());
    let (method, is_probe) = (
        method_name(request.method()),
        is_probe(request.uri().path()),
    );
    let client = origin::client_address(request.headers(), request.extensions(), &config);
    let taken = TakenRoute::default();
    request.extensions_mut().insert(taken.clone());

    let mut response = next.run(request).instrument(span.clone()).await;

    response.headers_mut().insert(REQUEST_ID, id);
    let answered = Answered {
        route: Route::from(taken.0.get().cloned()),
        status: response.status(),
        elapsed: start.elapsed(),
        method,
        client,
    };
    span.in_scope(|| answered.log(is_probe));
    #[cfg(feature = "otlp")]
    super::otlp::end(&span, &answered);
    metrics.request_answered(
        answered.method,
        answered.route,
        answered.status,
        answered.elapsed,
    );
    if is_event_stream(&response) {
        let open = metrics.event_stream_opened();
        return response.map(|body| Body::new(Counted { body, _open: open }));
    }
    response
}

/// The path that a request took, noted by the routes for the layers around them.
#[derive(Clone, Default)]
struct TakenRoute(Arc<OnceLock<MatchedPath>>);

/// Notes which path a request took.
pub fn note_route(request: Request) -> Request {
    let extensions = request.extensions();
    if let (Some(taken), Some(path)) = (
        extensions.get::<TakenRoute>(),
        extensions.get::<MatchedPath>(),
    ) {
        // Only one is ever taken.
        let _ = taken.0.set(path.clone());
    }
    request
}

/// The id that came with a request, if it is fit for a header and a log, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_good = |id: &&HeaderValue| {
        (1..=LONGEST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    headers
        .get(REQUEST_ID)
        .filter(is_good)
        .cloned()
        .unwrap_or_else(|| {
            let mut text = [0; Hyphenated::LENGTH];
            let id: &str = clock::new_id().hyphenated().encode_lower(&mut text);
            // Digits, letters and hyphens always are a header's value.
            HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("none"))
        })
}

fn is_probe(path: &str) -> bool {
    PROBED.iter().any(|start| path.starts_with(start))
}

fn is_event_stream(response: &Response) -> bool {
    response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

/// A request and what became of it.
pub(super) struct Answered {
    pub method: &'static str,
    pub route: Route,
    pub status: StatusCode,
    elapsed: Duration,
    client: Option<IpAddr>,
}

impl Answered {
    /// Writes the line. What nobody has to look at is not in the usual log, and what failed is in every one.
    fn log(&self, is_probe: bool) {
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    method = self.method,
                    route = self.route.as_str(),
                    status = self.status.as_u16(),
                    duration_ms = self.elapsed.as_micros() as f64 / 1000.0,
                    client = self.client.map(field::display),
                    "request"
                )
            };
        }
        match self.status {
            _ if is_probe => line!(debug),
            StatusCode::INTERNAL_SERVER_ERROR => line!(error),
            status if status.is_server_error() => line!(warn),
            _ => line!(info),
        }
    }
}

/// A body that counts as an open stream.
struct Counted {
    body: Body,
    _open: Active,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
