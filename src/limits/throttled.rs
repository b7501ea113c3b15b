//! How clients are told of limits: in the words of Django REST framework, and in the header fields of the IETF's draft
//! `draft-ietf-httpapi-ratelimit-headers`.

use std::time::Duration;

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::bucket::{Policy, Room};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// That something was done too often.
#[derive(Debug)]
pub struct Throttled {
    pub(super) policy: Policy,
    pub(super) wait: Duration,
}

impl Throttled {
    /// After how many whole seconds another try is let through.
    pub fn seconds(&self) -> u64 {
        self.wait.as_millis().div_ceil(1000).max(1) as u64
    }
}

impl IntoResponse for Throttled {
    fn into_response(self) -> Response {
        let seconds = self.seconds();
        let unit = if seconds == 1 { "second" } else { "seconds" };
        let text = format!("Request was throttled. Expected available in {seconds} {unit}.");
        let body = Json(json!({ "detail": text }));
        let mut response = (StatusCode::TOO_MANY_REQUESTS, body).into_response();
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, seconds.into());
        describe(
            headers,
            self.policy,
            &format!("{:?};r=0;t={seconds}", self.policy.name),
        );
        response
    }
}

impl Room {
    /// Says in an answer what is left.
    pub fn describe(self, headers: &mut HeaderMap) {
        let state = format!("{:?};r={}", self.policy.name, self.remaining);
        describe(headers, self.policy, &state);
    }
}

fn describe(headers: &mut HeaderMap, policy: Policy, state: &str) {
    let Policy {
        name,
        quota,
        window,
    } = policy;
    let policy = format!("{name:?};q={quota};w={}", window.as_secs());
    for (field, value) in [(RATE_LIMIT_POLICY, policy.as_str()), (RATE_LIMIT, state)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(field, value);
        }
    }
}
