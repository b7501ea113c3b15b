//! What operators see of a server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use secrecy::SecretString;

use super::env::Reader;
use super::server::read_address;

/// A shorter token could be guessed.
const MIN_TOKEN: usize = 16;

/// What operators see of a server.
#[derive(Clone, Debug)]
pub struct TelemetryConfig {
    /// `METRICS_HOST` and `METRICS_PORT`: where the metrics can be read without a token, if a port is set.
    pub metrics_address: Option<SocketAddr>,
    /// `METRICS_TOKEN`: for whom they can be read at `/metrics` of the server's own port, if it is set.
    pub metrics_token: Option<SecretString>,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` and `OTEL_SERVICE_NAME`: where traces are sent, if an address is set.
    pub traces: Option<TracesConfig>,
}

/// Where traces are sent, and by what name.
#[derive(Clone, Debug)]
pub struct TracesConfig {
    /// The collector's address for traces in OTLP over HTTP.
    pub url: String,
    /// What this program is called there.
    pub service: String,
}

impl TelemetryConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let host = read_address(reader, "METRICS_HOST", IpAddr::V4(Ipv4Addr::LOCALHOST));
        let port = reader.text("METRICS_PORT").and_then(|value| {
            let port = value.parse().ok();
            if port.is_none() {
                reader.reject(
                    "METRICS_PORT",
                    format!("`{value}` is no whole number from 0 to 65535, for example 9464"),
                );
            }
            port
        });
        Self {
            metrics_address: port.map(|port| SocketAddr::new(host, port)),
            metrics_token: read_token(reader),
            traces: read_traces(reader),
        }
    }
}

fn read_token(reader: &mut Reader<'_>) -> Option<SecretString> {
    let token = reader.text("METRICS_TOKEN")?;
    // Only what can stand in a header, where a space would end it.
    if token.len() < MIN_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        reader.reject(
            "METRICS_TOKEN",
            format!(
                "it has to be {MIN_TOKEN} or more letters, digits and signs without a space; `openssl rand -hex 32` makes one"
            ),
        );
        return None;
    }
    Some(token.into())
}

fn read_traces(reader: &mut Reader<'_>) -> Option<TracesConfig> {
    let service = reader.text("OTEL_SERVICE_NAME");
    let endpoint = reader.text("OTEL_EXPORTER_OTLP_ENDPOINT")?;
    if !cfg!(feature = "otlp") {
        reader.reject(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "this program was built without traces; build it with `--features otlp`",
        );
    }
    let host = endpoint
        .strip_prefix("http://")
        .or_else(|| endpoint.strip_prefix("https://"));
    if host.is_none_or(|host| host.is_empty() || host.contains(['?', '#'])) {
        reader.reject(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "it is no address of a collector, for example http://localhost:4318",
        );
    }
    Some(TracesConfig {
        url: format!("{}/v1/traces", endpoint.trim_end_matches('/')),
        service: service.unwrap_or_else(|| "meggy".to_owned()),
    })
}
