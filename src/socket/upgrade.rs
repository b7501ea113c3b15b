//! From an HTTP request to a socket.

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{RawPathParams, State, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::Response;
use tracing::{Instrument, Span};

use super::frames::{SocketParameters, Upgrade, WatchedConversation};
use super::limits::FRAME_BYTES;
use super::session;
use crate::app::App;
use crate::auth::bearer_token;
use crate::auth::token::Kind;
use crate::error::{Error, Result};
use crate::http::openapi::examples::CONVERSATION;
use crate::http::path::query_value;

/// The subprotocol that we speak, for clients that name some.
const PROTOCOL: &str = "meggy";

/// What stands before the token of a client that can only name subprotocols, as a browser can.
const BEARER: &str = "bearer.";

/// How much is read from the wire at once, in bytes. Every socket keeps as much, and commands are short.
const READ_BUFFER: usize = 4 * 1024;

/// What the request said that opened the socket.
pub struct Hello {
    /// The token, and what it has to be good for.
    pub token: Option<(Kind, Vec<u8>)>,
    /// The conversation to watch from the beginning.
    pub conversation: Option<String>,
    pub last_event_id: Option<String>,
}

/// Opens a socket.
///
/// On it one can watch any number of conversations, say things in them and stop answers. All frames are JSON objects, sent
/// as text: the client's as `SocketCommand` shows them, the server's as `SocketFrame` does. The access token comes as the
/// header `Authorization: Bearer …`, as a subprotocol (`meggy` and `bearer.<token>`; the server chooses `meggy`), as the
/// parameter `token`, or in the first frame. Whatever is wrong with it is told on the socket, which is closed with a code
/// then: 4401 without a good token, 4403 once it has expired, 4408 after silence, 1008 after too many frames, 1009 after
/// one that is too long, 1012 when the server goes down.
#[utoipa::path(
    get,
    path = "/ws/chat/",
    tag = "sockets",
    params(SocketParameters, WatchedConversation),
    responses(Upgrade)
)]
pub async fn open(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response> {
    let conversation =
        query_value(&uri, "conversation_id").or_else(|| query_value(&uri, "conversation"));
    accept(app, &uri, &headers, upgrade, conversation)
}

/// Opens a socket that watches a conversation from the beginning. Else it is that of `/ws/chat/`.
#[utoipa::path(
    get,
    path = "/ws/chat/{conversation}/",
    tag = "sockets",
    params(
        ("conversation" = Uuid, Path, description = "The conversation.", example = json!(CONVERSATION)),
        SocketParameters,
    ),
    responses(Upgrade),
)]
pub async fn open_watching(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    path: Result<RawPathParams, RawPathParamsRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response> {
    let named = path.ok().and_then(|path| {
        let (_, id) = path.iter().next()?;
        Some(id.to_owned())
    });
    accept(app, &uri, &headers, upgrade, named)
}

/// Whatever is wrong with a token is told on the socket, because browsers do not let a page see why it could not be
/// opened.
///
/// Browsers open sockets to servers of other origins and send cookies along, without CORS. There is nothing to gain by
/// that here: a socket is worth nothing without a token, which no browser adds by itself. So the origin is not looked at.
fn accept(
    app: App,
    uri: &Uri,
    headers: &HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    conversation: Option<String>,
) -> Result<Response> {
    let upgrade = upgrade.map_err(|_| Error::NoWebSocket)?;
    let hello = Hello {
        token: token(&upgrade, uri, headers),
        conversation,
        last_event_id: query_value(uri, "last_event_id"),
    };
    // The task is axum's own. The end of the process waits for it all the same.
    let held = (app.tasks.hold(), app.metrics.socket_opened());
    let span = Span::current();
    Ok(upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .max_frame_size(FRAME_BYTES)
        .max_message_size(FRAME_BYTES)
        .on_upgrade(move |socket| {
            let serve = async move {
                session::run(app, socket, hello).await;
                drop(held);
            };
            serve.instrument(span)
        }))
}

/// The token that came with the request, in any of the ways that clients have.
fn token(upgrade: &WebSocketUpgrade, uri: &Uri, headers: &HeaderMap) -> Option<(Kind, Vec<u8>)> {
    let access = |token: &[u8]| (Kind::Access, token.to_owned());
    let as_protocol = || {
        upgrade
            .requested_protocols()
            .map(HeaderValue::as_bytes)
            .find_map(|protocol| protocol.strip_prefix(BEARER.as_bytes()))
    };
    let in_query = |name| query_value(uri, name).map(String::into_bytes);
    bearer_token(headers)
        .or_else(as_protocol)
        .map(access)
        .or_else(|| Some((Kind::Access, in_query("token")?)))
        .or_else(|| Some((Kind::Stream, in_query("ticket")?)))
}
