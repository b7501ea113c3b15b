//! Conversations that are deleted while an answer is being written in them.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinHandle;

use super::keys::keyed;
use super::{ann, asked, count, pieces, say};
use crate::support::client::send;
use crate::support::events::Events;
use crate::support::model_server::{End, openai_answer};
use crate::support::{Answer, Client, TestApp, eventually, on_each_database};

on_each_database! {
    a_deleted_conversation_ends_its_turn_at_once,
    a_deleted_agent_ends_the_turns_of_its_conversations_at_once,
    a_deleted_account_ends_its_turns_at_once,
    a_deleted_account_ends_nobody_elses_turns,
    an_account_with_many_running_turns_can_be_deleted,
}

/// Starts a turn that ends by itself never, and waits until some of it is stored. Somebody waits for it, and somebody
/// watches.
async fn begin(app: &TestApp, client: &Client, conversation: &str) -> (Events, JoinHandle<Answer>) {
    let calls = app.model.server.calls();
    app.model.replies([openai_answer("one two three", None)
        .pieces(3)
        .end(End::Silence)]);
    let waiting = tokio::spawn(send(keyed(client, conversation, conversation, "Hello")));
    asked(app, calls + 1).await;
    let mut events = client.watch(conversation).await;
    events.until_text(8).await;
    eventually("some of it is stored", async || {
        let answer = client.messages(conversation).await.pop()?;
        (answer["content"] == "one two ").then_some(())
    })
    .await;
    (events, waiting)
}

/// Whoever watches is told, and whoever waits.
async fn is_told((mut events, waiting): (Events, JoinHandle<Answer>)) {
    let last = events.rest().await.pop().unwrap();
    assert_eq!(
        (&*last.name, &last.data["code"], &last.data["status"]),
        ("error", &json!("deleted"), &json!(404))
    );
    assert!(last.data["error"].as_str().unwrap().ends_with('.'));
    assert_ne!(last.data["assistant_message"]["status"], "complete");
    let not_found = json!({ "detail": "Not found." });
    waiting.await.unwrap().is(404, &not_found);
}

/// Sooner than anybody looks after it by himself.
async fn is_left_at_once(app: &TestApp, start: Instant, turns: usize) {
    app.model.server.clients_left(turns).await;
    assert!(
        start.elapsed() < Duration::from_millis(1500),
        "{:?}",
        start.elapsed()
    );
}

async fn nothing_is_left(app: &TestApp) {
    for statement in [
        "SELECT COUNT(*) AS count FROM message_pieces",
        "SELECT COUNT(*) AS count FROM messages",
        "SELECT COUNT(*) AS count FROM idempotency_keys",
        "SELECT COUNT(*) AS count FROM conversations",
    ] {
        assert_eq!(count(&app.db, statement).await, 0, "{statement}");
    }
}

async fn a_deleted_conversation_ends_its_turn_at_once(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let told = begin(&app, &ann, &conversation).await;
    let mut watching = ann.watch(&conversation).await;
    watching.until_text(8).await;
    let start = Instant::now();
    ann.delete(&format!("/api/conversations/{conversation}/"))
        .await
        .expect(204);
    is_left_at_once(&app, start, 1).await;
    is_told(told).await;
    assert_eq!(watching.rest().await.pop().unwrap().data["code"], "deleted");
    let not_found = json!({ "detail": "Not found." });
    send(ann.watching(&conversation)).await.is(404, &not_found);
    nothing_is_left(&app).await;
    assert_eq!(app.model.server.calls(), 1);
}

async fn a_deleted_agent_ends_the_turns_of_its_conversations_at_once(app: TestApp) {
    let ann = app.register("ann").await;
    // What is looked after by chance after the first one is not soon looked after again.
    for turn in 1..=2 {
        let agent = ann.agent(json!({ "name": "Zoe" })).await;
        let conversation = ann.conversation_with(&agent).await;
        let told = begin(&app, &ann, &conversation).await;
        let start = Instant::now();
        ann.delete(&format!("/api/agents/{agent}/"))
            .await
            .expect(204);
        is_left_at_once(&app, start, turn).await;
        is_told(told).await;
        nothing_is_left(&app).await;
    }
}

async fn a_deleted_account_ends_its_turns_at_once(app: TestApp) {
    for (turn, name) in [(1, "zoe"), (2, "eve")] {
        let client = app.register(name).await;
        let conversation = client.conversation().await;
        let told = begin(&app, &client, &conversation).await;
        let start = Instant::now();
        client
            .delete(&format!("/api/users/{}/", client.id()))
            .await
            .expect(204);
        is_left_at_once(&app, start, turn).await;
        is_told(told).await;
        nothing_is_left(&app).await;
    }
}

async fn a_deleted_account_ends_nobody_elses_turns(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let bob = app.register("bob").await;
    let his = bob.conversation().await;
    let told = begin(&app, &ann, &conversation).await;
    let (mut undisturbed, waiting) = begin(&app, &bob, &his).await;
    ann.delete(&format!("/api/users/{}/", ann.id()))
        .await
        .expect(204);
    app.model.server.client_left().await;
    is_told(told).await;
    assert_eq!(bob.messages(&his).await[1]["status"], "pending");
    let stopped = super::stop(&bob, &his, json!({})).await;
    assert_eq!(stopped["message"]["content"], "one two ");
    undisturbed.rest().await;
    waiting.await.unwrap().expect(200);
    let others = "SELECT COUNT(*) AS count FROM messages";
    assert_eq!(count(&app.db, others).await, 2);
    assert_eq!(pieces(&app.db).await, 0);
}

/// Answers that are being stored and a deletion of all of them want the same rows, perhaps in another order.
async fn an_account_with_many_running_turns_can_be_deleted(app: TestApp) {
    const TURNS: usize = 30;
    for round in 0..4_u64 {
        let ann = app.register(&format!("ann{round}")).await;
        let conversations = super::more_conversations(&ann, TURNS).await;
        let calls = app.model.server.calls();
        app.model.replies(
            (0..TURNS)
                .map(|_| openai_answer(&super::words(500), None).pace(Duration::from_millis(10))),
        );
        let running: Vec<_> = conversations
            .iter()
            .map(|conversation| say(&ann, conversation, "Hello"))
            .collect();
        asked(&app, calls + TURNS).await;
        tokio::time::sleep(Duration::from_millis(400 + 37 * round)).await;
        let answer = ann.delete(&format!("/api/users/{}/", ann.id())).await;
        assert_eq!(answer.status, 204, "{}", answer.text);
        for running in running {
            let answer = running.await.unwrap();
            assert_eq!(answer.status, 404, "{}", answer.text);
        }
    }
    eventually("nothing is left", async || {
        (pieces(&app.db).await == 0).then_some(())
    })
    .await;
    nothing_is_left(&app).await;
    // The server is as well as before.
    let bob = app.register("bob").await;
    let conversation = bob.conversation().await;
    bob.say(&conversation, "Hello").await.expect(200);
}
