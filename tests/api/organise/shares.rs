//! Links by which others read a conversation.

use meggy::db::Executor;
use serde_json::{Value, json};

use super::{NOBODYS, at, begin, not_found};
use crate::support::client::id;
use crate::support::model_server::{End, openai_answer, openai_error};
use crate::support::{Client, TestApp, eventually, on_each_database};

on_each_database! {
    a_link_shows_the_conversation_to_everybody,
    a_link_shows_what_was_there_when_it_was_made,
    nothing_else_is_told,
    only_finished_messages_are_shared,
    a_revoked_link_is_gone,
    a_link_expires,
    deleted_conversations_and_accounts_take_their_links_along,
    a_disabled_owner_shares_nothing,
    links_are_limited_in_number,
    bad_wishes_are_told,
    unknown_links_are_not_found,
    links_are_the_owners,
}

fn shares_of(conversation: &str) -> String {
    format!("{}share/", at(conversation))
}

fn shared(share: &Value) -> String {
    format!("/api/shared/{}/", id(share))
}

async fn share(client: &Client, conversation: &str, body: Value) -> Value {
    client
        .post(&shares_of(conversation), body)
        .await
        .expect(201)
}

async fn a_link_shows_the_conversation_to_everybody(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({ "title": "Sky" })).await;
    ann.say(&conversation, "Hello").await.expect(200);
    let made = share(
        &ann,
        &conversation,
        json!({ "name": "A. Friend", "expires_in": 3600 }),
    )
    .await;
    let expected = json!({
        "id": made["id"], "conversation": conversation, "title": "Sky", "name": "A. Friend",
        "created_at": made["created_at"], "expires_at": made["expires_at"],
    });
    assert_eq!(made, expected);
    assert!(id(&made).len() >= 32);
    let said = ann.messages(&conversation).await;
    let expected = json!({
        "title": "Sky", "name": "A. Friend", "created_at": made["created_at"], "expires_at": made["expires_at"],
        "messages": [
            { "role": "user", "content": "Hello", "model": "", "created_at": said[0]["created_at"] },
            { "role": "assistant", "content": "You said: Hello", "model": "gpt-4", "created_at": said[1]["created_at"] },
        ],
    });
    let bob = app.register("bob").await;
    for reader in [
        app.stranger(),
        ann.clone(),
        bob,
        app.stranger().with_token("bad"),
    ] {
        let answer = reader.get(&shared(&made)).await;
        answer.is(200, &expected);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-robots-tag"), Some("noindex, nofollow"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    }
    ann.get(&shares_of(&conversation))
        .await
        .is(200, &json!({ "results": [made] }));
}

async fn a_link_shows_what_was_there_when_it_was_made(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({ "title": "Before" })).await;
    ann.say(&conversation, "one").await.expect(200);
    let made = share(&ann, &conversation, json!({})).await;
    let before = app.stranger().get(&shared(&made)).await.expect(200);
    assert_eq!(
        (&before["name"], &before["expires_at"]),
        (&Value::Null, &Value::Null)
    );
    ann.say(&conversation, "a secret").await.expect(200);
    ann.patch(&at(&conversation), json!({ "title": "After" }))
        .await
        .expect(200);
    app.stranger().get(&shared(&made)).await.is(200, &before);
    // Another link shows the rest, and leaves the first one as it was.
    let second = share(&ann, &conversation, json!({})).await;
    let after = app.stranger().get(&shared(&second)).await.expect(200);
    assert_eq!(after["title"], "After");
    assert_eq!(after["messages"].as_array().unwrap().len(), 4);
    app.stranger().get(&shared(&made)).await.is(200, &before);
    ann.get(&shares_of(&conversation))
        .await
        .is(200, &json!({ "results": [second, made] }));
}

async fn nothing_else_is_told(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann
        .agent(json!({ "name": "Secret agent", "system_prompt": "Secret prompt", "description": "Secret" }))
        .await;
    let conversation = ann.conversation_with(&agent).await;
    ann.say(&conversation, "Hello").await.expect(200);
    let made = share(&ann, &conversation, json!({})).await;
    let answer = app.stranger().get(&shared(&made)).await;
    let mut private = vec![ann.id().to_owned(), conversation.clone(), agent, id(&made)];
    private.extend(ann.messages(&conversation).await.iter().map(id));
    private.extend(["ann", "Secret", "example.com"].map(str::to_owned));
    for private in private {
        assert!(
            !answer.text.contains(&private),
            "{private}: {}",
            answer.text
        );
    }
}

async fn only_finished_messages_are_shared(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    app.model.replies([
        openai_error(400, "No", "no"),
        openai_answer("one two", None).pieces(2).end(End::Silence),
    ]);
    ann.say(&conversation, "Hello").await.expect(502);
    let asking = {
        let (ann, conversation) = (ann.clone(), conversation.clone());
        tokio::spawn(async move { ann.say(&conversation, "Again").await })
    };
    eventually("an answer is running", async || {
        let last = ann.messages(&conversation).await.pop()?;
        (last["status"] == "pending").then_some(())
    })
    .await;
    let made = share(&ann, &conversation, json!({})).await;
    let read = app.stranger().get(&shared(&made)).await.expect(200);
    let contents: Vec<&Value> = read["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| &message["content"])
        .collect();
    assert_eq!(contents, ["Hello", "Again"]);
    ann.post(&format!("{}stop/", at(&conversation)), json!({}))
        .await
        .expect(200);
    asking.await.unwrap().expect(200);
}

async fn a_revoked_link_is_gone(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(share(&ann, &conversation, json!({})).await);
    }
    let first = format!("{}{}/", shares_of(&conversation), id(&made[0]));
    assert_eq!(ann.delete(&first).await.status, 204);
    ann.delete(&first).await.is(404, &not_found());
    let gone = app.stranger().get(&shared(&made[0])).await;
    gone.is(404, &not_found());
    assert_eq!(gone.header("cache-control"), Some("no-store"));
    app.stranger().get(&shared(&made[1])).await.expect(200);
    assert_eq!(ann.delete(&shares_of(&conversation)).await.status, 204);
    for made in &made {
        app.stranger()
            .get(&shared(made))
            .await
            .is(404, &not_found());
    }
    ann.get(&shares_of(&conversation))
        .await
        .is(200, &json!({ "results": [] }));
}

async fn a_link_expires(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    let made = share(&ann, &conversation, json!({ "expires_in": 60 })).await;
    let lasting = share(&ann, &conversation, json!({ "expires_in": null })).await;
    app.stranger().get(&shared(&made)).await.expect(200);
    app.db
        .query("UPDATE shares SET expires_at = created_at WHERE expires_at IS NOT NULL")
        .execute()
        .await
        .unwrap();
    app.stranger()
        .get(&shared(&made))
        .await
        .is(404, &not_found());
    app.stranger().get(&shared(&lasting)).await.expect(200);
    ann.get(&shares_of(&conversation))
        .await
        .is(200, &json!({ "results": [lasting] }));
}

async fn deleted_conversations_and_accounts_take_their_links_along(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let anns = begin(&ann, json!({})).await;
    let bobs = begin(&bob, json!({})).await;
    let (by_ann, by_bob) = (
        share(&ann, &anns, json!({})).await,
        share(&bob, &bobs, json!({})).await,
    );
    ann.delete(&at(&anns)).await.expect(204);
    app.stranger()
        .get(&shared(&by_ann))
        .await
        .is(404, &not_found());
    app.stranger().get(&shared(&by_bob)).await.expect(200);
    bob.delete(&format!("/api/users/{}/", bob.id()))
        .await
        .expect(204);
    app.stranger()
        .get(&shared(&by_bob))
        .await
        .is(404, &not_found());
}

async fn a_disabled_owner_shares_nothing(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    let made = share(&ann, &conversation, json!({})).await;
    for (is_active, status) in [
        ("UPDATE users SET is_active = FALSE", 404),
        ("UPDATE users SET is_active = TRUE", 200),
    ] {
        app.db.query(is_active).execute().await.unwrap();
        app.stranger().get(&shared(&made)).await.expect(status);
    }
}

async fn links_are_limited_in_number(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    for _ in 0..20 {
        share(&ann, &conversation, json!({ "expires_in": 60 })).await;
    }
    let refusal = json!({ "error": "This conversation has 20 share links. Revoke one of them." });
    ann.post(&shares_of(&conversation), json!({}))
        .await
        .is(400, &refusal);
    let other = begin(&ann, json!({})).await;
    share(&ann, &other, json!({})).await;
    // Those that have expired do not count.
    app.db
        .query("UPDATE shares SET expires_at = created_at")
        .execute()
        .await
        .unwrap();
    share(&ann, &conversation, json!({})).await;
}

async fn bad_wishes_are_told(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    for (body, field, message) in [
        (
            json!({ "name": " " }),
            "name",
            "This field may not be blank.",
        ),
        (
            json!({ "name": "a\u{0}" }),
            "name",
            "Null characters are not allowed.",
        ),
        (
            json!({ "name": "x".repeat(101) }),
            "name",
            "Ensure this field has no more than 100 characters.",
        ),
        (
            json!({ "expires_in": "soon" }),
            "expires_in",
            "A valid integer is required.",
        ),
        (
            json!({ "expires_in": 59 }),
            "expires_in",
            "Ensure this value is greater than or equal to 60.",
        ),
        (
            json!({ "expires_in": 315_360_001 }),
            "expires_in",
            "Ensure this value is less than or equal to 315360000.",
        ),
    ] {
        ann.post(&shares_of(&conversation), body)
            .await
            .is(400, &json!({ field: [message] }));
    }
    ann.get(&shares_of(&conversation))
        .await
        .is(200, &json!({ "results": [] }));
}

async fn unknown_links_are_not_found(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    for unknown in ["x", "%00", "%FF", NOBODYS, &"x".repeat(5000), "%25", "a'b"] {
        app.stranger()
            .get(&format!("/api/shared/{unknown}/"))
            .await
            .is(404, &not_found());
        for conversation in [&*conversation, NOBODYS, "x", "%FF"] {
            ann.delete(&format!("{}{unknown}/", shares_of(conversation)))
                .await
                .is(404, &not_found());
        }
    }
}

async fn links_are_the_owners(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let anns = begin(&ann, json!({})).await;
    let bobs = begin(&bob, json!({})).await;
    let made = share(&ann, &anns, json!({})).await;
    bob.get(&shares_of(&anns)).await.is(404, &not_found());
    bob.post(&shares_of(&anns), json!({}))
        .await
        .is(404, &not_found());
    bob.delete(&shares_of(&anns)).await.is(404, &not_found());
    for conversation in [&anns, &bobs] {
        bob.delete(&format!("{}{}/", shares_of(conversation), id(&made)))
            .await
            .is(404, &not_found());
    }
    app.stranger().get(&shared(&made)).await.expect(200);
}
