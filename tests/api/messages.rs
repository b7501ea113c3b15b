//! Messages, which are only read here.

use serde_json::{Value, json};

use crate::support::client::id;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    messages_are_listed_oldest_first_over_all_conversations,
    a_message_is_read_by_itself,
    a_message_shows_what_the_contract_names,
    messages_are_only_read,
}

const MESSAGES: &str = "/api/messages/";

async fn messages_are_listed_oldest_first_over_all_conversations(app: TestApp) {
    let ann = app.register("ann").await;
    let (one, two) = (ann.conversation().await, ann.conversation().await);
    let mut said = Vec::new();
    for (conversation, content) in [(&one, "a"), (&two, "b"), (&one, "c")] {
        let turn = ann.say(conversation, content).await.expect(200);
        said.extend([
            turn["user_message"].clone(),
            turn["assistant_message"].clone(),
        ]);
    }
    let list = json!({ "count": 6, "next": null, "previous": null, "results": said });
    ann.get(MESSAGES).await.is(200, &list);
    let times: Vec<_> = said
        .iter()
        .map(|message| message["created_at"].as_str().unwrap())
        .collect();
    assert!(
        times.is_sorted_by(|before, after| before < after),
        "{times:?}"
    );
    let bob = app.register("bob").await;
    bob.get(MESSAGES).await.is(
        200,
        &json!({ "count": 0, "next": null, "previous": null, "results": [] }),
    );
}

async fn a_message_is_read_by_itself(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let turn = ann.say(&conversation, "Hello").await.expect(200);
    for message in [&turn["user_message"], &turn["assistant_message"]] {
        ann.get(&format!("/api/messages/{}/", id(message)))
            .await
            .is(200, message);
    }
    for id in [
        "00000000-0000-4000-8000-000000000000",
        "nonsense",
        &conversation,
    ] {
        ann.get(&format!("/api/messages/{id}/"))
            .await
            .is(404, &json!({ "detail": "Not found." }));
    }
}

async fn a_message_shows_what_the_contract_names(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let turn = ann.say(&conversation, "Hello").await.expect(200);
    let (question, answer) = (&turn["user_message"], &turn["assistant_message"]);
    for (message, expected) in [
        (
            question,
            json!({ "role": "user", "content": "Hello", "tokens_used": null, "model": "" }),
        ),
        (
            answer,
            json!({ "role": "assistant", "content": "You said: Hello", "tokens_used": 18, "model": "gpt-4" }),
        ),
    ] {
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&message[field], value, "{field}");
        }
        assert_eq!(message["conversation"], conversation);
        let time = message["created_at"].as_str().unwrap();
        assert_eq!(
            (time.len(), &time[19..20], &time[26..]),
            (27, ".", "Z"),
            "{time}"
        );
    }
}

async fn messages_are_only_read(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let message = id(&ann.say(&conversation, "Hello").await.expect(200)["user_message"]);
    let before = ann.messages(&conversation).await;
    for path in [
        MESSAGES.to_owned(),
        format!("/api/messages/{message}/"),
        "/api/messages/nonsense/".to_owned(),
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let body: Value = json!({ "content": "forged" });
            let answer = ann.send(method, &path, Some(&body)).await;
            answer.is(
                405,
                &json!({ "detail": format!("Method \"{method}\" not allowed.") }),
            );
            assert_eq!(answer.list("allow"), ["GET", "HEAD", "OPTIONS"]);
        }
    }
    assert_eq!(ann.messages(&conversation).await, before);
}
