//! The log.

use std::io::IsTerminal;
use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::ServerConfig;

/// Starts the log on standard error: lines for people in development, JSON otherwise. Called again, it does nothing.
pub fn start(config: &ServerConfig) {
    // async-openai logs what models say; that is nobody's business.
    let filter = EnvFilter::new(format!("warn,meggy={},async_openai=off", config.log_level));
    let registry = tracing_subscriber::registry().with(filter);
    let colours = std::io::stderr().is_terminal();
    // The error says that there is a log already, as in tests that start several servers.
    let _ = if config.debug {
        registry
            .with(
                fmt::layer()
                    .with_writer(std::io::stderr)
                    .with_ansi(colours)
                    .with_target(false),
            )
            .try_init()
    } else {
        registry
            .with(
                fmt::layer()
                    .with_writer(std::io::stderr)
                    .json()
                    .flatten_event(true),
            )
            .try_init()
    };
}

/// Logs each request once it is answered: without its query, its headers or its body, which may hold secrets.
pub async fn trace(request: Request, next: Next) -> Response {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return next.run(request).await;
    }
    let start = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    tracing::debug!(%method, path, status = response.status().as_u16(), elapsed = ?start.elapsed(), "request");
    response
}
