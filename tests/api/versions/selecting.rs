//! Choosing which version a conversation shows.

use serde_json::json;

use super::{ann_said, edit, ids, regenerate, select, shown, versions};
use crate::support::client::id;
use crate::support::model_server::openai_answer;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    a_version_is_shown_with_what_followed_it,
    of_several_ends_the_one_that_was_written_last_is_shown,
    a_message_deep_in_another_version_is_shown_with_all_before_it,
    what_is_shown_already_stays_as_it_is,
    a_conversation_goes_on_from_what_was_selected,
}

async fn a_version_is_shown_with_what_followed_it(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two"]).await;
    let first = ids(&ann, &conversation).await;
    app.model.replies([openai_answer("Again", None)]);
    regenerate(&ann, &conversation, &first[1]).await.expect(200);
    ann.say(&conversation, "zwei").await.expect(200);
    let second = ids(&ann, &conversation).await;
    let list = ann.get("/api/conversations/").await.expect(200);
    let selected = select(&ann, &conversation, &first[1]).await.expect(200);
    assert_eq!(selected, ann.messages(&conversation).await[1]);
    assert_eq!(ids(&ann, &conversation).await, first);
    assert_eq!(
        shown(&ann, &conversation).await,
        ["one", "You said: one", "two", "You said: two"]
    );
    let later = ann.get("/api/conversations/").await.expect(200);
    let time = |list: &serde_json::Value| {
        list["results"][0]["updated_at"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(time(&later) > time(&list));
    select(&ann, &conversation, &second[1]).await.expect(200);
    assert_eq!(ids(&ann, &conversation).await, second);
    assert_eq!(
        shown(&ann, &conversation).await,
        ["one", "Again", "zwei", "You said: zwei"]
    );
}

async fn of_several_ends_the_one_that_was_written_last_is_shown(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two"]).await;
    let first = ids(&ann, &conversation).await;
    // Below the first answer: two, changed to zwei, and back to two with something more behind it.
    let body = json!({ "content": "zwei", "regenerate": true });
    edit(&ann, &conversation, &first[2], body).await.expect(200);
    let former = id(&versions(&ann, &conversation, &first[2]).await[0]);
    select(&ann, &conversation, &former).await.expect(200);
    ann.say(&conversation, "three").await.expect(200);
    let longest = ids(&ann, &conversation).await;
    regenerate(&ann, &conversation, &first[1]).await.expect(200);
    select(&ann, &conversation, &first[1]).await.expect(200);
    assert_eq!(ids(&ann, &conversation).await, longest);
    // An edit without an answer is newer than all that was said before it.
    edit(&ann, &conversation, &former, json!({ "content": "deux" }))
        .await
        .expect(200);
    let edited = ids(&ann, &conversation).await;
    regenerate(&ann, &conversation, &first[1]).await.expect(200);
    select(&ann, &conversation, &first[1]).await.expect(200);
    assert_eq!(ids(&ann, &conversation).await, edited);
    assert_eq!(
        shown(&ann, &conversation).await,
        ["one", "You said: one", "deux"]
    );
}

async fn a_message_deep_in_another_version_is_shown_with_all_before_it(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two", "three"]).await;
    let first = ids(&ann, &conversation).await;
    edit(&ann, &conversation, &first[0], json!({ "content": "eins" }))
        .await
        .expect(200);
    select(&ann, &conversation, &first[4]).await.expect(200);
    let now = ids(&ann, &conversation).await;
    assert_eq!(now[1..], first[1..]);
    assert_ne!(now[0], first[0]);
    assert_eq!(
        shown(&ann, &conversation).await[..2],
        ["one", "You said: one"]
    );
}

async fn what_is_shown_already_stays_as_it_is(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two"]).await;
    let first = ids(&ann, &conversation).await;
    regenerate(&ann, &conversation, &first[3]).await.expect(200);
    select(&ann, &conversation, &first[3]).await.expect(200);
    let before = ann.get("/api/conversations/").await.expect(200);
    // The other answer is newer, but not asked for.
    for message in &first {
        select(&ann, &conversation, message).await.expect(200);
    }
    assert_eq!(ids(&ann, &conversation).await, first);
    ann.get("/api/conversations/").await.is(200, &before);
}

async fn a_conversation_goes_on_from_what_was_selected(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one"]).await;
    let first = ids(&ann, &conversation).await;
    app.model.replies([openai_answer("Again", None)]);
    regenerate(&ann, &conversation, &first[1]).await.expect(200);
    select(&ann, &conversation, &first[1]).await.expect(200);
    let turn = ann.say(&conversation, "two").await.expect(200);
    assert_eq!(turn["user_message"]["parent_id"], first[1]);
    assert_eq!(super::told(&app), ["one", "You said: one", "two"]);
    assert_eq!(
        shown(&ann, &conversation).await,
        ["one", "You said: one", "two", "You said: two"]
    );
}
