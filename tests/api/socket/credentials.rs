//! Who may use a socket.

use std::time::Duration;

use meggy::socket::Patience;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use super::client::Socket;
use crate::support::client::send;
use crate::support::tokens::{self, mint};
use crate::support::{TestApp, on_each_database};

on_each_database! {
    a_token_can_come_in_four_ways,
    a_ticket_opens_a_socket_and_nothing_else_does_in_its_place,
    bad_tokens_are_told_on_the_socket,
    nothing_is_served_before_the_first_frame_has_a_token,
    whoever_says_nothing_is_sent_away,
    plain_requests_are_refused_in_json,
    the_host_is_checked_as_everywhere,
}

async fn a_token_can_come_in_four_ways(app: TestApp) {
    let ann = app.register("ann").await;
    let null = Value::Null;

    let (mut socket, response) = Socket::open(&app, "/ws/chat/", &[]).await;
    assert!(response.headers().get("sec-websocket-protocol").is_none());
    socket
        .tell(json!({ "type": "auth", "token": ann.token() }))
        .await;
    socket.is_established(&null).await;
    let again = socket
        .ask(json!({ "type": "auth", "token": ann.token() }))
        .await;
    assert_eq!(again["code"], "unexpected");
    socket.lives().await;

    let protocols = format!("meggy, bearer.{}", ann.token());
    let headers = [("sec-websocket-protocol", &*protocols)];
    let (mut socket, response) = Socket::open(&app, "/ws/chat", &headers).await;
    assert_eq!(response.headers()["sec-websocket-protocol"], "meggy");
    socket.is_established(&null).await;

    let path = format!("/ws/chat?token={}", ann.token());
    let (mut socket, _) = Socket::open(&app, &path, &[("origin", "https://other.example")]).await;
    socket.is_established(&null).await;

    let bearer = format!("Bearer {}", ann.token());
    let (mut socket, _) = Socket::open(&app, "/ws/chat/", &[("authorization", &bearer)]).await;
    socket.is_established(&null).await;
    socket.lives().await;
}

async fn a_ticket_opens_a_socket_and_nothing_else_does_in_its_place(app: TestApp) {
    let ann = app.register("ann").await;
    let answer = ann
        .post("/api/auth/stream_ticket/", json!({}))
        .await
        .expect(200);
    let ticket = answer["ticket"].as_str().unwrap();
    let (mut socket, _) = Socket::open(&app, &format!("/ws/chat/?ticket={ticket}"), &[]).await;
    socket.is_established(&Value::Null).await;
    let conversation = ann.conversation().await;
    for kind in ["send", "stop"] {
        let frame = json!({ "type": kind, "conversation_id": conversation, "content": "Hello" });
        assert_eq!(socket.ask(frame).await["code"], "read_only");
    }
    let frame = json!({ "type": "subscribe", "conversation_id": conversation });
    assert_eq!(socket.ask(frame).await["type"], "subscribed");
    assert_eq!(app.model.server.calls(), 0);
    for path in [
        format!("/ws/chat/?token={ticket}"),
        format!("/ws/chat/?ticket={}", ann.token()),
        format!("/ws/chat/?token={}", ann.refresh_token),
    ] {
        let (mut socket, _) = Socket::open(&app, &path, &[]).await;
        assert_eq!(socket.closed().await.0, 4401, "{path}");
    }
}

async fn bad_tokens_are_told_on_the_socket(app: TestApp) {
    let ann = app.register("ann").await;
    let mut expired = tokens::access(ann.id());
    expired["exp"] = json!(tokens::now() - 1);
    let nobody = tokens::access("0198c0de-0000-7000-8000-000000000000");
    for token in ["x", &mint(&expired), &mint(&nobody)] {
        let protocols = format!("bearer.{token}, meggy");
        let headers = [("sec-websocket-protocol", &*protocols)];
        let (mut socket, _) = Socket::open(&app, "/ws/chat/", &headers).await;
        let told = (4401, "Invalid or expired token".to_owned());
        assert_eq!(socket.closed().await, told);
        let (mut socket, _) = Socket::open(&app, "/ws/chat/", &[]).await;
        socket.tell(json!({ "type": "auth", "token": token })).await;
        assert_eq!(socket.closed().await, told);
    }
}

async fn nothing_is_served_before_the_first_frame_has_a_token(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let path = format!("/ws/chat/{conversation}/");
    let (mut socket, _) = Socket::open(&app, &path, &[]).await;
    for frame in [
        json!({ "type": "ping" }),
        json!({ "type": "send", "conversation_id": conversation, "content": "Hello" }),
        json!({ "type": "auth" }),
        json!([1]),
    ] {
        assert_eq!(socket.ask(frame).await["code"], "not_authenticated");
    }
    assert_eq!(app.model.server.calls(), 0);
    socket
        .tell(json!({ "type": "auth", "token": ann.token() }))
        .await;
    socket.is_established(&json!(conversation)).await;
}

async fn whoever_says_nothing_is_sent_away(app: TestApp) {
    let app = app
        .with_patience(
            &[],
            Patience {
                authentication: Duration::from_millis(300),
                ..Patience::default()
            },
        )
        .await;
    let (mut socket, _) = Socket::open(&app, "/ws/chat/", &[]).await;
    socket.tell(json!({ "type": "ping" })).await;
    assert_eq!(
        socket.closed().await,
        (4401, "No token came in time.".to_owned())
    );
    // Ann is known in time, and stays.
    let ann = app.register("ann").await;
    let mut socket = Socket::of(&app, &ann).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    socket.lives().await;
}

async fn plain_requests_are_refused_in_json(app: TestApp) {
    let conversation = "0198c0de-0000-7000-8000-000000000000";
    for path in [
        "/ws/chat/".to_owned(),
        "/ws/chat".to_owned(),
        format!("/ws/chat/{conversation}/"),
        format!("/ws/chat/{conversation}"),
    ] {
        let answer = app.stranger().get(&path).await;
        let detail = json!({ "detail": "This path speaks WebSocket (version 13) only." });
        answer.is(426, &detail);
        assert_eq!(answer.header("upgrade"), Some("websocket"));
        assert_eq!(answer.header("sec-websocket-version"), Some("13"));
        let refused = app.stranger().post(&path, json!({})).await;
        refused.is(405, &json!({ "detail": "Method \"POST\" not allowed." }));
    }
    app.stranger().get("/ws/").await.expect(404);
    let old = app
        .stranger()
        .request("GET", "/ws/chat/")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "8")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    send(old).await.expect(426);
}

async fn the_host_is_checked_as_everywhere(app: TestApp) {
    let opened = Socket::try_open(&app, "/ws/chat/", &[("host", "evil.example")], None).await;
    let Err(Error::Http(response)) = opened else {
        panic!("a socket on an unknown host");
    };
    assert_eq!(response.status(), 400);
}
