//! What stands before all routes: the host check, the way to HTTPS, and headers for browsers.

use std::net::Ipv6Addr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    LOCATION, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::origin::{self, FORWARDED_PROTO};
use crate::config::{Config, SslRedirect};
use crate::error::Error;

/// Answered by plain HTTP even where all else is redirected, because load balancers ask that way.
const HEALTH: &str = "/api/health";

/// Answered by plain HTTP as well, and whatever the host is, because probes ask for an address, not for a name, and so do
/// those that collect metrics. Nothing in these answers depends on it.
const PROBED: [&str; 2] = ["/health/", "/metrics"];

/// Refuses unknown hosts, redirects to HTTPS, and adds the headers that the original sent in production.
pub async fn guard(State(config): State<Arc<Config>>, request: Request, next: Next) -> Response {
    let server = &config.server;
    let host = origin::host(request.headers());
    let secure = origin::scheme(request.headers(), request.extensions(), &config) == "https";
    let redirect = match server.ssl_redirect {
        SslRedirect::Never => false,
        SslRedirect::BehindProxy => {
            request.headers().contains_key(FORWARDED_PROTO)
                && origin::from_trusted_proxy(request.extensions(), &config)
        }
        SslRedirect::Always => true,
    };
    let path = request.uri().path();
    let is_probe = PROBED.iter().any(|start| path.starts_with(start));
    let mut response = if !is_probe && !is_allowed(host, &server.allowed_hosts) {
        Error::UnknownHost(host.chars().take(100).collect()).into_response()
    } else if redirect && !secure && !is_probe && !path.starts_with(HEALTH) {
        to_https(
            host,
            request
                .uri()
                .path_and_query()
                .map_or("/", |path| path.as_str()),
        )
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers
        .entry(HeaderName::from_static("referrer-policy"))
        .or_insert(HeaderValue::from_static("same-origin"));
    if secure && !server.debug {
        let one_year = HeaderValue::from_static("max-age=31536000; includeSubDomains; preload");
        headers.insert(STRICT_TRANSPORT_SECURITY, one_year);
    }
    response
}

/// Compares without port and letter case; a pattern that begins with a dot stands for a domain and all below it, and
/// `*` for every host that is one: the header ends up in links and redirects.
fn is_allowed(host: &str, allowed: &[String]) -> bool {
    let Some(name) = host_name(host) else {
        return false;
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    allowed.iter().any(|pattern| {
        let pattern = pattern.to_ascii_lowercase();
        match pattern.strip_prefix('.') {
            Some(domain) => name == domain || name.ends_with(&pattern),
            None => pattern == "*" || name == pattern,
        }
    })
}

/// The host without its port; `None` if it is neither a name nor an address.
fn host_name(host: &str) -> Option<&str> {
    let (name, port) = match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => (&host[..colon], &host[colon + 1..]),
        _ => (host, ""),
    };
    let literal = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    };
    let is_good = literal.map_or_else(
        || is_name(name),
        |literal| literal.parse::<Ipv6Addr>().is_ok(),
    ) && port.bytes().all(|digit| digit.is_ascii_digit());
    is_good.then_some(name)
}

fn to_https(host: &str, path: &str) -> Response {
    match HeaderValue::from_str(&format!("https://{host}{path}")) {
        Ok(location) => (StatusCode::MOVED_PERMANENTLY, [(LOCATION, location)]).into_response(),
        Err(_) => Error::UnknownHost(host.to_owned()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_as_in_django() {
        let allowed = ["example.com", ".example.org", "[::1]"].map(str::to_owned);
        for host in [
            "example.com",
            "EXAMPLE.com:8000",
            "example.org",
            "a.b.example.org:1",
            "[::1]:8000",
            "[::1]",
        ] {
            assert!(is_allowed(host, &allowed), "{host}");
        }
        for host in [
            "",
            "a.example.com",
            "badexample.org",
            "example.com.evil.net",
            "[::2]:8000",
        ] {
            assert!(!is_allowed(host, &allowed), "{host}");
        }
        let every = ["*".to_owned()];
        assert!(is_allowed("anything", &every));
        for host in [
            "example.com:80@evil.net",
            "example.com:/x",
            "evil.net/example.com",
            "a b",
            "[::1",
            "[x]:80",
            ":80",
        ] {
            assert!(!is_allowed(host, &allowed), "{host}");
            assert!(!is_allowed(host, &every), "{host}");
        }
    }
}
