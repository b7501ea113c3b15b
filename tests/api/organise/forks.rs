//! Forks.

use meggy::db::Executor;
use serde_json::{Value, json};

use super::{NOBODYS, at, begin, not_found, texts};
use crate::support::client::id;
use crate::support::model_server::{End, openai_answer, openai_error};
use crate::support::{Client, TestApp, eventually, on_each_database};

on_each_database! {
    a_fork_has_copies_of_all_messages,
    a_fork_ends_with_the_message_that_is_named,
    both_go_on_by_themselves,
    what_is_not_shown_is_not_copied,
    a_running_answer_is_left_out,
    a_fork_of_nothing_is_empty,
    titles_of_forks_are_told_apart,
    what_cannot_be_forked_is_told,
    copies_know_what_was_before_them,
}

async fn fork(client: &Client, conversation: &str, body: Value) -> Value {
    client
        .post(&format!("{}fork/", at(conversation)), body)
        .await
        .expect(201)
}

/// A message without what tells a copy from the original.
fn alike(message: &Value) -> Value {
    let mut message = message.clone();
    message["id"] = Value::Null;
    message["conversation"] = Value::Null;
    // Copies follow copies.
    message["parent_id"] = message["parent_id"].is_null().into();
    message
}

async fn a_fork_has_copies_of_all_messages(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(
        &ann,
        json!({ "title": "Trip", "tags": ["x"], "is_pinned": true }),
    )
    .await;
    ann.say(&conversation, "one").await.expect(200);
    app.model
        .replies([openai_error(400, "I am not in the mood", "moody")]);
    ann.say(&conversation, "two").await.expect(502);
    ann.say(&conversation, "three").await.expect(200);
    let original = ann.get(&at(&conversation)).await.expect(200);
    let made = fork(&ann, &conversation, json!({})).await;
    ann.get(&at(&id(&made))).await.is(200, &made);
    assert_eq!(
        (
            &made["agent"],
            &made["title"],
            &made["tags"],
            &made["is_pinned"]
        ),
        (
            &original["agent"],
            &json!("Trip (fork)"),
            &json!(["x"]),
            &json!(false)
        )
    );
    assert_eq!(made["message_count"], 6);
    let (old, new) = (
        original["messages"].as_array().unwrap(),
        made["messages"].as_array().unwrap(),
    );
    assert_eq!(new.len(), 6);
    for (old, new) in old.iter().zip(new) {
        assert_eq!(alike(old), alike(new));
        assert_ne!(old["id"], new["id"]);
        assert_eq!(new["conversation"], made["id"]);
        ann.get(&format!("/api/messages/{}/", id(new)))
            .await
            .is(200, new);
    }
    ann.get(&at(&conversation)).await.is(200, &original);
    let list = ann.get("/api/conversations/").await.expect(200);
    assert_eq!(list["results"][0]["id"], made["id"]);
    assert_eq!(
        list["results"][0]["last_message"],
        list["results"][1]["last_message"]
    );
    assert_eq!(list["results"][0]["message_count"], 6);
}

async fn a_fork_ends_with_the_message_that_is_named(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    for content in ["one", "two"] {
        ann.say(&conversation, content).await.expect(200);
    }
    let all = texts(&ann, &conversation).await;
    for (number, message) in (1..).zip(ann.messages(&conversation).await) {
        let made = fork(&ann, &conversation, json!({ "message_id": message["id"] })).await;
        assert_eq!(texts(&ann, &id(&made)).await, all[..number]);
        let list = ann.get("/api/conversations/").await.expect(200);
        assert_eq!(
            list["results"][0]["last_message"]["content"],
            all[number - 1]
        );
        assert_eq!(list["results"][0]["last_message"]["role"], message["role"]);
    }
    let made = fork(&ann, &conversation, json!({ "message_id": null })).await;
    assert_eq!(made["message_count"], 4);
}

async fn both_go_on_by_themselves(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    ann.say(&conversation, "one").await.expect(200);
    let made = id(&fork(&ann, &conversation, json!({})).await);
    ann.say(&made, "here").await.expect(200);
    let asked = app.model.last_asked();
    let told: Vec<&Value> = asked.body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| &message["content"])
        .collect();
    assert_eq!(told[1..], ["one", "You said: one", "here"]);
    ann.say(&conversation, "there").await.expect(200);
    assert_eq!(
        texts(&ann, &made).await,
        ["one", "You said: one", "here", "You said: here"]
    );
    assert_eq!(
        texts(&ann, &conversation).await,
        ["one", "You said: one", "there", "You said: there"]
    );
    // A fork can be forked, and outlives what it was made of.
    let second = id(&fork(&ann, &made, json!({})).await);
    ann.delete(&at(&conversation)).await.expect(204);
    ann.delete(&at(&made)).await.expect(204);
    assert_eq!(texts(&ann, &second).await.len(), 4);
}

async fn what_is_not_shown_is_not_copied(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    for content in ["one", "two"] {
        ann.say(&conversation, content).await.expect(200);
    }
    app.db
        .query("UPDATE messages SET is_active = FALSE WHERE content LIKE '%two'")
        .execute()
        .await
        .unwrap();
    let hidden: Vec<Value> = ann.messages(&conversation).await;
    let made = fork(&ann, &conversation, json!({})).await;
    let copied: i64 = count(&app, &id(&made)).await;
    assert_eq!(copied, 2);
    // Nor can a fork end there.
    for message in hidden
        .iter()
        .filter(|message| message["content"].as_str().unwrap().ends_with("two"))
    {
        let errors = json!({ "message_id": ["There is no such message in what is shown of this conversation."] });
        ann.post(
            &format!("{}fork/", at(&conversation)),
            json!({ "message_id": message["id"] }),
        )
        .await
        .is(400, &errors);
    }
}

/// How many rows of messages a conversation has, shown or not.
async fn count(app: &TestApp, conversation: &str) -> i64 {
    struct Count(i64);
    impl meggy::db::FromRow for Count {
        fn from_row(row: &meggy::db::Row<'_>) -> sqlx::Result<Self> {
            row.get("count").map(Self)
        }
    }
    let conversation: uuid::Uuid = conversation.parse().unwrap();
    let Count(count) = app
        .db
        .query("SELECT COUNT(*) AS count FROM messages WHERE conversation_id = $1")
        .bind(conversation)
        .fetch_one()
        .await
        .unwrap();
    count
}

async fn a_running_answer_is_left_out(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    ann.say(&conversation, "one").await.expect(200);
    app.model
        .replies([openai_answer("And so on", None).pieces(2).end(End::Silence)]);
    let asking = {
        let (ann, conversation) = (ann.clone(), conversation.clone());
        tokio::spawn(async move { ann.say(&conversation, "two").await })
    };
    let running = eventually("an answer is running", async || {
        let last = ann.messages(&conversation).await.pop()?;
        (last["status"] == "pending").then_some(last)
    })
    .await;
    for body in [json!({}), json!({ "message_id": running["id"] })] {
        let made = fork(&ann, &conversation, body).await;
        let copied = texts(&ann, &id(&made)).await;
        assert_eq!(copied, ["one", "You said: one", "two"]);
        // Nothing runs in the fork.
        app.model.forget_replies();
        ann.say(&id(&made), "three").await.expect(200);
    }
    ann.post(&format!("{}stop/", at(&conversation)), json!({}))
        .await
        .expect(200);
    asking.await.unwrap().expect(200);
}

async fn a_fork_of_nothing_is_empty(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    let made = fork(&ann, &conversation, json!({})).await;
    assert_eq!(
        (&made["messages"], &made["message_count"]),
        (&json!([]), &json!(0))
    );
    let list = ann.get("/api/conversations/").await.expect(200);
    assert_eq!(list["results"][0]["last_message"], Value::Null);
}

async fn titles_of_forks_are_told_apart(app: TestApp) {
    let ann = app.register("ann").await;
    let longest = "ü".repeat(200);
    let cut = format!("{} (fork)", "ü".repeat(193));
    for (title, expected) in [
        ("A", "A (fork)"),
        ("A (fork)", "A (fork)"),
        (&longest, &cut),
    ] {
        let conversation = begin(&ann, json!({ "title": title })).await;
        for body in [json!({}), json!({ "title": null, "message_id": null })] {
            assert_eq!(fork(&ann, &conversation, body).await["title"], *expected);
        }
    }
    let conversation = begin(&ann, json!({})).await;
    let made = fork(&ann, &conversation, json!({ "title": "Mine" })).await;
    assert_eq!(made["title"], "Mine");
}

async fn what_cannot_be_forked_is_told(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let conversation = begin(&ann, json!({})).await;
    let other = begin(&ann, json!({})).await;
    let elsewhere = id(&ann.say(&other, "Hello").await.expect(200)["user_message"]);
    let bobs = begin(&bob, json!({})).await;
    let bobs_message = id(&bob.say(&bobs, "Hello").await.expect(200)["user_message"]);
    let path = format!("{}fork/", at(&conversation));
    let unknown = "There is no such message in what is shown of this conversation.";
    for (message, text) in [
        (json!("x"), "Must be a valid UUID."),
        (json!(NOBODYS), unknown),
        (json!(elsewhere), unknown),
        (json!(bobs_message), unknown),
    ] {
        ann.post(&path, json!({ "message_id": message }))
            .await
            .is(400, &json!({ "message_id": [text] }));
    }
    ann.post(&path, json!({ "title": " " }))
        .await
        .is(400, &json!({ "title": ["This field may not be blank."] }));
    bob.post(&path, json!({})).await.is(404, &not_found());
    assert_eq!(ann.get("/api/conversations/").await.expect(200)["count"], 2);
    assert_eq!(bob.get("/api/conversations/").await.expect(200)["count"], 1);
}

async fn copies_know_what_was_before_them(app: TestApp) {
    struct Link {
        id: uuid::Uuid,
        parent: Option<uuid::Uuid>,
    }
    impl meggy::db::FromRow for Link {
        fn from_row(row: &meggy::db::Row<'_>) -> sqlx::Result<Self> {
            Ok(Self {
                id: row.get("id")?,
                parent: row.get("parent_id")?,
            })
        }
    }
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    for content in ["one", "two", "three"] {
        ann.say(&conversation, content).await.expect(200);
    }
    let made: uuid::Uuid = id(&fork(&ann, &conversation, json!({})).await)
        .parse()
        .unwrap();
    let links: Vec<Link> = app
        .db
        .query(
            "SELECT id, parent_id FROM messages WHERE conversation_id = $1 ORDER BY created_at, id",
        )
        .bind(made)
        .fetch_all()
        .await
        .unwrap();
    assert_eq!(links.len(), 6);
    let mut before = None;
    for Link { id, parent } in links {
        assert_eq!(parent, before);
        assert_eq!(id.get_version_num(), 7);
        before = Some(id);
    }
}
