//! Bodies: what is taken, and how the rest is refused.

use serde_json::{Value, json};

use super::{CHAT, said, told};
use crate::support::{Answer, Client, TestApp, on_each_database};

on_each_database! {
    what_is_wrong_is_refused_in_words,
    parts_that_say_nothing_are_left_out,
    bodies_that_cannot_be_read_are_refused_as_everywhere,
}

async fn post(client: &Client, body: Value) -> Answer {
    client.post("/api/chat/", body).await
}

/// A body with these parts in its message.
fn with_parts(parts: Value) -> Value {
    json!({ "id": CHAT, "message": { "id": "m1", "role": "user", "parts": parts } })
}

async fn what_is_wrong_is_refused_in_words(app: TestApp) {
    let ann = app.register("ann").await;
    let hello = || said("m1", "Hello");
    let chat = |id: Value| json!({ "id": id, "message": hello() });
    let message = |message: Value| json!({ "id": CHAT, "message": message });
    let text = |text: Value| with_parts(json!([{ "type": "text", "text": text }]));
    let part = |part: Value| with_parts(json!([{ "type": "text", "text": "Hello" }, part]));
    let named = |id: Value| {
        let mut message = hello();
        message["id"] = id;
        json!({ "id": CHAT, "message": message })
    };
    let edited = |name: Value| json!({ "id": CHAT, "message": hello(), "messageId": name });
    for (body, word) in [
        // The chat.
        (json!({ "message": hello() }), "id must"),
        (chat(Value::Null), "id must"),
        (chat(json!(7)), "id must"),
        (chat(json!({})), "id must"),
        (chat(json!("")), "id must"),
        (chat(json!("a b")), "id must"),
        (chat(json!("a/b")), "id must"),
        (chat(json!("ä")), "id must"),
        (chat(json!("a\0")), "id must"),
        (chat(json!("x".repeat(65))), "id must"),
        // The message.
        (json!({ "id": CHAT }), "no message"),
        (json!({ "id": CHAT, "messages": [] }), "no message"),
        (json!({ "id": CHAT, "messages": [null] }), "no message"),
        (json!({ "id": CHAT, "messages": {} }), "list"),
        (json!({ "id": CHAT, "messages": "[]" }), "list"),
        (json!({ "id": CHAT, "messages": [hello(), 7] }), "object"),
        (message(Value::Null), "no message"),
        (message(json!("Hello")), "object"),
        (message(json!({})), "role"),
        (message(json!({ "role": "user" })), "parts"),
        (message(json!({ "role": 1, "parts": [] })), "role"),
        (message(json!({ "role": "system", "parts": [] })), "role"),
        (
            message(json!({ "role": "assistant", "parts": [] })),
            "assistant",
        ),
        (message(json!({ "role": "user", "parts": {} })), "parts"),
        // Its names.
        (named(Value::Null), "id of a message"),
        (named(json!(7)), "id of a message"),
        (named(json!("")), "id of a message"),
        (named(json!("a b")), "id of a message"),
        (named(json!("ä")), "id of a message"),
        (named(json!("a\0")), "id of a message"),
        (named(json!("x".repeat(65))), "id of a message"),
        (edited(json!(7)), "id of a message"),
        (edited(json!("")), "id of a message"),
        (
            json!({ "id": CHAT, "trigger": "regenerate-message", "messageId": [] }),
            "id of a message",
        ),
        // Its parts.
        (with_parts(json!([])), "empty"),
        (text(json!("")), "empty"),
        (text(json!(" \n\t ")), "empty"),
        (text(json!("a\0b")), "Null"),
        (text(Value::Null), "text"),
        (text(json!(7)), "text"),
        (
            with_parts(json!([{ "type": "step-start" }, { "type": "data-x", "data": 1 }])),
            "empty",
        ),
        (part(json!({ "type": "text" })), "text"),
        (part(json!("Hello")), "type"),
        (part(Value::Null), "type"),
        (part(json!({})), "type"),
        (part(json!({ "type": 7 })), "type"),
        (
            part(json!({ "type": "file", "mediaType": "image/png", "url": "data:," })),
            "Files",
        ),
        (
            part(json!({ "type": "tool-search", "toolCallId": "1", "state": "output-available" })),
            "tools",
        ),
        (
            part(json!({ "type": "dynamic-tool", "toolName": "x" })),
            "tools",
        ),
        (part(json!({ "type": "reasoning", "text": "Hm" })), "type"),
        (part(json!({ "type": "hologram" })), "type"),
        // The rest.
        (
            json!({ "id": CHAT, "message": hello(), "trigger": "submit-tool-result" }),
            "trigger",
        ),
        (
            json!({ "id": CHAT, "message": hello(), "trigger": 7 }),
            "trigger",
        ),
    ] {
        let answer = post(&ann, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        let fields = answer.json.as_object().unwrap();
        let error = fields["error"].as_str().unwrap_or_default();
        assert!(fields.len() == 1 && error.contains(word), "{body}: {error}");
        assert!(error.ends_with('.'), "{error}");
    }
    for agent in [json!(""), json!("x"), json!([]), json!(true), json!(7)] {
        let body = json!({ "id": CHAT, "message": hello(), "agent": agent });
        assert!(post(&ann, body).await.expect(400)["agent"].is_array());
    }
    assert_eq!(app.model.server.calls(), 0);
    assert_eq!(ann.get("/api/conversations/").await.expect(200)["count"], 0);
}

async fn parts_that_say_nothing_are_left_out(app: TestApp) {
    let ann = app.register("ann").await;
    let parts = json!([
        { "type": "step-start" },
        { "type": "text", "text": "  One\n", "state": "done", "providerMetadata": {} },
        { "type": "data-weather", "data": { "text": "no" } },
        { "type": "source-url", "sourceId": "1", "url": "https://example.com" },
        { "type": "source-document", "sourceId": "2", "mediaType": "text/plain", "title": "no" },
        { "type": "text", "text": "  " },
        { "type": "text", "text": "two 🦀" },
    ]);
    told(&post(&ann, with_parts(parts)).await);
    let asked = app.model.last_asked().body["messages"].clone();
    assert_eq!(asked[1]["content"], "  One\n\n\ntwo 🦀");
}

async fn bodies_that_cannot_be_read_are_refused_as_everywhere(app: TestApp) {
    let ann = app.register("ann").await;
    for (content_type, body, status) in [
        ("application/json", "{ broken", 400),
        ("application/json", "[]", 400),
        ("application/json", "null", 400),
        ("application/json", "", 400),
        ("application/x-www-form-urlencoded", "id=x&messages=[]", 400),
        ("text/plain", "{}", 415),
    ] {
        let answer = ann.post_as("/api/chat/", content_type, body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
        assert!(answer.json.is_object());
    }
    // Deeper than any body needs to be.
    let deep = format!("{{\"id\": {}1{}}}", "[".repeat(500), "]".repeat(500));
    let answer = ann.post_as("/api/chat/", "application/json", deep).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    // A page that reads nothing but events is refused in JSON all the same.
    let request = ann
        .request("POST", "/api/chat/")
        .header("accept", "text/event-stream");
    let answer = crate::support::client::send(request).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (400, Some("application/json"))
    );
}
