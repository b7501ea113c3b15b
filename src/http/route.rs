//! Routes, and the refusals that belong to them.

use axum::Json;
use axum::Router;
use axum::extract::Request;
use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use serde_json::json;

use crate::error::Error;

/// Adds routes that behave as the contract says of all of them.
pub trait Endpoints<S> {
    /// Serves `methods` at `path`, which ends in a slash, and at the same path without it. OPTIONS and unknown
    /// methods are answered here.
    #[must_use]
    fn endpoint(self, path: &str, methods: MethodRouter<S>) -> Self;
}

impl<S: Clone + Send + Sync + 'static> Endpoints<S> for Router<S> {
    fn endpoint(self, path: &str, methods: MethodRouter<S>) -> Self {
        let methods = methods.fallback(other_method);
        self.route(path.trim_end_matches('/'), methods.clone())
            .route(path, methods)
    }
}

/// OPTIONS describes nothing beyond its `Allow` header, which the router adds.
pub async fn other_method(method: Method) -> Response {
    if method == Method::OPTIONS {
        Json(json!({})).into_response()
    } else {
        Error::MethodNotAllowed(method).into_response()
    }
}

/// Completes `Allow`: the router lists the methods that have a handler; OPTIONS has none and is always allowed.
pub async fn allow_options(mut response: Response) -> Response {
    if let Some(allow) = response
        .headers()
        .get(ALLOW)
        .and_then(|allow| allow.to_str().ok())
    {
        let allow = allow
            .split(',')
            .chain(["OPTIONS"])
            .collect::<Vec<_>>()
            .join(", ");
        if let Ok(allow) = HeaderValue::from_str(&allow) {
            response.headers_mut().insert(ALLOW, allow);
        }
    }
    response
}

/// A double slash names nothing. The router would take it for an empty id.
pub async fn refuse_empty_segments(request: Request, next: Next) -> Response {
    if request.uri().path().contains("//") {
        Error::NotFound.into_response()
    } else {
        next.run(request).await
    }
}
