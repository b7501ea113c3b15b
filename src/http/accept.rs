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

/// Whether there is no `Accept` header, or one of its ranges includes JSON. Weights are not looked at.
fn accepts_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(ACCEPT).iter().peekable();
    values.peek().is_none()
        || values.any(|value| {
            value.to_str().is_ok_and(|ranges| {
                ranges.split(',').any(|range| {
                    let media_type = range.split(';').next().unwrap_or_default().trim();
                    ["application/json", "application/*", "*/*"]
                        .iter()
                        .any(|ours| ours.eq_ignore_ascii_case(media_type))
                })
            })
        })
}
