//! `Idempotency-Key`: the same request again is the same turn.

use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{ann, asked, held, pieces, stop};
use crate::support::client::send;
use crate::support::events::{Events, check_whole, names, text};
use crate::support::model_server::{Gate, Reply, openai_answer, openai_error};
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    the_same_request_again_is_the_same_turn,
    a_turn_that_is_over_is_told_as_if_it_ran,
    twenty_at_once_are_one_turn,
    twenty_at_once_over_two_ways_are_one_turn,
    a_request_while_the_turn_runs_joins_it,
    a_failure_is_told_again_and_not_tried_again,
    a_stopped_turn_stays_stopped,
    the_same_turn_is_found_after_a_restart,
}

/// A request to say something under a key.
pub fn keyed(client: &Client, conversation: &str, key: &str, content: &str) -> RequestBuilder {
    let path = format!("/api/conversations/{conversation}/send_message/");
    client
        .request("POST", &path)
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(json!({ "content": content }).to_string())
}

fn streamed(request: RequestBuilder) -> RequestBuilder {
    request.header("accept", "text/event-stream")
}

async fn the_same_request_again_is_the_same_turn(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let ask = || keyed(&ann, &conversation, "key-1", "Hello");
    let first = send(ask()).await.expect(200);
    for _ in 0..3 {
        send(ask()).await.is(200, &first);
    }
    assert_eq!(ann.messages(&conversation).await.len(), 2);
    // Without a key, and with another, it is said again.
    ann.say(&conversation, "Hello").await.expect(200);
    let other = send(keyed(&ann, &conversation, "key-2", "Hello"))
        .await
        .expect(200);
    assert_ne!(other["user_message"]["id"], first["user_message"]["id"]);
    assert_eq!(app.model.server.calls(), 3);
    assert_eq!(ann.messages(&conversation).await.len(), 6);
    // Meanwhile the first is still what it was.
    send(ask()).await.is(200, &first);
    assert_eq!(app.model.server.calls(), 3);
}

async fn a_turn_that_is_over_is_told_as_if_it_ran(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let ask = || streamed(keyed(&ann, &conversation, "key", "Hello"));
    let chunks = super::thoughtful(&["Hm, ", "größer. "], &["Good ", "day 🦀."]);
    app.model.replies([Reply::events(&chunks)]);
    let first = Events::open(ask()).await.rest().await;
    let again = Events::open(ask()).await.rest().await;
    check_whole(&again);
    assert_eq!(
        names(&again),
        ["start", "reasoning", "delta", "usage", "finish"]
    );
    assert_eq!(text(&again), text(&first));
    assert_eq!(again[0].essence(), first[0].essence());
    assert_eq!(
        again.last().unwrap().essence(),
        first.last().unwrap().essence()
    );
    let turn = send(keyed(&ann, &conversation, "key", "Hello"))
        .await
        .expect(200);
    assert_eq!(
        turn["assistant_message"],
        check_whole(&first).data["assistant_message"]
    );
    assert_eq!(app.model.server.calls(), 1);
}

async fn twenty_at_once_are_one_turn(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    for round in 1..=5 {
        let (key, content) = (format!("key-{round}"), format!("Hello {round}"));
        let asking: Vec<_> = (0..20)
            .map(|_| tokio::spawn(send(keyed(&ann, &conversation, &key, &content))))
            .collect();
        let mut turns = Vec::new();
        for asking in asking {
            turns.push(asking.await.unwrap().expect(200));
        }
        assert!(turns.iter().all(|turn| *turn == turns[0]));
        assert_eq!(turns[0]["assistant_message"]["status"], "complete");
        assert_eq!(app.model.server.calls(), round);
        assert_eq!(ann.messages(&conversation).await.len(), 2 * round);
    }
}

/// Some wait, some watch.
async fn twenty_at_once_over_two_ways_are_one_turn(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    app.model
        .replies([openai_answer("one two three", Some((1, 2))).pace(Duration::from_millis(30))]);
    let waiting: Vec<_> = (0..10)
        .map(|_| tokio::spawn(send(keyed(&ann, &conversation, "key", "Hello"))))
        .collect();
    let watching: Vec<_> = (0..10)
        .map(|_| {
            let request = streamed(keyed(&ann, &conversation, "key", "Hello"));
            tokio::spawn(async move { Events::open(request).await.rest().await })
        })
        .collect();
    let mut answers: Vec<Value> = Vec::new();
    for waiting in waiting {
        let turn = waiting.await.unwrap().expect(200);
        answers.push(turn["assistant_message"].clone());
    }
    for watching in watching {
        let events = watching.await.unwrap();
        let last = check_whole(&events);
        assert_eq!(text(&events), "one two three");
        answers.push(last.data["assistant_message"].clone());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(app.model.server.calls(), 1);
    assert_eq!(ann.messages(&conversation).await.len(), 2);
}

async fn a_request_while_the_turn_runs_joins_it(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let gate = Gate::default();
    app.model.replies([held("one two three", 2, &gate)]);
    let ask = || streamed(keyed(&ann, &conversation, "key", "Hello"));
    let mut first = Events::open(ask()).await;
    let mut whole = first.until_text(8).await;
    drop(first);
    // As a client does that lost its connection.
    let mut second = Events::open(ask()).await;
    let read = second.until_text(8).await;
    assert_eq!(read[0].essence(), whole[0].essence());
    assert_eq!(read[0].data["assistant_message"]["status"], "pending");
    let waiting = tokio::spawn(send(keyed(&ann, &conversation, "key", "Hello")));
    gate.open();
    whole = read.into_iter().chain(second.rest().await).collect();
    let last = check_whole(&whole);
    let turn = waiting.await.unwrap().expect(200);
    assert_eq!(turn["assistant_message"], last.data["assistant_message"]);
    assert_eq!((app.model.server.calls(), pieces(&app.db).await), (1, 0));
}

async fn a_failure_is_told_again_and_not_tried_again(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    for (number, (status, reply)) in [
        (502, openai_error(500, "Oh no", "server_error")),
        (
            503,
            openai_error(429, "Slow down", "rate_limit_exceeded").header("retry-after", "37"),
        ),
        (
            502,
            openai_answer("one two three", None)
                .pieces(3)
                .end(crate::support::model_server::End::Reset),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("key-{number}");
        app.model.replies([reply]);
        let first = send(keyed(&ann, &conversation, &key, "Hello")).await;
        assert_eq!(first.status, status, "{}", first.text);
        let again = send(keyed(&ann, &conversation, &key, "Hello")).await;
        again.is(status, &first.json);
        let events = Events::open(streamed(keyed(&ann, &conversation, &key, "Hello")))
            .await
            .rest()
            .await;
        let last = check_whole(&events);
        assert_eq!(last.name, "error");
        assert_eq!(
            (&last.data["error"], &last.data["status"]),
            (&first.json["error"], &json!(status))
        );
        assert_eq!(app.model.server.calls(), number + 1);
    }
    assert_eq!(ann.messages(&conversation).await.len(), 6);
}

async fn a_stopped_turn_stays_stopped(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    app.model.replies([Reply::silence()]);
    let ask = || keyed(&ann, &conversation, "key", "Hello");
    let running = tokio::spawn(send(ask()));
    asked(&app, 1).await;
    stop(&ann, &conversation, json!({})).await;
    let turn = running.await.unwrap().expect(200);
    assert_eq!(turn["assistant_message"]["status"], "stopped");
    send(ask()).await.is(200, &turn);
    let events = Events::open(streamed(ask())).await.rest().await;
    assert_eq!(check_whole(&events).data["status"], "stopped");
    assert_eq!(app.model.server.calls(), 1);
}

async fn the_same_turn_is_found_after_a_restart(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let first = send(keyed(&ann, &conversation, "key", "Hello"))
        .await
        .expect(200);
    let (model, database) = (
        std::sync::Arc::clone(&app.model),
        std::sync::Arc::clone(&app.database),
    );
    app.stop().await;
    let app = TestApp::start_beside(&database, model, &[]).await;
    let ann = super::at(&app, &ann);
    send(keyed(&ann, &conversation, "key", "Hello"))
        .await
        .is(200, &first);
    let events = Events::open(streamed(keyed(&ann, &conversation, "key", "Hello")))
        .await
        .rest()
        .await;
    assert_eq!(
        check_whole(&events).data["assistant_message"],
        first["assistant_message"]
    );
    assert_eq!(app.model.server.calls(), 1);
    assert_eq!(
        send(keyed(&ann, &conversation, "key", "Bye")).await.status,
        422
    );
}
