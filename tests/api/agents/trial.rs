//! Trying an agent without a conversation.

use std::time::Duration;

use serde_json::json;

use super::{AGENTS, at};
use crate::support::events::{Events, text};
use crate::support::model_server::{End, Reply, openai_answer, openai_error};
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    a_question_is_answered_and_nothing_is_stored,
    another_prompt_is_tried_and_not_kept,
    an_answer_can_be_watched,
    failures_are_told_as_in_a_conversation,
    the_fallback_is_tried_too,
    who_leaves_a_stream_takes_the_question_back,
    a_question_that_is_none_is_refused,
    agents_of_others_are_not_found,
    a_server_that_ends_breaks_it_off,
}

const NOWHERE: &str = "00000000-0000-0000-0000-000000000000";

fn test(agent: &str) -> String {
    format!("/api/agents/{agent}/test/")
}

async fn nothing_is_stored(client: &Client) {
    for room in ["conversations", "messages"] {
        let list = client.get(&format!("/api/{room}/")).await.expect(200);
        assert_eq!(list["count"], 0, "{room}");
    }
}

async fn a_question_is_answered_and_nothing_is_stored(app: TestApp) {
    let ann = app.register("ann").await;
    let body = json!({ "system_prompt": "For {{user_name}}.", "model": "m", "top_p": 0.5 });
    let agent = ann.agent(body).await;
    let turn = ann
        .post(&test(&agent), json!({ "content": "Hello" }))
        .await
        .expect(200);
    let (question, answer) = (&turn["user_message"], &turn["assistant_message"]);
    assert_eq!(
        (&question["content"], &answer["content"]),
        (&json!("Hello"), &json!("You said: Hello"))
    );
    assert_eq!(
        (
            &answer["conversation"],
            &answer["status"],
            &answer["model"],
            &answer["tokens_used"]
        ),
        (&json!(NOWHERE), &json!("complete"), &json!("m"), &json!(18))
    );
    let asked = app.model.server.only_asked();
    assert_eq!(
        asked.body["messages"],
        json!([
            { "role": "system", "content": "For ann." },
            { "role": "user", "content": "Hello" },
        ])
    );
    assert_eq!(asked.body["top_p"], 0.5);
    nothing_is_stored(&ann).await;
    let message = answer["id"].as_str().unwrap();
    ann.get(&format!("/api/messages/{message}/"))
        .await
        .expect(404);
}

async fn another_prompt_is_tried_and_not_kept(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({ "system_prompt": "Mine." })).await;
    let before = ann.get(&at(&agent)).await.expect(200);
    let body = json!({ "content": "Hello", "system_prompt": "I am {{agent_name}}." });
    ann.post(&test(&agent), body).await.expect(200);
    let asked = app.model.last_asked();
    assert_eq!(asked.body["messages"][0]["content"], "I am Bruno.");
    ann.get(&at(&agent)).await.is(200, &before);
    let versions = ann.get(&format!("{}prompts/", at(&agent))).await;
    assert_eq!(versions.expect(200)["count"], 1);
}

fn watching(client: &Client, agent: &str) -> reqwest::RequestBuilder {
    client
        .request("POST", &test(agent))
        .header("accept", "text/event-stream")
        .header("content-type", "application/json")
        .body(r#"{"content": "Hello"}"#)
}

async fn an_answer_can_be_watched(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({})).await;
    let events = Events::open(watching(&ann, &agent)).await.rest().await;
    assert_eq!(text(&events), "You said: Hello");
    let (first, last) = (&events[0], events.last().unwrap());
    assert_eq!(
        (first.name.as_str(), &first.data["user_message"]["content"]),
        ("start", &json!("Hello"))
    );
    assert_eq!(
        (last.name.as_str(), &last.data["status"]),
        ("finish", &json!("complete"))
    );
    nothing_is_stored(&ann).await;
}

async fn failures_are_told_as_in_a_conversation(app: TestApp) {
    let app = app
        .another(&[("LLM_FIRST_TOKEN_TIMEOUT_SECONDS", "1")])
        .await;
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({ "model": "m" })).await;
    let busy = openai_error(429, "Slow down.", "rate_limit_exceeded").header("retry-after", "7");
    for (status, reply) in [
        (502, openai_error(500, "It is down.", "server_error")),
        (503, busy),
        (504, Reply::silence()),
    ] {
        app.model.replies([reply]);
        let answer = ann.post(&test(&agent), json!({ "content": "Hello" })).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        let sentence = answer.json["error"].as_str().unwrap();
        assert!(sentence.starts_with("openai could not answer with \"m\""));
        let wait = (status == 503).then_some("7");
        assert_eq!(answer.header("retry-after"), wait);
    }
    app.model
        .replies([openai_error(500, "It is down.", "server_error")]);
    let events = Events::open(watching(&ann, &agent)).await.rest().await;
    let last = events.last().unwrap();
    assert_eq!(
        (last.name.as_str(), &last.data["status"]),
        ("error", &json!(502))
    );
    nothing_is_stored(&ann).await;
}

async fn the_fallback_is_tried_too(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann
        .agent(json!({ "model": "first", "fallback_model": "second" }))
        .await;
    app.model
        .replies([openai_error(500, "It is down.", "server_error")]);
    let body = json!({ "content": "Hello", "system_prompt": "Tried." });
    let turn = ann.post(&test(&agent), body).await.expect(200);
    let answer = &turn["assistant_message"];
    assert_eq!(
        (&answer["model"], &answer["fallback_from"]),
        (&json!("second"), &json!("first"))
    );
    let asked = app.model.last_asked();
    assert_eq!(asked.body["messages"][0]["content"], "Tried.");
}

fn endless() -> Reply {
    openai_answer("one two three", None)
        .pieces(3)
        .end(End::Silence)
}

async fn who_leaves_a_stream_takes_the_question_back(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({})).await;
    // That somebody has left shows when there is more to tell.
    let words = "word ".repeat(400);
    app.model
        .replies([openai_answer(&words, None).pace(Duration::from_millis(20))]);
    let mut events = Events::open(watching(&ann, &agent)).await;
    events.until_text(8).await;
    assert!(app.model.server.nobody_left());
    drop(events);
    app.model.server.client_left().await;
}

async fn a_question_that_is_none_is_refused(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({ "context_window": 256 })).await;
    let required = json!({ "error": "Content is required" });
    for body in [
        json!({}),
        json!({ "content": " " }),
        json!({ "content": null }),
    ] {
        ann.post(&test(&agent), body).await.is(400, &required);
    }
    let nul = json!(["Null characters are not allowed."]);
    ann.post(&test(&agent), json!({ "content": "a\u{0}" }))
        .await
        .is(400, &json!({ "content": nul }));
    ann.post(
        &test(&agent),
        json!({ "content": "a", "system_prompt": "\u{0}" }),
    )
    .await
    .is(400, &json!({ "system_prompt": nul }));
    let long = json!({ "content": "word ".repeat(1000) });
    let answer = ann.post(&test(&agent), long).await;
    assert_eq!(answer.status, 400);
    assert!(answer.json["error"].as_str().unwrap().contains("too long"));
    assert_eq!(app.model.server.calls(), 0);
}

async fn agents_of_others_are_not_found(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let agent = ann.agent(json!({})).await;
    bob.post(&test(&agent), json!({ "content": "Hello" }))
        .await
        .is(404, &json!({ "detail": "Not found." }));
    assert_eq!(app.model.server.calls(), 0);
    assert_eq!(bob.get(AGENTS).await.expect(200)["count"], 0);
}

async fn a_server_that_ends_breaks_it_off(app: TestApp) {
    let app = app.another(&[("SHUTDOWN_GRACE_SECONDS", "0")]).await;
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({})).await;
    app.model.replies([endless()]);
    let mut events = Events::open(watching(&ann, &agent)).await;
    events.until_text(8).await;
    let stopping = tokio::spawn(app.stop());
    let rest = events.rest().await;
    assert_eq!(
        (
            rest.last().unwrap().name.as_str(),
            &rest.last().unwrap().data["code"]
        ),
        ("error", &json!("interrupted"))
    );
    stopping.await.unwrap();
}
