//! Where the numbers can be read: on a port of their own, or behind a token.

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use super::Metrics;
use crate::app::App;
use crate::auth::bearer_token;
use crate::error::{Error, Result};
use crate::http::route::Endpoints;

/// The path of this room beside all others, for those who have the token.
pub fn router() -> Router<App> {
    Router::new().endpoint("/metrics/", get(show))
}

/// All of a port that others cannot reach.
pub fn unguarded(metrics: Metrics) -> Router {
    Router::new()
        .endpoint(
            "/metrics/",
            get(async |State(metrics): State<Metrics>| text(&metrics)),
        )
        .fallback(|| async { Error::NotFound })
        .with_state(metrics)
}

/// There is nothing here unless a token was set.
async fn show(State(app): State<App>, headers: HeaderMap) -> Result<Response> {
    let token = app.config.telemetry.metrics_token.as_ref();
    let expected = token.ok_or(Error::NotFound)?.expose_secret();
    let given = bearer_token(&headers).ok_or(Error::NotAuthenticated)?;
    if bool::from(given.ct_eq(expected.as_bytes())) {
        text(&app.metrics)
    } else {
        Err(Error::BadToken)
    }
}

fn text(metrics: &Metrics) -> Result<Response> {
    let mut text = String::new();
    encode(&mut text, &metrics.0.registry).map_err(|error| Error::Internal(error.into()))?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, content_type)], text).into_response())
}
