//! What a message may say.

use serde_json::json;

use super::at;
use crate::support::client::id;
use crate::support::model_server::openai_answer;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    a_content_is_stored_as_it_was_sent,
    numbers_count_as_their_text,
    a_content_that_is_none_is_refused,
    a_form_will_do,
    what_a_database_cannot_store_is_replaced,
}

async fn a_content_is_stored_as_it_was_sent(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({ "context_window": 1_000_000 })).await;
    let conversation = ann.conversation_with(&agent).await;
    for content in [
        "  two spaces \n\tand more\r\n",
        "🦀 and \u{202e}more\u{7f}",
        &"long".repeat(50_000),
    ] {
        let turn = ann.say(&conversation, content).await.expect(200);
        assert_eq!(turn["user_message"]["content"], content);
        assert_eq!(
            app.model.last_asked().body["messages"]
                .as_array()
                .unwrap()
                .last()
                .unwrap()["content"],
            content
        );
        let message = ann
            .get(&format!("/api/messages/{}/", id(&turn["user_message"])))
            .await
            .expect(200);
        assert_eq!(message["content"], content);
    }
}

async fn numbers_count_as_their_text(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    for (content, text) in [
        ("42", "42"),
        ("4.50", "4.5"),
        ("1e16", "1e+16"),
        ("-7", "-7"),
    ] {
        let body = format!("{{\"content\": {content}}}");
        let turn = ann
            .post_as(&at(&conversation), "application/json", body)
            .await
            .expect(200);
        assert_eq!(turn["user_message"]["content"], text);
    }
}

async fn a_content_that_is_none_is_refused(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let path = at(&conversation);
    let required = json!({ "error": "Content is required" });
    for content in [
        json!(null),
        json!(""),
        json!(0),
        json!(0.0),
        json!(false),
        json!([]),
        json!({}),
        json!(" \n\t\u{a0}"),
    ] {
        ann.post(&path, json!({ "content": content }))
            .await
            .is(400, &required);
    }
    ann.post(&path, json!({})).await.is(400, &required);
    ann.send("POST", &path, None).await.is(400, &required);
    for content in [json!(true), json!([1]), json!({ "a": 1 })] {
        ann.post(&path, json!({ "content": content }))
            .await
            .is(400, &json!({ "content": ["Not a valid string."] }));
    }
    let null = json!({ "content": ["Null characters are not allowed."] });
    ann.post(&path, json!({ "content": "a\u{0}b" }))
        .await
        .is(400, &null);
    assert!(ann.messages(&conversation).await.is_empty());
    assert_eq!(app.model.server.calls(), 0);
}

async fn a_form_will_do(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let form = "application/x-www-form-urlencoded";
    let turn = ann
        .post_as(&at(&conversation), form, "content=old&content=+a%20b%0A")
        .await
        .expect(200);
    assert_eq!(turn["user_message"]["content"], " a b\n");
}

async fn what_a_database_cannot_store_is_replaced(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    app.model.replies([openai_answer("a\u{0}b", None)]);
    let turn = ann.say(&conversation, "Hello").await.expect(200);
    assert_eq!(turn["assistant_message"]["content"], "a\u{fffd}b");
}
