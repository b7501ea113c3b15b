//! The life of a socket.

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use chrono::{DateTime, Utc};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::commands::Commands;
use super::goodbye::{Goodbye, code};
use super::limits::{Allowance, Patience, REPLIES};
use super::listener;
use super::refusal::{Code, Refusal};
use super::reply;
use super::upgrade::Hello;
use super::writer;
use crate::app::App;
use crate::auth::token::Kind;
use crate::auth::{self, Bearer};
use crate::error::Error;
use crate::telemetry;

pub type Incoming = SplitStream<WebSocket>;
pub type Outgoing = SplitSink<WebSocket, Message>;

/// Serves a socket until it is closed.
pub async fn run(app: App, socket: WebSocket, hello: Hello) {
    let (mut outgoing, mut incoming) = socket.split();
    let draining = app.tasks.draining();
    let goodbye = draining
        .run_until_cancelled(converse(&app, &mut outgoing, &mut incoming, hello))
        .await
        // Turns go on, and so will the client, with another server.
        .unwrap_or_else(|| Goodbye::new(code::RESTART, "The server is going down. Reconnect."));
    part(outgoing, incoming, goodbye, &app.patience).await;
}

async fn converse(
    app: &App,
    outgoing: &mut Outgoing,
    incoming: &mut Incoming,
    hello: Hello,
) -> Goodbye {
    let only_reads = matches!(hello.token, Some((Kind::Stream, _)));
    let authenticated = timeout(
        app.patience.authentication,
        authenticate(app, outgoing, incoming, hello.token),
    );
    let bearer = match authenticated.await {
        Ok(Ok(bearer)) => bearer,
        Ok(Err(goodbye)) => return goodbye,
        Err(_) => {
            return Goodbye::new(code::NOT_AUTHENTICATED, "No token came in time.");
        }
    };
    telemetry::note_user(bearer.user.id);
    let (tell, told) = mpsc::channel(REPLIES);
    let mut commands = Commands::new(app, bearer.user.id, only_reads, tell);
    let listening = async {
        commands
            .greet(hello.conversation, hello.last_event_id)
            .await;
        listener::listen(incoming, &mut commands, &app.patience).await
    };
    tokio::select! {
        goodbye = listening => goodbye,
        goodbye = writer::write(outgoing, told, &app.patience) => goodbye,
        goodbye = watch(app, &bearer) => goodbye,
    }
}

/// Finds out who is there: by the token that came with the request, or by the first frame that has one.
async fn authenticate(
    app: &App,
    outgoing: &mut Outgoing,
    incoming: &mut Incoming,
    token: Option<(Kind, Vec<u8>)>,
) -> Result<Bearer, Goodbye> {
    if let Some((kind, token)) = token {
        return admit(app, kind, &token).await;
    }
    let mut allowance = Allowance::new();
    loop {
        let message = match incoming.next().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(Goodbye::unreadable(error)),
            None => return Err(Goodbye::Left),
        };
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return Err(Goodbye::Left),
            Message::Pong(_) => continue,
            Message::Binary(_) | Message::Ping(_) => Utf8Bytes::default(),
        };
        if let Some(token) = token_in(&text) {
            return admit(app, Kind::Access, token.as_bytes()).await;
        }
        if !allowance.take() {
            return Err(listener::too_many());
        }
        if !text.is_empty() {
            let refusal = Refusal::new(
                Code::NotAuthenticated,
                "The first frame must be {\"type\": \"auth\", \"token\": \"<access token>\"}.",
            );
            let frame = Message::Text(reply::frame(&refusal));
            outgoing.send(frame).await.map_err(|_| Goodbye::Left)?;
        }
    }
}

/// The token in a first frame.
fn token_in(text: &str) -> Option<String> {
    let mut fields: Map<String, Value> = serde_json::from_str(text).ok()?;
    match (fields.remove("type")?, fields.remove("token")?) {
        (Value::String(name), Value::String(token)) if name == "auth" => Some(token),
        _ => None,
    }
}

async fn admit(app: &App, kind: Kind, token: &[u8]) -> Result<Bearer, Goodbye> {
    match auth::bearer(&app.tokens, &app.db, Some(token), kind).await {
        Ok(bearer) if kind == Kind::Stream => Ok(Bearer {
            // A ticket only has to be good for opening the socket, which then stays open as long as it would for a
            // token issued now.
            expires_at: Some(Utc::now() + app.tokens.access_lifetime()),
            ..bearer
        }),
        Ok(bearer) => Ok(bearer),
        Err(error) => Err(Goodbye::unwelcome(error).await),
    }
}

/// Looks whether the client may stay.
async fn watch(app: &App, bearer: &Bearer) -> Goodbye {
    let account = async {
        loop {
            sleep(app.patience.account).await;
            let user = &bearer.user;
            let account = auth::active_user(&app.db, user.id, user.token_generation).await;
            // What cannot be found out now can be found out later.
            if let Err(error @ (Error::BadToken | Error::UserDisabled)) = account {
                return Goodbye::unwelcome(error).await;
            }
        }
    };
    tokio::select! {
        goodbye = account => goodbye,
        () = expiry(bearer.expires_at) => Goodbye::new(code::EXPIRED, "The token has expired."),
    }
}

/// Waits until this time, by the clock by which tokens are judged.
async fn expiry(at: Option<DateTime<Utc>>) {
    let Some(at) = at else {
        return std::future::pending().await;
    };
    while let Ok(rest) = (at - Utc::now()).to_std()
        && !rest.is_zero()
    {
        sleep(rest).await;
    }
}

/// Closes the socket: says why, and gives the client a moment to take that and to close its side.
async fn part(
    mut outgoing: Outgoing,
    mut incoming: Incoming,
    goodbye: Goodbye,
    patience: &Patience,
) {
    let is_deaf = goodbye.is_deaf();
    let parted = async {
        if let Some(message) = goodbye.into_message()
            && outgoing.send(message).await.is_err()
        {
            return;
        }
        while let Some(Ok(_)) = incoming.next().await {}
        if is_deaf {
            // To close a connection with something unread in it resets it, and the client might lose what we said.
            std::future::pending::<()>().await;
        }
    };
    let _ = timeout(patience.closing, parted).await;
}
