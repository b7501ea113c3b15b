//! How HTTP is served.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::IpNet;
use tracing::Level;

use super::env::Reader;

/// How HTTP is served.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// `DEBUG`: made for development. Off, the production rules apply.
    pub debug: bool,
    /// `HOST`: the address to listen on.
    pub host: IpAddr,
    /// `PORT`: the port to listen on; 0 lets the system choose.
    pub port: u16,
    /// `ALLOWED_HOSTS`: which `Host` a request may name.
    pub allowed_hosts: Vec<String>,
    /// `CORS_ALLOWED_ORIGINS`: which web pages may call the API from a browser.
    pub cors_allowed_origins: Vec<String>,
    /// `TRUSTED_PROXIES`: whose `X-Forwarded-Proto` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `SECURE_SSL_REDIRECT`: which plain HTTP requests are sent on to HTTPS.
    pub ssl_redirect: SslRedirect,
    /// `MAX_BODY_BYTES`: the longest request body that is read.
    pub max_body_bytes: usize,
    /// `IMPORT_MAX_BYTES`: the longest file of conversations that is taken in.
    pub import_max_bytes: usize,
    /// `SHUTDOWN_DELAY_SECONDS`: how long a server that was asked to stop goes on as before, but not ready.
    pub shutdown_delay: Duration,
    /// `SHUTDOWN_GRACE_SECONDS`: how long running answers may go on after a request to stop.
    pub shutdown_grace: Duration,
    /// `ADMIN_ENABLED`: whether the administration is served.
    pub admin_enabled: bool,
    /// `LOG_LEVEL`: what is worth a line in the log.
    pub log_level: Level,
}

/// Which plain HTTP requests are redirected to HTTPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslRedirect {
    /// None.
    Never,
    /// Those that a trusted proxy received by plain HTTP. What comes without a proxy is answered: there is nothing
    /// here that could speak HTTPS.
    BehindProxy,
    /// All that did not come by HTTPS, proxy or not.
    Always,
}

impl ServerConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let debug = reader.flag("DEBUG").unwrap_or(true);
        Self {
            debug,
            host: read_host(reader),
            port: reader.number("PORT", 8000, 0..=u16::MAX),
            allowed_hosts: read_hosts(reader),
            cors_allowed_origins: read_origins(reader),
            trusted_proxies: read_proxies(reader),
            ssl_redirect: match reader.flag("SECURE_SSL_REDIRECT") {
                Some(true) => SslRedirect::Always,
                None if !debug => SslRedirect::BehindProxy,
                _ => SslRedirect::Never,
            },
            max_body_bytes: reader.number(
                "MAX_BODY_BYTES",
                10 * 1024 * 1024,
                1024..=1024 * 1024 * 1024,
            ),
            import_max_bytes: reader.number(
                "IMPORT_MAX_BYTES",
                1024 * 1024 * 1024,
                1024..=64 * 1024 * 1024 * 1024,
            ),
            shutdown_delay: Duration::from_secs(reader.number(
                "SHUTDOWN_DELAY_SECONDS",
                0,
                0..=600,
            )),
            shutdown_grace: Duration::from_secs(reader.number(
                "SHUTDOWN_GRACE_SECONDS",
                25,
                0..=3600,
            )),
            admin_enabled: reader.flag("ADMIN_ENABLED").unwrap_or(true),
            log_level: read_log_level(reader),
        }
    }
}

fn read_host(reader: &mut Reader<'_>) -> IpAddr {
    let default = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let Some(value) = reader.text("HOST") else {
        return default;
    };
    value.parse().unwrap_or_else(|_| {
        reader.reject(
            "HOST",
            format!(
                "`{value}` is no IP address, for example 127.0.0.1, or 0.0.0.0 for all networks"
            ),
        );
        default
    })
}

fn read_hosts(reader: &mut Reader<'_>) -> Vec<String> {
    let Some(hosts) = reader.list("ALLOWED_HOSTS") else {
        return ["localhost", ".localhost", "127.0.0.1", "[::1]"]
            .map(str::to_owned)
            .to_vec();
    };
    for host in &hosts {
        if host.contains('/') || host.contains(':') && !host.ends_with(']') {
            reader.reject(
                "ALLOWED_HOSTS",
                format!(
                    "`{host}` is no host without scheme and port, for example chat.example.com"
                ),
            );
        }
    }
    hosts
}

fn read_origins(reader: &mut Reader<'_>) -> Vec<String> {
    let origins = reader
        .list("CORS_ALLOWED_ORIGINS")
        .unwrap_or_else(|| vec!["http://localhost:3000".to_owned()]);
    for origin in &origins {
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        if host.is_empty() || host.contains(['/', '*']) {
            reader.reject(
                "CORS_ALLOWED_ORIGINS",
                format!("`{origin}` is no origin: scheme, host and port without a path, for example https://chat.example.com"),
            );
        }
    }
    origins
}

fn read_proxies(reader: &mut Reader<'_>) -> Vec<IpNet> {
    let mut proxies = Vec::new();
    for value in reader.list("TRUSTED_PROXIES").unwrap_or_default() {
        match value
            .parse()
            .or_else(|_| value.parse::<IpAddr>().map(IpNet::from))
        {
            Ok(network) => proxies.push(network),
            Err(_) => reader.reject(
                "TRUSTED_PROXIES",
                format!("`{value}` is no address or network, for example 10.0.0.0/8"),
            ),
        }
    }
    proxies
}

/// Accepts the names of Python's log levels, as the original did.
fn read_log_level(reader: &mut Reader<'_>) -> Level {
    let Some(value) = reader.text("LOG_LEVEL") else {
        return Level::INFO;
    };
    match value.to_ascii_uppercase().as_str() {
        "TRACE" => Level::TRACE,
        "DEBUG" => Level::DEBUG,
        "INFO" => Level::INFO,
        "WARNING" | "WARN" => Level::WARN,
        "ERROR" | "CRITICAL" => Level::ERROR,
        _ => {
            reader.reject(
                "LOG_LEVEL",
                format!("`{value}` is none of DEBUG, INFO, WARNING and ERROR"),
            );
            Level::INFO
        }
    }
}
