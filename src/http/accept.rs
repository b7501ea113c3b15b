//! Content negotiation: JSON is what there is.

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::Error;

/// Answers 406 to clients that say they do not read JSON.
pub async fn require_json(request: Request, next: Next) -> Response {
    if accepts_json(request.headers()) {
        next.run(request).await
    } else {
        Error::NotAcceptable.into_response()
    }
}

/// The same for paths that have event streams, too. Those that only read these are told of refusals in JSON all the
/// same.
pub async fn require_json_or_events(request: Request, next: Next) -> Response {
    if accepts_json(request.headers()) || accepts_events(request.headers()) {
        next.run(request).await
    } else {
        Error::NotAcceptable.into_response()
    }
}

/// Whether there is no `Accept` header, or one of its ranges includes JSON. Weights are not looked at.
fn accepts_json(headers: &HeaderMap) -> bool {
    !headers.contains_key(ACCEPT)
        || accepts_any(headers, &["application/json", "application/*", "*/*"])
}

/// Whether an event stream is named in the `Accept` header.
pub fn accepts_events(headers: &HeaderMap) -> bool {
    accepts_any(headers, &["text/event-stream"])
}

fn accepts_any(headers: &HeaderMap, media_types: &[&str]) -> bool {
    headers.get_all(ACCEPT).iter().any(|value| {
        value.to_str().is_ok_and(|ranges| {
            ranges.split(',').any(|range| {
                let media_type = range.split(';').next().unwrap_or_default().trim();
                media_types
                    .iter()
                    .any(|ours| ours.eq_ignore_ascii_case(media_type))
            })
        })
    })
}
