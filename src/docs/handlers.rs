//! Handing out the document.

use axum::Extension;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::Wire;

/// It is asked for again, but not sent again while it is the same.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

pub async fn document(headers: HeaderMap, Extension(document): Extension<Wire>) -> Response {
    let known = headers.get(IF_NONE_MATCH) == Some(&document.etag);
    let common = [(CACHE_CONTROL, ASK_AGAIN), (ETAG, document.etag)];
    if known {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let json = HeaderValue::from_static("application/json");
    (common, [(CONTENT_TYPE, json)], document.json).into_response()
}
