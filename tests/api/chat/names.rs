//! What clients call their chats, and that one user's names are no other's.

use serde_json::{Value, json};

use super::{CHAT, edit, regenerate, said, send, sending, texts, told};
use crate::support::client::id;
use crate::support::model_server::openai_answer;
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    a_chat_is_made_on_first_use,
    a_chat_may_be_a_conversation_that_is_there_already,
    a_uuid_may_be_a_name_as_well,
    a_chat_is_begun_with_the_agent_that_is_named,
    first_messages_at_once_make_one_chat,
    one_users_chats_are_no_others,
    an_agent_must_be_ones_own,
}

const NOBODYS: &str = "0191b2c3-4d5e-7f60-8123-456789abcdef";

async fn conversations(client: &Client) -> Vec<Value> {
    let list = client.get("/api/conversations/").await.expect(200);
    list["results"].as_array().unwrap().clone()
}

async fn a_chat_is_made_on_first_use(app: TestApp) {
    let ann = app.register("ann").await;
    let longest = "x".repeat(64);
    for (number, chat) in [CHAT, "0", "-", &*longest].into_iter().enumerate() {
        told(&send(&ann, chat, "m1", "Hello").await);
        told(&send(&ann, chat, "m2", "And?").await);
        let made = conversations(&ann).await;
        assert_eq!(made.len(), number + 1);
        assert_eq!(
            (&made[0]["title"], &made[0]["message_count"]),
            (&json!("Hello"), &json!(4))
        );
        let history = ann.get(&format!("/api/chat/{chat}/")).await.expect(200);
        assert_eq!(history["id"], chat);
        assert_eq!(history["conversation"], made[0]["id"]);
    }
    let default = ann.get("/api/agents/default/").await.expect(200);
    for made in conversations(&ann).await {
        assert_eq!(made["agent"], default["id"]);
    }
}

async fn a_chat_may_be_a_conversation_that_is_there_already(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    ann.say(&conversation, "one").await.expect(200);
    // In other spellings of the same id, too.
    let bare = conversation.replace('-', "");
    for chat in [&conversation, &conversation.to_uppercase(), &bare] {
        told(&send(&ann, chat, chat, "two").await);
        assert_eq!(texts(&ann, chat).await, texts(&ann, &conversation).await);
    }
    assert_eq!(texts(&ann, &conversation).await.len(), 8);
    assert_eq!(conversations(&ann).await.len(), 1);
    let history = ann.get(&format!("/api/chat/{bare}/")).await.expect(200);
    assert_eq!(history["id"], conversation);
    // A chat has both names.
    told(&send(&ann, CHAT, "m1", "Hello").await);
    let both = id(&conversations(&ann).await[0]);
    told(&send(&ann, &both, "m2", "And?").await);
    assert_eq!(texts(&ann, CHAT).await.len(), 4);
}

async fn a_uuid_may_be_a_name_as_well(app: TestApp) {
    let ann = app.register("ann").await;
    for message in ["m1", "m2"] {
        told(&send(&ann, NOBODYS, message, "Hello").await);
    }
    let made = conversations(&ann).await;
    assert_eq!(made.len(), 1);
    assert_ne!(made[0]["id"], NOBODYS);
    let history = ann.get(&format!("/api/chat/{NOBODYS}/")).await.expect(200);
    assert_eq!(history["id"], NOBODYS);
    assert_eq!(history["conversation"], made[0]["id"]);
}

async fn a_chat_is_begun_with_the_agent_that_is_named(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({ "name": "Other", "model": "m-1" })).await;
    let another = ann.agent(json!({ "name": "Another" })).await;
    for (name, agent) in [
        ("m1", json!(agent)),
        ("m2", json!(another)),
        ("m3", Value::Null),
    ] {
        let body = json!({ "id": CHAT, "message": said(name, "Hello"), "agent": agent });
        told(&ann.post("/api/chat/", body).await);
        assert_eq!(app.model.last_asked().model(), "m-1");
    }
    assert_eq!(conversations(&ann).await[0]["agent"], agent);
}

async fn first_messages_at_once_make_one_chat(app: TestApp) {
    let ann = app.register("ann").await;
    for round in 1..=4 {
        let chat = format!("chat-{round}");
        let slow = || openai_answer("late", None).delay(std::time::Duration::from_millis(300));
        app.model.replies([slow()]);
        let asking: Vec<_> = (0..8)
            .map(|number| sending(&ann, &chat, &format!("m{number}"), &format!("{number}")))
            .collect();
        let mut statuses = Vec::new();
        for answer in asking {
            statuses.push(answer.await.unwrap().status);
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
        assert_eq!(conversations(&ann).await.len(), round);
        assert_eq!(texts(&ann, &chat).await.len(), 2);
    }
}

async fn one_users_chats_are_no_others(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    told(&send(&ann, CHAT, "m1", "a secret").await);
    let conversation = id(&conversations(&ann).await[0]);
    let message = id(&ann.messages(&conversation).await[0]);
    for chat in [CHAT, &conversation] {
        let path = format!("/api/chat/{chat}/");
        bob.get(&path).await.expect(404);
        bob.post(&format!("{path}stop/"), json!({}))
            .await
            .expect(404);
        assert_eq!(bob.get(&format!("{path}stream/")).await.status, 204);
        edit(&bob, chat, &message, "stolen").await.expect(404);
        edit(&bob, chat, "m1", "stolen").await.expect(404);
        regenerate(&bob, chat, Some(&message)).await.expect(404);
        regenerate(&bob, chat, None).await.expect(400);
    }
    bob.get(&format!("/api/conversations/{conversation}/?format=ui"))
        .await
        .expect(404);
    // What is said under the same names is said elsewhere.
    for (number, chat) in [CHAT, &conversation].into_iter().enumerate() {
        told(&send(&bob, chat, "m1", "Hello").await);
        assert_eq!(texts(&bob, chat).await, ["Hello", "You said: Hello"]);
        assert_eq!(conversations(&bob).await.len(), number + 1);
        let asked = app.model.last_asked().body.to_string();
        assert!(!asked.contains("a secret"), "{asked}");
    }
    assert_eq!(texts(&ann, CHAT).await, ["a secret", "You said: a secret"]);
    assert_eq!(conversations(&ann).await.len(), 1);
}

async fn an_agent_must_be_ones_own(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let anns = ann.agent(json!({ "name": "Mine" })).await;
    for agent in [&*anns, NOBODYS] {
        let body = json!({ "id": CHAT, "message": said("m1", "Hello"), "agent": agent });
        let sentence = format!("Invalid pk \"{agent}\" - object does not exist.");
        bob.post("/api/chat/", body)
            .await
            .is(400, &json!({ "agent": [sentence] }));
    }
    assert!(conversations(&bob).await.is_empty());
    assert_eq!(app.model.server.calls(), 0);
}
