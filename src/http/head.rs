//! How long the head of a request may be.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::Error;

/// Longest path with query, in bytes.
const URI: usize = 16 * 1024;

/// Longest header fields, all together, in bytes.
const FIELDS: usize = 32 * 1024;

/// Refuses what is longer. Heads of twice that length are not read at all, see [`super::connection`].
pub async fn limit(request: Request, next: Next) -> Response {
    let uri = request.uri().path_and_query();
    let fields = request.headers().iter();
    if uri.is_some_and(|uri| uri.as_str().len() > URI) {
        Error::UriTooLong(URI).into_response()
    } else if fields
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum::<usize>()
        > FIELDS
    {
        Error::HeadTooLarge(FIELDS).into_response()
    } else {
        next.run(request).await
    }
}
