//! Deleting messages.

use serde_json::json;

use super::{
    NOBODYS, ann_said, at, contents, edit, ids, regenerate, select, shown, told, versions,
};
use crate::support::client::id;
use crate::support::model_server::openai_answer;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    a_question_is_deleted_with_its_answers,
    an_answer_is_deleted_by_itself,
    another_version_does_not_take_the_place_of_a_deleted_one,
    all_that_was_said_can_be_deleted,
    what_is_not_there_is_not_deleted,
}

async fn a_question_is_deleted_with_its_answers(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two"]).await;
    let first = ids(&ann, &conversation).await;
    app.model.replies([openai_answer("Again", None)]);
    regenerate(&ann, &conversation, &first[3]).await.expect(200);
    ann.say(&conversation, "three").await.expect(200);
    let answer = ids(&ann, &conversation).await[3].clone();
    let deleted = ann.delete(&at(&conversation, &first[2])).await;
    assert_eq!((deleted.status, &*deleted.text), (204, ""));
    assert_eq!(
        shown(&ann, &conversation).await,
        ["one", "You said: one", "three", "You said: three"]
    );
    for message in [&first[2], &first[3], &answer] {
        ann.get(&format!("/api/messages/{message}/"))
            .await
            .expect(404);
        ann.delete(&at(&conversation, message)).await.expect(404);
    }
    ann.say(&conversation, "four").await.expect(200);
    assert_eq!(
        told(&app),
        ["one", "You said: one", "three", "You said: three", "four"]
    );
    // The first one, too.
    ann.delete(&at(&conversation, &first[0])).await.expect(204);
    assert_eq!(
        shown(&ann, &conversation).await,
        ["three", "You said: three", "four", "You said: four"]
    );
}

async fn an_answer_is_deleted_by_itself(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two"]).await;
    let first = ids(&ann, &conversation).await;
    ann.delete(&at(&conversation, &first[1])).await.expect(204);
    assert_eq!(
        shown(&ann, &conversation).await,
        ["one", "two", "You said: two"]
    );
    ann.delete(&at(&conversation, &first[3])).await.expect(204);
    assert_eq!(shown(&ann, &conversation).await, ["one", "two"]);
    // It can be answered anew.
    regenerate(&ann, &conversation, &first[2]).await.expect(200);
    assert_eq!(
        shown(&ann, &conversation).await,
        ["one", "two", "You said: two"]
    );
}

async fn another_version_does_not_take_the_place_of_a_deleted_one(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two"]).await;
    let first = ids(&ann, &conversation).await;
    app.model.replies([openai_answer("Again", None)]);
    regenerate(&ann, &conversation, &first[3]).await.expect(200);
    let second = ids(&ann, &conversation).await[3].clone();
    ann.delete(&at(&conversation, &second)).await.expect(204);
    assert_eq!(
        shown(&ann, &conversation).await,
        ["one", "You said: one", "two"]
    );
    select(&ann, &conversation, &first[3]).await.expect(200);
    assert_eq!(ids(&ann, &conversation).await, first);
    // Former wordings stay, with what followed them.
    edit(&ann, &conversation, &first[2], json!({ "content": "zwei" }))
        .await
        .expect(200);
    let former = id(&versions(&ann, &conversation, &first[2]).await[0]);
    ann.delete(&at(&conversation, &first[2])).await.expect(204);
    assert_eq!(shown(&ann, &conversation).await, ["one", "You said: one"]);
    select(&ann, &conversation, &former).await.expect(200);
    assert_eq!(
        shown(&ann, &conversation).await,
        ["one", "You said: one", "two", "You said: two"]
    );
    assert_eq!(
        contents(&versions(&ann, &conversation, &former).await),
        ["two"]
    );
}

async fn all_that_was_said_can_be_deleted(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two"]).await;
    let all = ids(&ann, &conversation).await;
    for question in [&all[2], &all[0]] {
        ann.delete(&at(&conversation, question)).await.expect(204);
    }
    assert!(shown(&ann, &conversation).await.is_empty());
    let list = ann.get("/api/conversations/").await.expect(200);
    assert_eq!(list["results"][0]["last_message"], json!(null));
    ann.say(&conversation, "three").await.expect(200);
    assert_eq!(
        shown(&ann, &conversation).await,
        ["three", "You said: three"]
    );
}

async fn what_is_not_there_is_not_deleted(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one"]).await;
    let (bob, other) = (app.register("bob").await, ann.conversation().await);
    let all = ids(&ann, &conversation).await;
    let bobs = bob.conversation().await;
    for (who, conversation, message) in [
        (&ann, &conversation, NOBODYS),
        (&ann, &other, &*all[0]),
        (&bob, &conversation, &all[0]),
        (&bob, &bobs, &all[0]),
    ] {
        let refused = who.delete(&at(conversation, message)).await;
        refused.is(404, &json!({ "detail": "Not found." }));
    }
    assert_eq!(ids(&ann, &conversation).await, all);
}
