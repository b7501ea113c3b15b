//! Where a request was sent to, as its client sees it, and from where.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
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
    peer(extensions).is_some_and(|peer| is_trusted_proxy(peer, config))
}

/// Where proxies say whom they speak for; each adds its client at the end.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the client: the last one in the chain of proxies that is not a trusted proxy's. What stands before it
/// anybody could have written.
pub fn client_address(
    headers: &HeaderMap,
    extensions: &Extensions,
    config: &Config,
) -> Option<IpAddr> {
    let mut client = peer(extensions)?;
    let forwarded: Vec<_> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in forwarded.iter().rev() {
        if !is_trusted_proxy(client, config) {
            break;
        }
        let Some(address) = address_of(hop.trim()) else {
            break;
        };
        client = address.to_canonical();
    }
    Some(client)
}

/// Some proxies add the port.
fn address_of(hop: &str) -> Option<IpAddr> {
    let with_port = || hop.parse().map(|address: SocketAddr| address.ip());
    hop.parse().or_else(|_| with_port()).ok()
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(peer)| peer.ip().to_canonical())
}

fn is_trusted_proxy(address: IpAddr, config: &Config) -> bool {
    let proxies = &config.server.trusted_proxies;
    proxies.iter().any(|network| network.contains(&address))
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

/// The [address of the client](client_address).
pub struct ClientAddress(pub Option<IpAddr>);

impl<S> FromRequestParts<S> for ClientAddress
where
    S: Send + Sync,
    Arc<Config>: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let config = Arc::from_ref(state);
        Ok(Self(client_address(
            &parts.headers,
            &parts.extensions,
            &config,
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_may_add_the_port() {
        for hop in ["203.0.113.7", "203.0.113.7:5678"] {
            assert_eq!(address_of(hop).unwrap().to_string(), "203.0.113.7");
        }
        for hop in ["2001:db8::1", "[2001:db8::1]:5678"] {
            assert_eq!(address_of(hop).unwrap().to_string(), "2001:db8::1");
        }
        for hop in ["", "unknown", "_hidden", "203.0.113.7:", "300.1.1.1"] {
            assert_eq!(address_of(hop), None, "{hop}");
        }
    }
}
