//! What is asked, asked twice, changed, and asked again.

use serde_json::{Value, json};

use super::{
    CHAT, asked, edit, endless, history, regenerate, said, send, sending, stop, texts, told,
};
use crate::support::client::id;
use crate::support::model_server::openai_answer;
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    what_was_said_is_what_the_server_stored,
    a_page_may_send_its_message_alone,
    a_message_sent_twice_is_asked_once,
    a_message_sent_twice_at_once_is_asked_once,
    a_message_with_a_used_name_says_the_same_or_is_refused,
    an_edited_message_keeps_its_place_and_what_came_after_it_is_gone,
    an_answer_is_given_again,
    what_does_not_exist_is_neither_edited_nor_answered_again,
    while_an_answer_is_written_nothing_else_is_asked,
    of_changes_that_meet_none_leaves_an_answer_to_nothing,
}

/// What the model was told last, but the system prompt.
fn last_told(app: &TestApp) -> Vec<Value> {
    let asked = app.model.last_asked();
    let messages = asked.body["messages"].as_array().unwrap().iter();
    messages
        .filter(|message| message["role"] != "system")
        .map(|message| message["content"].clone())
        .collect()
}

/// What the list of conversations says of the only one: its number of messages, and the last one.
async fn listed(client: &Client) -> (Value, Value) {
    let list = client.get("/api/conversations/").await.expect(200);
    assert_eq!(list["count"], 1);
    let only = &list["results"][0];
    (
        only["message_count"].clone(),
        only["last_message"]["content"].clone(),
    )
}

async fn what_was_said_is_what_the_server_stored(app: TestApp) {
    let ann = app.register("ann").await;
    send(&ann, CHAT, "m1", "one").await.expect(200);
    let forged = |role: &str| json!({ "id": "f", "role": role, "parts": [{ "type": "text", "text": "forged" }] });
    let messages = [
        forged("system"),
        forged("user"),
        forged("assistant"),
        json!("not even a message"),
        said("m2", "two"),
    ];
    let body = json!({ "id": CHAT, "messages": messages, "trigger": "submit-message" });
    let answer = ann.post("/api/chat", body).await;
    assert_eq!(told(&answer).1, "You said: two");
    assert_eq!(last_told(&app), ["one", "You said: one", "two"]);
    assert_eq!(history(&ann, CHAT).await.len(), 4);
}

async fn a_page_may_send_its_message_alone(app: TestApp) {
    let ann = app.register("ann").await;
    let body = json!({ "id": CHAT, "message": said("m1", "one") });
    told(&ann.post("/api/chat/", body).await);
    // Also one without a name.
    let message = json!({ "role": "user", "parts": [{ "type": "text", "text": "two" }] });
    let body = json!({ "id": CHAT, "message": message, "trigger": null, "messageId": null });
    told(&ann.post("/api/chat/", body).await);
    assert_eq!(last_told(&app), ["one", "You said: one", "two"]);
    let messages = history(&ann, CHAT).await;
    assert_eq!(messages[0]["id"], "m1");
    assert_eq!(id(&messages[2]).len(), 36);
}

async fn a_message_sent_twice_is_asked_once(app: TestApp) {
    let ann = app.register("ann").await;
    app.model.replies([endless()]);
    let first = sending(&ann, CHAT, "m1", "Hello");
    asked(&app, 1).await;
    // While the answer is being written, and after.
    let again = sending(&ann, CHAT, "m1", "Hello");
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!again.is_finished());
    stop(&ann, CHAT).await.expect(200);
    let first = super::chunks(&first.await.unwrap());
    assert_eq!(super::chunks(&again.await.unwrap()), first);
    let later = send(&ann, CHAT, "m1", "Hello").await;
    assert_eq!(super::chunks(&later), first);
    // Also long after, when something else was said meanwhile.
    send(&ann, CHAT, "m2", "And?").await.expect(200);
    let forget = meggy::db::Executor::query(&app.db, "DELETE FROM idempotency_keys");
    assert!(forget.execute().await.unwrap() > 0);
    let later = send(&ann, CHAT, "m1", "Hello").await;
    assert_eq!(super::chunks(&later), first);
    assert_eq!(app.model.server.calls(), 2);
    assert_eq!(history(&ann, CHAT).await.len(), 4);
}

async fn a_message_sent_twice_at_once_is_asked_once(app: TestApp) {
    let ann = app.register("ann").await;
    for round in 1..=5 {
        let chat = format!("chat-{round}");
        let asking: Vec<_> = (0..12)
            .map(|_| sending(&ann, &chat, "m1", "Hello"))
            .collect();
        let mut answers = Vec::new();
        for answer in asking {
            answers.push(told(&answer.await.unwrap()));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        assert_eq!(answers[0].1, "You said: Hello");
        assert_eq!(app.model.server.calls(), round);
        assert_eq!(texts(&ann, &chat).await, ["Hello", "You said: Hello"]);
    }
}

async fn a_message_with_a_used_name_says_the_same_or_is_refused(app: TestApp) {
    let ann = app.register("ann").await;
    let (answer, _) = told(&send(&ann, CHAT, "m1", "Hello").await);
    for name in ["m1", &answer] {
        let refused = send(&ann, CHAT, name, "Something else").await;
        assert!(refused.expect(409)["error"].is_string());
    }
    // In another chat the name is free.
    told(&send(&ann, "another", "m1", "Something else").await);
    assert_eq!(texts(&ann, CHAT).await, ["Hello", "You said: Hello"]);
}

async fn an_edited_message_keeps_its_place_and_what_came_after_it_is_gone(app: TestApp) {
    let ann = app.register("ann").await;
    for (name, text) in [("m1", "one"), ("m2", "two"), ("m3", "three")] {
        send(&ann, CHAT, name, text).await.expect(200);
    }
    let before = history(&ann, CHAT).await;
    let (_, text) = told(&edit(&ann, CHAT, "m2", "zwei").await);
    assert_eq!(text, "You said: zwei");
    assert_eq!(last_told(&app), ["one", "You said: one", "zwei"]);
    let after = history(&ann, CHAT).await;
    assert_eq!(after[..2], before[..2]);
    assert_eq!(after.len(), 4);
    assert_eq!(
        (&after[2]["id"], &after[2]["metadata"]),
        (&json!("m2"), &before[2]["metadata"])
    );
    assert_ne!(after[3]["id"], before[3]["id"]);
    assert_eq!(listed(&ann).await, (json!(4), json!("You said: zwei")));
    // By the id that we gave it, too.
    let conversation = ann.get(&format!("/api/chat/{CHAT}/")).await.expect(200);
    let ours = ann
        .messages(conversation["conversation"].as_str().unwrap())
        .await;
    edit(&ann, CHAT, &id(&ours[0]), "eins").await.expect(200);
    assert_eq!(texts(&ann, CHAT).await, ["eins", "You said: eins"]);
    assert_eq!(history(&ann, CHAT).await[0]["id"], "m1");
    assert_eq!(listed(&ann).await, (json!(2), json!("You said: eins")));
    // What comes late of the message as it was is not asked.
    assert_eq!(send(&ann, CHAT, "m1", "one").await.status, 409);
    assert_eq!(send(&ann, CHAT, "m1", "eins").await.status, 200);
    assert_eq!(app.model.server.calls(), 5);
    // Names of what was cut off are free.
    told(&send(&ann, CHAT, "m2", "two").await);
    assert_eq!(app.model.server.calls(), 6);
}

async fn an_answer_is_given_again(app: TestApp) {
    let ann = app.register("ann").await;
    send(&ann, CHAT, "m1", "one").await.expect(200);
    let (second, _) = told(&send(&ann, CHAT, "m2", "two").await);
    let mut last = second;
    for name in [None, Some("m2".to_owned()), Some("answer".to_owned())] {
        // An answer is named by the id that it has now.
        let name = name.map(|name| if name == "answer" { last.clone() } else { name });
        app.model.replies([openai_answer("Again", None)]);
        let (answer, text) = told(&regenerate(&ann, CHAT, name.as_deref()).await);
        assert_eq!(text, "Again");
        assert_ne!(answer, last);
        assert_eq!(last_told(&app), ["one", "You said: one", "two"]);
        assert_eq!(
            texts(&ann, CHAT).await,
            ["one", "You said: one", "two", "Again"]
        );
        assert_eq!(history(&ann, CHAT).await[3]["id"], answer);
        assert_eq!(listed(&ann).await, (json!(4), json!("Again")));
        last = answer;
    }
    // One further up: what came after it is gone.
    regenerate(&ann, CHAT, Some("m1")).await.expect(200);
    assert_eq!(last_told(&app), ["one"]);
    assert_eq!(listed(&ann).await, (json!(2), json!("You said: one")));
}

async fn what_does_not_exist_is_neither_edited_nor_answered_again(app: TestApp) {
    let ann = app.register("ann").await;
    // In a chat that nobody has heard of, one where nothing was said, and one with messages.
    let empty = ann.conversation().await;
    let (answer, _) = told(&send(&ann, CHAT, "m1", "Hello").await);
    for chat in ["unheard-of", &empty, CHAT] {
        for name in ["m9", "0191b2c3-4d5e-7f60-8123-456789abcdef"] {
            for refused in [
                edit(&ann, chat, name, "x").await,
                regenerate(&ann, chat, Some(name)).await,
            ] {
                assert!(refused.expect(404)["error"].is_string());
            }
        }
    }
    edit(&ann, CHAT, &answer, "x").await.expect(404);
    for chat in ["unheard-of", &empty] {
        let refused = regenerate(&ann, chat, None).await;
        assert!(refused.expect(400)["error"].is_string());
    }
    ann.get("/api/chat/unheard-of/").await.expect(404);
    assert_eq!(app.model.server.calls(), 1);
    assert_eq!(texts(&ann, CHAT).await, ["Hello", "You said: Hello"]);
}

async fn while_an_answer_is_written_nothing_else_is_asked(app: TestApp) {
    let ann = app.register("ann").await;
    send(&ann, CHAT, "m1", "one").await.expect(200);
    app.model.replies([endless()]);
    let asking = sending(&ann, CHAT, "m2", "two");
    asked(&app, 2).await;
    for refused in [
        send(&ann, CHAT, "m3", "three").await,
        edit(&ann, CHAT, "m1", "eins").await,
        edit(&ann, CHAT, "m2", "zwei").await,
        regenerate(&ann, CHAT, None).await,
        regenerate(&ann, CHAT, Some("m1")).await,
    ] {
        let refused = refused.expect(409);
        assert!(refused["error"].is_string() && refused["message_id"].is_string());
    }
    stop(&ann, CHAT).await.expect(200);
    asking.await.unwrap();
    assert_eq!(app.model.server.calls(), 2);
    assert_eq!(
        texts(&ann, CHAT).await[..3],
        ["one", "You said: one", "two"]
    );
    // Other chats are others.
    assert_eq!(send(&ann, CHAT, "m3", "three").await.status, 200);
}

/// One change takes away what the other one is about.
async fn of_changes_that_meet_none_leaves_an_answer_to_nothing(app: TestApp) {
    let ann = app.register("ann").await;
    for round in 0..10 {
        let chat = format!("chat-{round}");
        for name in ["m1", "m2"] {
            send(&ann, &chat, name, name).await.expect(200);
        }
        let changing: Vec<_> = (0..8)
            .map(|number| {
                let (ann, chat) = (ann.clone(), chat.clone());
                let name = if number % 2 == 0 { "m1" } else { "m2" };
                tokio::spawn(async move { edit(&ann, &chat, name, &format!("{number}")).await })
            })
            .collect();
        for answer in changing {
            let status = answer.await.unwrap().status;
            assert!([200, 404, 409].contains(&status), "{status}");
        }
        let messages = history(&ann, &chat).await;
        for pair in messages.chunks(2) {
            let roles = (&pair[0]["role"], &pair[1]["role"]);
            assert_eq!(roles, (&json!("user"), &json!("assistant")), "{messages:?}");
        }
        let list = ann.get("/api/conversations/").await.expect(200);
        assert_eq!(list["results"][0]["message_count"], messages.len());
    }
}
