//! Where a request was sent to, as its client sees it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};

use crate::config::Config;

/// Where a proxy says by which scheme it was asked.
pub const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The scheme by which a request reached us or, where a trusted proxy took it, the proxy.
pub fn scheme(headers: &HeaderMap, extensions: &Extensions, config: &Config) -> &'static str {
    if from_trusted_proxy(extensions, config)
        && headers
            .get(FORWARDED_PROTO)
            .is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"))
    {
        "https"
    } else {
        "http"
    }
}

/// Whether the connection comes from one of the proxies whose word counts.
pub fn from_trusted_proxy(extensions: &Extensions, config: &Config) -> bool {
    let proxies = &config.server.trusted_proxies;
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .is_some_and(|ConnectInfo(peer)| {
            proxies
                .iter()
                .any(|network| network.contains(&peer.ip().to_canonical()))
        })
}

/// The `Host` of a request; empty if there is none.
pub fn host(headers: &HeaderMap) -> &str {
    headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default()
}

/// The start of absolute links in answers: scheme and host of the request.
pub struct Origin(pub String);

impl<S> FromRequestParts<S> for Origin
where
    S: Send + Sync,
    Arc<Config>: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let scheme = scheme(&parts.headers, &parts.extensions, &Arc::from_ref(state));
        Ok(Self(format!("{scheme}://{}", host(&parts.headers))))
    }
}
