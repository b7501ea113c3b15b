//! `meggy health`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::header::HOST;

use super::{Failure, configuration};
use crate::config::ServerConfig;

/// A server that takes longer than this is not well.
const TIMEOUT: Duration = Duration::from_secs(3);

pub async fn run() -> Result<(), Failure> {
    let config = configuration()?.server;
    let address = address(&config);
    // reqwest wants one even for plain HTTP.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .timeout(TIMEOUT)
        .build()?;
    let request = client
        .get(format!("http://{address}/api/health/"))
        .header(HOST, host(&config.allowed_hosts));
    match request.send().await {
        Ok(answer) if answer.status().is_success() => {
            println!("The server at {address} is healthy.");
            Ok(())
        }
        Ok(answer) => Err(format!("the server at {address} answers {}", answer.status()).into()),
        Err(_) => Err(format!("no server answers at {address}").into()),
    }
}

/// Where a server that listens on all addresses can be reached from here.
fn address(config: &ServerConfig) -> SocketAddr {
    let host = match config.host {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    SocketAddr::new(host, config.port)
}

/// A name that the server answers to.
fn host(allowed: &[String]) -> &str {
    allowed
        .iter()
        .map(|pattern| pattern.trim_start_matches('.'))
        .find(|name| *name != "*")
        .unwrap_or("localhost")
}
