//! Agents that are deactivated give no answers.

use serde_json::json;

use super::{DEFAULT, at};
use crate::support::client::{id, send};
use crate::support::{TestApp, on_each_database};

on_each_database! {
    a_deactivated_agent_answers_nowhere,
    what_was_answered_before_is_still_told,
}

const DEACTIVATED: &str =
    "This agent is deactivated. Activate it, or choose another one for this conversation.";

async fn a_deactivated_agent_answers_nowhere(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = id(&ann.get(DEFAULT).await.expect(200));
    let conversation = ann.conversation_with(&agent).await;
    ann.say(&conversation, "Hello").await.expect(200);
    let calls = app.model.server.calls();
    let messages = ann.messages(&conversation).await;
    ann.patch(&at(&agent), json!({ "is_active": false }))
        .await
        .expect(200);

    let refused = json!({ "error": DEACTIVATED });
    ann.say(&conversation, "Hello").await.is(400, &refused);
    let path = format!("/api/conversations/{conversation}/send_message/");
    let body = json!({ "content": "Hello", "stream": true });
    ann.post(&path, body).await.is(400, &refused);
    let test = format!("/api/agents/{agent}/test/");
    let untried = json!({ "error": "This agent is deactivated. Activate it to try it." });
    ann.post(&test, json!({ "content": "Hello" }))
        .await
        .is(400, &untried);
    let message =
        |text: &str| json!({ "role": "user", "parts": [{ "type": "text", "text": text }] });
    for body in [
        json!({ "id": conversation, "message": message("Hello") }),
        json!({ "id": conversation, "messages": [message("Hello")], "trigger": "regenerate-message" }),
        json!({ "id": conversation, "message": message("Bye"), "messageId": messages[0]["id"] }),
    ] {
        ann.post("/api/chat/", body).await.is(400, &refused);
    }
    // Not even an empty chat comes of it.
    for body in [
        json!({ "id": "new", "message": message("Hello") }),
        json!({ "id": "new", "message": message("Hello"), "agent": agent }),
    ] {
        ann.post("/api/chat/", body).await.is(400, &refused);
    }
    assert_eq!(ann.get("/api/conversations/").await.expect(200)["count"], 1);
    assert_eq!(ann.messages(&conversation).await, messages);
    assert_eq!(app.model.server.calls(), calls);

    ann.patch(&at(&agent), json!({ "is_active": true }))
        .await
        .expect(200);
    ann.say(&conversation, "Hello").await.expect(200);
}

async fn what_was_answered_before_is_still_told(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = id(&ann.get(DEFAULT).await.expect(200));
    let conversation = ann.conversation_with(&agent).await;
    let path = format!("/api/conversations/{conversation}/send_message/");
    let ask = || {
        send(
            ann.request("POST", &path)
                .header("idempotency-key", "k")
                .header("content-type", "application/json")
                .body(r#"{"content": "Hello"}"#),
        )
    };
    let first = ask().await.expect(200);
    ann.patch(&at(&agent), json!({ "is_active": false }))
        .await
        .expect(200);
    ask().await.is(200, &first);
}
