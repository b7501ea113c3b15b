//! Giving a question another text.

use serde_json::{Value, json};

use super::{NOBODYS, ann_said, at, contents, edit, ids, select, shown, told, versions};
use crate::support::client::send;
use crate::support::events::{Events, check_whole, names, text};
use crate::support::model_server::openai_answer;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    an_edit_ends_the_conversation_and_keeps_what_was_there,
    an_edit_can_be_answered_at_once,
    an_edit_can_be_answered_as_a_stream,
    versions_of_an_edited_question_stand_in_the_order_in_which_they_were_written,
    what_says_the_same_changes_nothing,
    an_edit_that_is_repeated_with_its_key_is_one,
    only_what_the_user_said_can_be_edited,
    a_question_that_is_not_shown_cannot_be_edited,
    bad_edits_are_refused,
}

async fn an_edit_ends_the_conversation_and_keeps_what_was_there(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two", "three"]).await;
    let before = ann.messages(&conversation).await;
    let question = ids(&ann, &conversation).await[2].clone();
    let edited = edit(&ann, &conversation, &question, json!({ "content": "zwei" }));
    let edited = edited.await.expect(200);
    assert_eq!(
        shown(&ann, &conversation).await,
        ["one", "You said: one", "zwei"]
    );
    let after = ann.messages(&conversation).await;
    assert_eq!(after[2], edited);
    assert_eq!(after[..2], before[..2]);
    // It is the same message but for its text.
    let mut expected = before[2].clone();
    expected["content"] = json!("zwei");
    expected["edited_at"] = edited["edited_at"].clone();
    assert_eq!(edited, expected);
    assert!(edited["edited_at"].as_str() > edited["created_at"].as_str());
    assert_eq!(app.model.server.calls(), 3);
    // What comes next is said behind it, and the model is told only what is shown.
    ann.say(&conversation, "four").await.expect(200);
    assert_eq!(told(&app), ["one", "You said: one", "zwei", "four"]);
    let all = versions(&ann, &conversation, &question).await;
    assert_eq!(contents(&all), ["two", "zwei"]);
    assert_eq!([&all[0]["is_active"], &all[1]["is_active"]], [false, true]);
    assert_eq!(all[0]["created_at"], before[2]["created_at"]);
    // What was cut off is still there to read.
    ann.get(&format!(
        "/api/messages/{}/",
        before[5]["id"].as_str().unwrap()
    ))
    .await
    .expect(200);
    assert_eq!(ann.get("/api/messages/").await.expect(200)["count"], 5);
    let former = all[0]["id"].as_str().unwrap();
    select(&ann, &conversation, former).await.expect(200);
    assert_eq!(
        shown(&ann, &conversation).await,
        [
            "one",
            "You said: one",
            "two",
            "You said: two",
            "three",
            "You said: three"
        ]
    );
}

async fn an_edit_can_be_answered_at_once(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two"]).await;
    let before = ann.messages(&conversation).await;
    let question = ids(&ann, &conversation).await[0].clone();
    let body = json!({ "content": "eins", "regenerate": true });
    let turn = edit(&ann, &conversation, &question, body).await.expect(200);
    assert_eq!(told(&app), ["eins"]);
    assert_eq!(shown(&ann, &conversation).await, ["eins", "You said: eins"]);
    let after = ann.messages(&conversation).await;
    assert_eq!(
        turn,
        json!({ "user_message": after[0], "assistant_message": after[1] })
    );
    assert_eq!(after[0]["id"], before[0]["id"]);
    assert_ne!(after[1]["id"], before[1]["id"]);
    // The first answer belongs to the first wording.
    let all = versions(&ann, &conversation, &question).await;
    assert_eq!(contents(&all), ["one", "eins"]);
    assert_eq!(
        versions(&ann, &conversation, after[1]["id"].as_str().unwrap()).await,
        after[1..]
    );
    let answer: Vec<Value> = versions(&ann, &conversation, before[1]["id"].as_str().unwrap()).await;
    assert_eq!(answer[0]["parent_id"], all[0]["id"]);
}

async fn an_edit_can_be_answered_as_a_stream(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one"]).await;
    let question = ids(&ann, &conversation).await[0].clone();
    let path = at(&conversation, &question);
    for (body, accept) in [
        (
            json!({ "content": "eins", "regenerate": true, "stream": true }),
            "*/*",
        ),
        (
            json!({ "content": "zwei", "regenerate": true }),
            "text/event-stream",
        ),
    ] {
        app.model
            .replies([openai_answer("A new answer", Some((3, 4)))]);
        let request = ann
            .request("PATCH", &path)
            .header("accept", accept)
            .header("content-type", "application/json")
            .body(body.to_string());
        let events = Events::open(request).await.rest().await;
        check_whole(&events);
        assert_eq!(names(&events), ["start", "delta", "usage", "finish"]);
        assert_eq!(text(&events), "A new answer");
        let messages = ann.messages(&conversation).await;
        assert_eq!(events[0].data["user_message"], messages[0]);
        assert_eq!(messages[0]["content"], body["content"]);
    }
}

async fn versions_of_an_edited_question_stand_in_the_order_in_which_they_were_written(
    app: TestApp,
) {
    let (ann, conversation) = ann_said(&app, &["a"]).await;
    let question = ids(&ann, &conversation).await[0].clone();
    for content in ["b", "c", "d"] {
        let body = json!({ "content": content, "regenerate": true });
        edit(&ann, &conversation, &question, body).await.expect(200);
    }
    let all = versions(&ann, &conversation, &question).await;
    assert_eq!(contents(&all), ["a", "b", "c", "d"]);
    assert_eq!(all[3]["id"], question);
    // A former one can be shown and be edited in its turn.
    let second = all[1]["id"].as_str().unwrap();
    select(&ann, &conversation, second).await.expect(200);
    assert_eq!(shown(&ann, &conversation).await, ["b", "You said: b"]);
    edit(&ann, &conversation, second, json!({ "content": "e" }))
        .await
        .expect(200);
    let all = versions(&ann, &conversation, &question).await;
    assert_eq!(contents(&all), ["a", "b", "c", "d", "e"]);
    assert_eq!(shown(&ann, &conversation).await, ["e"]);
}

async fn what_says_the_same_changes_nothing(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two"]).await;
    let before = ann.messages(&conversation).await;
    let question = ids(&ann, &conversation).await[0].clone();
    let same = edit(&ann, &conversation, &question, json!({ "content": "one" })).await;
    same.is(200, &before[0]);
    assert_eq!(ann.messages(&conversation).await, before);
    // Unless another answer is wanted.
    let body = json!({ "content": "one", "regenerate": true });
    edit(&ann, &conversation, &question, body).await.expect(200);
    assert_eq!(shown(&ann, &conversation).await, ["one", "You said: one"]);
    assert_eq!(versions(&ann, &conversation, &question).await, before[..1]);
    let answer = ids(&ann, &conversation).await[1].clone();
    assert_eq!(versions(&ann, &conversation, &answer).await.len(), 2);
}

async fn an_edit_that_is_repeated_with_its_key_is_one(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one"]).await;
    let question = ids(&ann, &conversation).await[0].clone();
    let path = at(&conversation, &question);
    let ask = async |content: &str| {
        let body = json!({ "content": content, "regenerate": true }).to_string();
        let request = ann.request("PATCH", &path).header("idempotency-key", "k");
        send(
            request
                .header("content-type", "application/json")
                .body(body),
        )
        .await
    };
    let first = ask("eins").await.expect(200);
    ask("eins").await.is(200, &first);
    ask("zwei").await.expect(422);
    assert_eq!(app.model.server.calls(), 2);
    assert_eq!(versions(&ann, &conversation, &question).await.len(), 2);
}

async fn only_what_the_user_said_can_be_edited(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one"]).await;
    let (bob, other) = (app.register("bob").await, ann.conversation().await);
    let all = ids(&ann, &conversation).await;
    let before = ann.messages(&conversation).await;
    let body = json!({ "content": "x" });
    let refused = edit(&ann, &conversation, &all[1], body.clone()).await;
    refused.is(
        400,
        &json!({ "error": "Only what a user said can be edited." }),
    );
    let not_found = json!({ "detail": "Not found." });
    edit(&ann, &other, &all[0], body.clone())
        .await
        .is(404, &not_found);
    edit(&ann, &conversation, NOBODYS, body.clone())
        .await
        .is(404, &not_found);
    let bobs = bob.conversation().await;
    edit(&bob, &bobs, &all[0], body.clone())
        .await
        .is(404, &not_found);
    edit(&bob, &conversation, &all[0], body)
        .await
        .is(404, &not_found);
    assert_eq!(ann.messages(&conversation).await, before);
}

async fn a_question_that_is_not_shown_cannot_be_edited(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two"]).await;
    let all = ids(&ann, &conversation).await;
    edit(&ann, &conversation, &all[0], json!({ "content": "eins" }))
        .await
        .expect(200);
    for body in [
        json!({ "content": "x" }),
        json!({ "content": "x", "regenerate": true }),
    ] {
        let refused = edit(&ann, &conversation, &all[2], body).await.expect(409);
        assert!(refused["error"].as_str().unwrap().contains("not shown"));
    }
    assert_eq!(shown(&ann, &conversation).await, ["eins"]);
    assert_eq!(app.model.server.calls(), 2);
}

async fn bad_edits_are_refused(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one"]).await;
    let before = ann.messages(&conversation).await;
    let question = ids(&ann, &conversation).await[0].clone();
    for (body, expected) in [
        (json!({}), json!({ "error": "Content is required" })),
        (
            json!({ "content": "  " }),
            json!({ "error": "Content is required" }),
        ),
        (
            json!({ "content": [] , "regenerate": true }),
            json!({ "error": "Content is required" }),
        ),
        (
            json!({ "content": "a\0b" }),
            json!({ "content": ["Null characters are not allowed."] }),
        ),
        (
            json!({ "content": "x", "regenerate": "perhaps", "stream": 7 }),
            json!({ "regenerate": ["Must be a valid boolean."], "stream": ["Must be a valid boolean."] }),
        ),
    ] {
        edit(&ann, &conversation, &question, body)
            .await
            .is(400, &expected);
    }
    assert_eq!(ann.messages(&conversation).await, before);
    assert_eq!(app.model.server.calls(), 1);
}
