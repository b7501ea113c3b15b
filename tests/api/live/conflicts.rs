//! One turn at a time in each conversation.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ann, asked, ended, held, more_conversations, say, stop};
use crate::support::client::send;
use crate::support::events::text;
use crate::support::model_server::{Gate, Reply, openai_error};
use crate::support::{Answer, TestApp, on_each_database};

on_each_database! {
    a_second_question_is_told_which_answer_is_being_written,
    other_conversations_do_not_wait,
    who_was_answered_may_ask_again_at_once,
    who_read_the_end_may_ask_again_at_once,
    who_saw_the_answer_complete_may_ask_again_at_once,
    who_stopped_may_ask_again_at_once,
    who_was_told_of_a_failure_may_ask_again_at_once,
    a_connection_that_is_kept_is_as_good_as_new_ones,
}

async fn a_second_question_is_told_which_answer_is_being_written(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let gate = Gate::default();
    app.model.replies([held("one two three", 1, &gate)]);
    let mut events = ann.ask(&conversation, "Hello").await;
    let start = events.next().await.unwrap();
    let refused = |answer: Answer| {
        assert_eq!(answer.status, 409, "{}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let body = answer.json.as_object().unwrap();
        assert_eq!(body.len(), 2);
        assert!(body["error"].as_str().unwrap().len() > 20);
        assert_eq!(body["message_id"], start.data["assistant_message"]["id"]);
    };
    refused(ann.say(&conversation, "More").await);
    refused(send(ann.asking(&conversation, "More")).await);
    refused(
        send(
            ann.asking(&conversation, "More")
                .header("idempotency-key", "k"),
        )
        .await,
    );
    assert_eq!(app.model.server.calls(), 1);
    gate.open();
    assert_eq!(text(&events.rest().await), "one two three");
    assert_eq!(ann.messages(&conversation).await.len(), 2);
    // A key whose request was refused is still free.
    let again = ann
        .asking(&conversation, "More")
        .header("idempotency-key", "k");
    assert_eq!(send(again).await.status, 200);
}

async fn other_conversations_do_not_wait(app: TestApp) {
    let ann = app.register("ann").await;
    let conversations = more_conversations(&ann, 3).await;
    app.model.replies([Reply::silence()]);
    let running = say(&ann, &conversations[0], "Hello");
    asked(&app, 1).await;
    for conversation in &conversations[1..] {
        ann.say(conversation, "Hello").await.expect(200);
    }
    stop(&ann, &conversations[0], json!({})).await;
    running.await.unwrap().expect(200);
}

async fn who_was_answered_may_ask_again_at_once(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    for number in 0..100 {
        ann.say(&conversation, &format!("{number}"))
            .await
            .expect(200);
    }
    assert_eq!(ann.messages(&conversation).await.len(), 200);
}

async fn who_read_the_end_may_ask_again_at_once(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    for number in 0..60 {
        let mut events = ann.ask(&conversation, &format!("{number}")).await;
        while let Some(event) = events.next().await {
            if event.name == "finish" {
                // The connection is still open.
                break;
            }
        }
        ann.say(&conversation, "And?").await.expect(200);
    }
}

/// Whoever looks whether it is there yet.
async fn who_saw_the_answer_complete_may_ask_again_at_once(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    for number in 0..60 {
        let gate = Gate::default();
        app.model.replies([held("one two three", 2, &gate)]);
        let running = say(&ann, &conversation, &format!("{number}"));
        asked(&app, 2 * number + 1).await;
        gate.open();
        while ann.messages(&conversation).await.pop().unwrap()["status"] == "pending" {}
        ann.say(&conversation, "And?").await.expect(200);
        running.await.unwrap().expect(200);
    }
}

async fn who_stopped_may_ask_again_at_once(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    for number in 0..30_u64 {
        app.model.replies([Reply::silence()]);
        let events = ann.ask(&conversation, "Hello").await;
        // At any time after the turn's beginning.
        tokio::time::sleep(Duration::from_micros(number * 200)).await;
        let stopped = stop(&ann, &conversation, json!({})).await;
        assert_eq!(stopped["stopped"], true);
        // If the stop came before the model was asked, the reply is still to come.
        drop(events);
        app.model.forget_replies();
        ann.say(&conversation, "And?").await.expect(200);
    }
}

async fn who_was_told_of_a_failure_may_ask_again_at_once(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    for _ in 0..20 {
        app.model
            .replies([openai_error(500, "Oh no", "server_error")]);
        assert_eq!(ann.say(&conversation, "Hello").await.status, 502);
        ann.say(&conversation, "And?").await.expect(200);
    }
}

async fn a_connection_that_is_kept_is_as_good_as_new_ones(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    // The client of the tests keeps no connections; this one does.
    let keeping = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!(
        "{}/api/conversations/{conversation}/send_message/",
        app.base
    );
    for number in 0..100 {
        let response = keeping
            .post(&url)
            .bearer_auth(ann.token())
            .header("content-type", "application/json")
            .header(
                "accept",
                if number % 3 == 0 {
                    "text/event-stream"
                } else {
                    "*/*"
                },
            )
            .body(json!({ "content": "Hello" }).to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "number {number}");
        let text = response.text().await.unwrap();
        assert!(text.contains(r#""status":"complete""#), "{text}");
    }
    assert_eq!(
        ended(&ann, &conversation).await["status"],
        Value::from("complete")
    );
}
