//! Conversations that are longer than what the model can take in.

use serde_json::{Value, json};

use crate::support::client::id;
use crate::support::model_server::openai_error;
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    a_question_that_is_too_long_is_refused_and_not_stored,
    what_does_not_fit_is_left_out_and_that_is_told,
    an_overflow_is_tried_once_more_with_less,
}

/// Somebody whose agent's model takes in 256 tokens, and a conversation with it.
async fn forgetful(app: &TestApp) -> (Client, String) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({ "context_window": 256 })).await;
    let conversation = ann.conversation_with(&agent).await;
    (ann, conversation)
}

/// What the model was told last, by role.
fn roles(app: &TestApp) -> Vec<Value> {
    let asked = app.model.last_asked().body;
    let messages = asked["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|message| message["role"].clone())
        .collect()
}

async fn a_question_that_is_too_long_is_refused_and_not_stored(app: TestApp) {
    let (ann, conversation) = forgetful(&app).await;
    let long = "so it was ".repeat(300);
    let told = ann.say(&conversation, &long).await.expect(400);
    let text = told["error"].as_str().unwrap();
    assert!(text.contains("tokens"), "{text}");
    let chat = json!({
        "id": conversation,
        "message": { "role": "user", "parts": [{ "type": "text", "text": long }] },
    });
    ann.post("/api/chat/", chat).await.is(400, &told);
    assert_eq!(ann.messages(&conversation).await, [] as [Value; 0]);
    assert_eq!(app.model.server.calls(), 0);
    ann.say(&conversation, "Shorter").await.expect(200);
}

async fn what_does_not_fit_is_left_out_and_that_is_told(app: TestApp) {
    let (ann, conversation) = forgetful(&app).await;
    let first = ann.say(&conversation, &"a".repeat(100)).await.expect(200);
    assert_eq!(first["assistant_message"]["left_out"], Value::Null);
    let mut last = first;
    for _ in 0..3 {
        last = ann.say(&conversation, &"b".repeat(100)).await.expect(200);
    }
    let left_out = last["assistant_message"]["left_out"].as_u64().unwrap();
    // Whole exchanges, of the three before the last question.
    assert!(
        left_out % 2 == 0 && (2..=6).contains(&left_out),
        "{left_out}"
    );
    let told = roles(&app);
    assert_eq!(told.len() as u64, 1 + 6 - left_out + 1);
    assert_eq!((&told[0], &told[1]), (&json!("system"), &json!("user")));
    let history = ann
        .get(&format!("/api/chat/{conversation}/"))
        .await
        .expect(200);
    let shown = history["messages"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(shown["metadata"]["leftOut"], left_out);
    assert_eq!(ann.messages(&conversation).await.len(), 8);
}

async fn an_overflow_is_tried_once_more_with_less(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    for _ in 0..2 {
        ann.say(&conversation, "Hello").await.expect(200);
    }
    let overflow = || openai_error(400, "Too many tokens", "context_length_exceeded");
    app.model.replies([overflow()]);
    let answer = ann.say(&conversation, "And now?").await.expect(200);
    assert_eq!(app.model.server.calls(), 4);
    assert_eq!(answer["assistant_message"]["left_out"], 2);
    assert_eq!(roles(&app), ["system", "user", "assistant", "user"]);

    app.model.replies([overflow(), overflow()]);
    ann.say(&conversation, "And now?").await.expect(502);
    assert_eq!(app.model.server.calls(), 6);
    let stored = ann.messages(&conversation).await;
    let answer = stored.last().unwrap();
    assert_eq!(
        (&answer["status"], id(answer).is_empty()),
        (&json!("failed"), false)
    );
}
