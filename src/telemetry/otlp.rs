//! Traces for a collector that speaks OTLP over HTTP.

use std::time::Duration;

use axum::http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Status, TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::TracesError;
use super::request::Answered;
use crate::config::TracesConfig;

/// How long a collector may take for what it is sent, at the end as well.
const PATIENCE: Duration = Duration::from_secs(3);

/// The sending of traces, which goes on in a thread of its own. Dropped, it sends the rest and ends.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn start(config: &TracesConfig) -> Result<Self, TracesError> {
        // reqwest panics without one; a second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&config.url)
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| TracesError(error.to_string()))?;
        let resource = Resource::builder()
            .with_service_name(config.service.clone())
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        Ok(Self(provider))
    }

    /// Makes traces of what goes on.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("meggy"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(PATIENCE) {
            tracing::warn!(%error, "some traces could not be sent");
        }
    }
}

/// Makes a request part of the trace that its headers name (W3C Trace Context).
pub fn begin(span: &Span, headers: &HeaderMap) {
    if headers.contains_key("traceparent") {
        let context = TraceContextPropagator::new().extract(&Headers(headers));
        // Where nothing is traced there is nobody to belong to.
        let _ = span.set_parent(context);
    }
}

/// Adds to the trace what became of a request.
pub fn end(span: &Span, answered: &Answered) {
    span.set_attribute("http.request.method", answered.method);
    span.set_attribute("http.route", answered.route.to_string());
    let status = answered.status;
    span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.set_status(Status::error(status.to_string()));
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}
