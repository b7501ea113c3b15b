//! What handlers leave unread of a body.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt;
use tokio::time::timeout;

/// How much is read of a body that nobody wants, in bytes, and for how long.
const LIMIT: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(1);

/// Many refusals come before the body is read, which may still be on its way. To leave it unread would make the
/// connection unusable without the client being told, so it is read and forgotten, or the client is told.
pub async fn drain(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = Arc::new(Mutex::new(body));
    let shared = Body::new(Shared(body.clone()));
    let mut response = next.run(Request::from_parts(parts, shared)).await;
    let rest = std::mem::take(&mut *body.lock().unwrap_or_else(PoisonError::into_inner));
    if !matches!(timeout(PATIENCE, is_read_to_end(rest)).await, Ok(true)) {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn is_read_to_end(mut body: Body) -> bool {
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => read += frame.data_ref().map_or(0, Bytes::len),
            Err(_) => return false,
        }
        if read > LIMIT {
            return false;
        }
    }
    true
}

/// A body that can be taken back from whoever reads it.
struct Shared(Arc<Mutex<Body>>);

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .size_hint()
    }
}
