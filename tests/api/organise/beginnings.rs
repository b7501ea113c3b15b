//! The conversation to go on with, and deleting many.

use serde_json::json;

use super::{CONVERSATIONS, NOBODYS, at, begin, not_found, titles};
use crate::support::client::id;
use crate::support::model_server::{End, openai_answer};
use crate::support::{TestApp, eventually, on_each_database};

on_each_database! {
    who_has_none_gets_a_conversation_with_the_default_agent,
    the_latest_conversation_is_found_again,
    requests_at_once_begin_one_conversation,
    many_are_deleted_at_once,
    others_are_passed_over,
    a_list_of_ids_is_checked,
    running_answers_of_deleted_conversations_are_stopped,
}

const GET_OR_CREATE: &str = "/api/conversations/get_or_create/";
const BULK_DELETE: &str = "/api/conversations/bulk_delete/";

async fn who_has_none_gets_a_conversation_with_the_default_agent(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    begin(&bob, json!({})).await;
    let made = ann.get(GET_OR_CREATE).await.expect(200);
    let agent = ann.get("/api/agents/default/").await.expect(200);
    assert_eq!(made["created"], true);
    assert_eq!(made["conversation"]["agent"], agent["id"]);
    assert_eq!(made["conversation"]["messages"], json!([]));
    ann.get(&at(&id(&made["conversation"])))
        .await
        .is(200, &made["conversation"]);
    for again in [
        ann.get(GET_OR_CREATE).await,
        ann.post(GET_OR_CREATE, json!({})).await,
    ] {
        again.is(
            200,
            &json!({ "conversation": made["conversation"], "created": false }),
        );
    }
}

async fn the_latest_conversation_is_found_again(app: TestApp) {
    let ann = app.register("ann").await;
    let first = begin(&ann, json!({})).await;
    let second = begin(&ann, json!({})).await;
    let found = async || id(&ann.get(GET_OR_CREATE).await.expect(200)["conversation"]);
    assert_eq!(found().await, second);
    ann.say(&first, "Hello").await.expect(200);
    assert_eq!(found().await, first);
    let detail = ann.get(&at(&first)).await.expect(200);
    ann.get(GET_OR_CREATE)
        .await
        .is(200, &json!({ "conversation": detail, "created": false }));
    // What is put away is not gone on with.
    for archived in [&first, &second] {
        ann.patch(&at(archived), json!({ "is_archived": true }))
            .await
            .expect(200);
    }
    let made = ann.get(GET_OR_CREATE).await.expect(200);
    assert_eq!(made["created"], true);
}

async fn requests_at_once_begin_one_conversation(app: TestApp) {
    let ann = app.register("ann").await;
    let asking: Vec<_> = (0..8)
        .map(|_| {
            let ann = ann.clone();
            tokio::spawn(async move { ann.get(GET_OR_CREATE).await.expect(200) })
        })
        .collect();
    let mut created = 0;
    for asked in asking {
        created += usize::from(asked.await.unwrap()["created"] == true);
    }
    assert_eq!(created, 1);
    assert_eq!(ann.get(CONVERSATIONS).await.expect(200)["count"], 1);
}

async fn many_are_deleted_at_once(app: TestApp) {
    let ann = app.register("ann").await;
    let mut ids = Vec::new();
    for title in ["a", "b", "c"] {
        ids.push(begin(&ann, json!({ "title": title })).await);
    }
    ann.say(&ids[0], "Hello").await.expect(200);
    // In any spelling, and named twice.
    let body = json!({ "ids": [ids[0], ids[1].to_uppercase().replace('-', ""), ids[0]] });
    ann.post(BULK_DELETE, body)
        .await
        .is(200, &json!({ "deleted": 2 }));
    assert_eq!(titles(&ann, "").await, ["c"]);
    assert_eq!(ann.get("/api/messages/").await.expect(200)["count"], 0);
}

async fn others_are_passed_over(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let anns = begin(&ann, json!({ "title": "anns" })).await;
    let bobs = begin(&bob, json!({ "title": "bobs" })).await;
    bob.post(BULK_DELETE, json!({ "ids": [anns, NOBODYS] }))
        .await
        .is(200, &json!({ "deleted": 0 }));
    bob.post(BULK_DELETE, json!({ "ids": [anns, bobs] }))
        .await
        .is(200, &json!({ "deleted": 1 }));
    assert_eq!(titles(&ann, "").await, ["anns"]);
    bob.get(&at(&bobs)).await.is(404, &not_found());
}

async fn a_list_of_ids_is_checked(app: TestApp) {
    let ann = app.register("ann").await;
    let kept = begin(&ann, json!({ "title": "kept" })).await;
    for (body, message) in [
        (json!({}), "This field is required."),
        (json!({ "ids": null }), "This field may not be null."),
        (
            json!({ "ids": kept }),
            "Expected a list of items but got type \"str\".",
        ),
        (
            json!({ "ids": [] }),
            "Ensure this field has at least 1 elements.",
        ),
        (
            json!({ "ids": [kept, "x"] }),
            "Item 2: Must be a valid UUID.",
        ),
        (
            json!({ "ids": vec![&kept; 501] }),
            "Ensure this field has no more than 500 elements.",
        ),
    ] {
        ann.post(BULK_DELETE, body)
            .await
            .is(400, &json!({ "ids": [message] }));
    }
    assert_eq!(titles(&ann, "").await, ["kept"]);
    ann.post(BULK_DELETE, json!({ "ids": vec![&kept; 500] }))
        .await
        .is(200, &json!({ "deleted": 1 }));
}

async fn running_answers_of_deleted_conversations_are_stopped(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    app.model
        .replies([openai_answer("one two", None).pieces(2).end(End::Silence)]);
    let asking = {
        let (ann, conversation) = (ann.clone(), conversation.clone());
        tokio::spawn(async move { ann.say(&conversation, "Hello").await })
    };
    eventually("the model to be asked", async || {
        (app.model.server.calls() == 1).then_some(())
    })
    .await;
    ann.post(BULK_DELETE, json!({ "ids": [conversation] }))
        .await
        .is(200, &json!({ "deleted": 1 }));
    asking.await.unwrap().is(404, &not_found());
    app.model.server.client_left().await;
}
