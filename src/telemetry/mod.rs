//! The log and, where they are wanted, traces.

#[cfg(feature = "otlp")]
mod otlp;
mod request;

use std::io::IsTerminal;

use tracing::{Span, field};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};
use uuid::Uuid;

pub use request::{note_route, trace};

use crate::config::Config;

/// What runs for the log and the traces. When it is dropped, what is still to be sent is sent.
#[must_use = "traces end when it is dropped"]
pub struct Telemetry {
    #[cfg(feature = "otlp")]
    _traces: Option<otlp::Traces>,
}

/// Why there can be no traces.
#[derive(Debug, thiserror::Error)]
#[error("traces cannot be sent: {0}. Check OTEL_EXPORTER_OTLP_ENDPOINT")]
pub struct TracesError(String);

/// Starts the log on standard error, lines for people in development, JSON otherwise; and the traces, if they are to be sent
/// somewhere. Called again, it does nothing.
///
/// # Errors
/// The collector's address cannot be used.
pub fn start(config: &Config) -> Result<Telemetry, TracesError> {
    // async-openai logs what models say; that is nobody's business.
    let level = config.server.log_level;
    let filter = EnvFilter::new(format!("warn,meggy={level},async_openai=off"));
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = if config.server.debug {
        let colours = std::io::stderr().is_terminal();
        lines.with_ansi(colours).with_target(false).boxed()
    } else {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .boxed()
    };
    let registry = tracing_subscriber::registry().with(filter).with(lines);
    #[cfg(feature = "otlp")]
    let (traces, registry) = {
        let traces = config.telemetry.traces.as_ref();
        let traces = traces.map(otlp::Traces::start).transpose()?;
        let layer = traces.as_ref().map(otlp::Traces::layer);
        (traces, registry.with(layer))
    };
    // The error says that there is a log already, as in tests that start several servers.
    let _ = registry.try_init();
    Ok(Telemetry {
        #[cfg(feature = "otlp")]
        _traces: traces,
    })
}

/// Has panics told of by the log, and by their place alone: what they say may hold what a user wrote.
pub fn take_panics() {
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(place = panic.location().map(field::display), "panicked");
    }));
}

/// Adds to what is logged on behalf of the current request whose it is.
pub fn note_user(id: Uuid) {
    Span::current().record(request::USER_ID, field::display(id));
}
