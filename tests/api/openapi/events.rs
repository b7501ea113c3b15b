//! What comes over event streams and sockets is what the document says of it.

use serde_json::{Value, json};

use super::document;
use super::schemas::{faults, strict};
use crate::live::thoughtful;
use crate::socket::client::Socket;
use crate::support::model_server::{Reply, openai_error};
use crate::support::{TestApp, on_each_database};

on_each_database! {
    the_events_of_a_stream_are_documented,
    the_events_of_a_chat_are_documented,
    the_frames_of_a_socket_are_documented,
}

/// The answers of a model that thinks and answers, and then of one that fails.
fn replies() -> [Reply; 2] {
    let thinking = thoughtful(&["Hm."], &["Green ", "tea."]);
    [Reply::events(&thinking), openai_error(400, "No.", "none")]
}

/// The events of a body, as a browser reads them: without a name they are messages, without an id they have the last one.
fn events(body: &str) -> Vec<Value> {
    let mut event = json!({});
    let blocks = body.split("\n\n").filter(|block| block.contains("data: "));
    let events = blocks.map(|block| {
        event["event"] = "message".into();
        for (name, value) in block.lines().filter_map(|line| line.split_once(": ")) {
            event[name] = value.into();
        }
        event.clone()
    });
    events.collect()
}

#[track_caller]
fn check(document: &Value, schema: &Value, value: &Value) {
    let faults = faults(&strict(document, schema), value);
    assert!(faults.is_empty(), "{faults:?} in {value}");
}

/// Compares events with the schema of this name, and their data with what that says of them.
#[track_caller]
fn check_events(document: &Value, schema: &str, events: &[Value]) {
    for event in events {
        let schema = &document["components"]["schemas"][schema];
        check(document, schema, event);
        let kinds = schema.get("oneOf").or(schema.get("anyOf")).unwrap();
        let kind = kinds
            .as_array()
            .unwrap()
            .iter()
            .map(|kind| &kind["properties"])
            .find(|kind| kind["event"]["enum"][0] == event["event"])
            .unwrap();
        let data = event["data"].as_str().unwrap();
        if data != "[DONE]" {
            let data = serde_json::from_str(data).unwrap();
            check(document, &kind["data"]["contentSchema"], &data);
        }
    }
}

async fn the_events_of_a_stream_are_documented(app: TestApp) {
    let document = document(&app).await;
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    app.model.replies(replies());
    let mut names = Vec::new();
    for _ in 0..2 {
        let path = format!("/api/conversations/{conversation}/send_message/");
        let body = json!({ "content": "Tea?", "stream": true });
        let events = events(&ann.post(&path, body).await.text);
        check_events(&document, "TurnEvent", &events);
        names.extend(events.into_iter().map(|event| event["event"].clone()));
    }
    for name in ["start", "reasoning", "delta", "usage", "finish", "error"] {
        assert!(names.contains(&json!(name)), "{name}");
    }
}

async fn the_events_of_a_chat_are_documented(app: TestApp) {
    let document = document(&app).await;
    let ann = app.register("ann").await;
    app.model.replies(replies());
    for name in ["m1", "m2"] {
        let message =
            json!({ "id": name, "role": "user", "parts": [{ "type": "text", "text": "Tea?" }] });
        let body = json!({ "id": "tea-time", "message": message });
        let events = events(&ann.post("/api/chat/", body).await.text);
        assert!(events.len() > 3, "{events:?}");
        check_events(&document, "ChatEvent", &events);
    }
}

async fn the_frames_of_a_socket_are_documented(app: TestApp) {
    let document = document(&app).await;
    let frame = json!({ "$ref": "#/components/schemas/SocketFrame" });
    let command = json!({ "$ref": "#/components/schemas/SocketCommand" });
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    app.model.replies(replies());
    let (mut socket, _) = Socket::open(&app, "/ws/chat/", &[]).await;
    for (say, until) in [
        (json!({ "type": "ping" }), "error"),
        (
            json!({ "type": "auth", "token": ann.token() }),
            "connection_established",
        ),
        (json!({ "type": "ping" }), "pong"),
        (
            json!({ "type": "subscribe", "conversation_id": conversation, "last_event_id": null }),
            "subscribed",
        ),
        (
            json!({ "type": "send", "conversation_id": conversation, "content": "Tea?", "idempotency_key": "t" }),
            "finish",
        ),
        (
            json!({ "type": "send", "conversation_id": conversation, "content": "Tea?" }),
            "error",
        ),
        (
            json!({ "type": "send", "conversation_id": conversation, "content": "Milk?", "idempotency_key": "t" }),
            "error",
        ),
        (
            json!({ "type": "stop", "conversation_id": conversation, "message_id": null }),
            "stopped",
        ),
        (
            json!({ "type": "unsubscribe", "conversation_id": conversation }),
            "unsubscribed",
        ),
    ] {
        check(&document, &command, &say);
        socket.tell(say).await;
        loop {
            let told = socket.next().await;
            check(&document, &frame, &told);
            if told["type"] == until {
                break;
            }
        }
    }
    for wrong in [json!([]), json!({}), json!({ "type": "subscribe" })] {
        assert!(
            !faults(&strict(&document, &command), &wrong).is_empty(),
            "{wrong}"
        );
        let told = socket.ask(wrong).await;
        assert_eq!(told["type"], "error");
        check(&document, &frame, &told);
    }
}
