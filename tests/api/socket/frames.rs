//! Frames that are not as they should be.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::client::Socket;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    bad_frames_are_answered_and_the_socket_lives,
    a_frame_that_is_too_large_closes_the_socket,
    too_many_frames_close_the_socket,
    one_socket_watches_a_hundred_conversations,
}

async fn bad_frames_are_answered_and_the_socket_lives(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let mut socket = Socket::of(&app, &ann).await;
    for (frame, code) in [
        ("", "bad_frame"),
        ("{", "bad_frame"),
        ("null", "bad_frame"),
        ("[{\"type\": \"ping\"}]", "bad_frame"),
        ("{}", "unknown_type"),
        ("{\"type\": 1}", "unknown_type"),
        ("{\"type\": \"Ping\"}", "unknown_type"),
        ("{\"type\": \"subscribe\"}", "invalid"),
        ("{\"type\": \"send\", \"content\": \"x\"}", "invalid"),
        (
            "{\"type\": \"unsubscribe\", \"conversation_id\": 7}",
            "invalid",
        ),
        ("{\"type\": \"stop\", \"conversation_id\": null}", "invalid"),
    ] {
        socket.send(Message::text(frame)).await;
        let refusal = socket.next().await;
        assert_eq!(
            (&refusal["type"], &refusal["code"]),
            (&json!("error"), &json!(code)),
            "{frame}: {refusal}"
        );
        assert!(refusal["error"].as_str().unwrap().len() > 10, "{refusal}");
    }
    socket
        .send(Message::binary(&b"{\"type\": \"ping\"}"[..]))
        .await;
    assert_eq!(socket.next().await["code"], "bad_frame");
    for id in [json!(-1), json!("x"), json!(1.5), json!([])] {
        let refusal = socket
            .ask(json!({ "type": "subscribe", "conversation_id": conversation, "last_event_id": id }))
            .await;
        let expected = json!({
            "type": "error", "code": "invalid", "status": 400, "conversation_id": conversation,
            "error": "last_event_id: Not the id of an event.",
            "fields": { "last_event_id": ["Not the id of an event."] },
        });
        assert_eq!(refusal, expected);
    }
    let refusal = socket.ask(json!({ "type": "subscribe" })).await;
    assert_eq!(
        refusal["fields"],
        json!({ "conversation_id": ["This field is required."] })
    );
    assert_eq!(refusal.get("conversation_id"), None);
    socket.lives().await;
}

async fn a_frame_that_is_too_large_closes_the_socket(app: TestApp) {
    let ann = app.register("ann").await;
    let most = 1024 * 1024;
    let mut socket = Socket::of(&app, &ann).await;
    socket.send(Message::text("x".repeat(most))).await;
    assert_eq!(socket.next().await["code"], "bad_frame");
    socket.send(Message::text("x".repeat(most + 1))).await;
    let told = (1009, "The frame is longer than 1048576 bytes.".to_owned());
    assert_eq!(socket.closed().await, told);
    // Before anybody is known, too.
    let (mut socket, _) = Socket::open(&app, "/ws/chat/", &[]).await;
    socket.send(Message::binary(vec![0; most + 1])).await;
    assert_eq!(socket.closed().await, told);
}

async fn too_many_frames_close_the_socket(app: TestApp) {
    let ann = app.register("ann").await;
    let mut socket = Socket::of(&app, &ann).await;
    for _ in 0..60 {
        socket.tell(json!({ "type": "ping" })).await;
    }
    for _ in 0..60 {
        assert_eq!(socket.next().await, json!({ "type": "pong" }));
    }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    socket.lives().await;
    for _ in 0..120 {
        // It may be closed meanwhile.
        let ping = Message::Ping(Vec::new().into());
        if futures_util::SinkExt::send(&mut socket.stream, ping)
            .await
            .is_err()
        {
            break;
        }
    }
    assert_eq!(socket.closed().await.0, 1008);
    let (mut stranger, _) = Socket::open(&app, "/ws/chat/", &[]).await;
    for _ in 0..70 {
        stranger.tell(json!({})).await;
    }
    assert_eq!(stranger.closed().await.0, 1008);
}

async fn one_socket_watches_a_hundred_conversations(app: TestApp) {
    let ann = app.register("ann").await;
    let mut conversations = Vec::new();
    for _ in 0..101 {
        conversations.push(ann.conversation().await);
    }
    let mut socket = Socket::of(&app, &ann).await;
    for conversation in &conversations[..100] {
        let subscribed = socket.subscribe(conversation).await;
        assert_eq!(subscribed["type"], "subscribed", "{subscribed}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let last = &conversations[100];
    let refusal = socket.subscribe(last).await;
    assert_eq!(
        (&refusal["code"], &refusal["conversation_id"]),
        (&json!("too_many_subscriptions"), &json!(last))
    );
    let send = json!({ "type": "send", "conversation_id": last, "content": "Hello" });
    assert_eq!(socket.ask(send).await["code"], "too_many_subscriptions");
    assert_eq!(app.model.server.calls(), 0);
    // One that is watched already needs no room, and one that is watched no more makes some.
    assert_eq!(
        socket.subscribe(&conversations[7]).await["type"],
        "subscribed"
    );
    let unsubscribed = socket
        .ask(json!({ "type": "unsubscribe", "conversation_id": conversations[3] }))
        .await;
    assert_eq!(unsubscribed["type"], Value::from("unsubscribed"));
    assert_eq!(socket.subscribe(last).await["type"], "subscribed");
}
