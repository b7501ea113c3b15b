//! Streams of answers that fail: none of them looks finished.

use std::time::Duration;

use serde_json::json;

use super::{ann, pieces};
use crate::support::events::{check_whole, names};
use crate::support::model_server::{End, Reply, nobody, openai_answer, openai_chunk, openai_error};
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    each_failure_ends_its_stream_with_an_error,
    a_model_that_takes_too_long_ends_its_stream_with_an_error,
    a_model_that_cannot_be_asked_ends_its_stream_with_an_error,
    how_long_to_wait_is_told_at_the_end,
    only_what_failed_before_the_first_word_is_tried_again,
}

/// Asks and compares how it ends; the text that had come is kept.
async fn fails(client: &Client, conversation: &str, what: &str, status: u16, said: &str) {
    let events = client.ask(conversation, what).await.rest().await;
    let last = check_whole(&events);
    let code = match status {
        503 => "provider_overloaded",
        504 => "provider_timeout",
        _ => "provider_failed",
    };
    let expected: &[&str] = if said.is_empty() {
        &["start", "error"]
    } else {
        &["start", "delta", "usage", "error"]
    };
    assert_eq!(names(&events), expected, "{what}");
    let data = &last.data;
    assert_eq!(data.as_object().unwrap().len(), 4, "{what}: {data}");
    assert_eq!(
        (&data["code"], &data["status"]),
        (&json!(code), &json!(status)),
        "{what}"
    );
    let answer = &data["assistant_message"];
    assert_eq!(
        (&answer["status"], &answer["content"]),
        (&json!("failed"), &json!(said)),
        "{what}"
    );
    assert_eq!(
        (&answer["error"], &answer["error_code"]),
        (&data["error"], &json!(code))
    );
    assert_eq!(answer["finish_reason"], json!(null));
    assert!(data["error"].as_str().unwrap().ends_with('.'));
    let stored = client.messages(conversation).await;
    assert_eq!(stored.last().unwrap(), answer, "{what}");
    assert_eq!(stored[stored.len() - 2], events[0].data["user_message"]);
}

async fn each_failure_ends_its_stream_with_an_error(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let first_words = || openai_answer("one two three four", None).pieces(3);
    let html = "<html><body>It works!</body></html>";
    let in_stream = json!({ "error": { "message": "Oh no", "code": 500 } });
    let half = openai_chunk(&json!({ "content": "Hi" }));
    let scripts = [
        (
            502,
            "",
            openai_error(401, "Incorrect key", "invalid_api_key"),
        ),
        (
            502,
            "",
            openai_error(404, "No such model", "model_not_found"),
        ),
        (502, "", openai_error(400, "Wrong", "invalid_request")),
        (502, "", openai_error(500, "Oh no", "server_error")),
        (502, "", Reply::text(500, "text/html", html)),
        (502, "", Reply::text(200, "text/html", html)),
        (
            502,
            "",
            Reply::text(200, "text/event-stream", "data: {oops\n\n"),
        ),
        (502, "", Reply::text(200, "text/event-stream", "")),
        (
            502,
            "",
            Reply::text(200, "text/event-stream", "data: [DONE]\n\n"),
        ),
        (502, "", Reply::events(std::slice::from_ref(&in_stream))),
        (502, "Hi", Reply::events(&[half.clone(), in_stream])),
        // `[DONE]` without a finish reason.
        (502, "Hi", Reply::events(&[half])),
        (502, "one two ", first_words().end(End::Close)),
        (502, "one two ", first_words().end(End::Reset)),
        // In the middle of a character.
        (
            502,
            "Grüße ",
            openai_answer("Grüße 🦀", None)
                .up_to("🦀", 2)
                .end(End::Reset),
        ),
        (
            502,
            "Grüße ",
            openai_answer("Grüße 🦀", None)
                .up_to("🦀", 2)
                .end(End::Close),
        ),
        (
            503,
            "",
            openai_error(429, "Slow down", "rate_limit_exceeded"),
        ),
        (503, "", openai_error(503, "Overloaded", "overloaded")),
    ];
    for (number, (status, said, reply)) in scripts.into_iter().enumerate() {
        app.model.replies([reply]);
        fails(
            &ann,
            &conversation,
            &format!("script {number}"),
            status,
            said,
        )
        .await;
        assert_eq!(app.model.server.calls(), number + 1, "script {number}");
    }
    assert_eq!(pieces(&app.db).await, 0);
    // All of it is behind us.
    let events = ann.ask(&conversation, "And now?").await.rest().await;
    assert_eq!(check_whole(&events).data["status"], "complete");
}

async fn a_model_that_takes_too_long_ends_its_stream_with_an_error(app: TestApp) {
    let app = app
        .another(&[
            ("LLM_FIRST_TOKEN_TIMEOUT_SECONDS", "1"),
            ("LLM_IDLE_TIMEOUT_SECONDS", "1"),
        ])
        .await;
    let (ann, conversation) = ann(&app).await;
    let silent = openai_answer("one two three", None).pieces(3);
    app.model
        .replies([Reply::silence(), silent.end(End::Silence)]);
    fails(&ann, &conversation, "never begins", 504, "").await;
    app.model.server.clients_left(1).await;
    fails(&ann, &conversation, "falls silent", 504, "one two ").await;
    app.model.server.clients_left(2).await;
    assert_eq!(app.model.server.calls(), 2);
}

async fn a_model_that_cannot_be_asked_ends_its_stream_with_an_error(app: TestApp) {
    let nobody = nobody().await;
    for settings in [
        [("OPENAI_BASE_URL", &*nobody), ("OPENAI_API_KEY", "k")],
        [("OPENAI_BASE_URL", ""), ("OPENAI_API_KEY", "")],
    ] {
        let app = app.another(&settings).await;
        let ann = app.register(&format!("a{}", settings[0].1.len())).await;
        let conversation = ann.conversation().await;
        fails(&ann, &conversation, "Hello", 502, "").await;
    }
    assert_eq!(app.model.server.calls(), 0);
}

async fn how_long_to_wait_is_told_at_the_end(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let busy = openai_error(429, "Slow down", "rate_limit_exceeded").header("retry-after", "37");
    app.model.replies([busy]);
    let events = ann.ask(&conversation, "Hello").await.rest().await;
    assert_eq!(check_whole(&events).data["retry_after"], 37);
}

async fn only_what_failed_before_the_first_word_is_tried_again(app: TestApp) {
    let app = app.another(&[("LLM_MAX_RETRIES", "2")]).await;
    let (ann, conversation) = ann(&app).await;
    let busy = || openai_error(429, "Slow down", "rate_limit_exceeded").header("retry-after", "0");
    app.model.replies([busy(), busy()]);
    let events = ann.ask(&conversation, "Hello").await.rest().await;
    assert_eq!(check_whole(&events).data["status"], "complete");
    assert_eq!(names(&events), ["start", "delta", "usage", "finish"]);
    assert_eq!(app.model.server.calls(), 3);
    app.model.replies([busy(), busy(), busy()]);
    fails(&ann, &conversation, "too often", 503, "").await;
    assert_eq!(app.model.server.calls(), 6);
    let cut = openai_answer("one two three four", None)
        .pace(Duration::from_millis(1))
        .pieces(3);
    app.model.replies([cut.end(End::Reset)]);
    fails(&ann, &conversation, "cut off", 502, "one two ").await;
    assert_eq!(app.model.server.calls(), 7);
}
