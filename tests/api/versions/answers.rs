//! Having a question answered again.

use serde_json::json;

use super::{NOBODYS, ann_said, contents, ids, of, regenerate, select, shown, told, versions};
use crate::support::client::{id, send};
use crate::support::events::{Events, check_whole, text};
use crate::support::model_server::{openai_answer, openai_error};
use crate::support::{TestApp, on_each_database};

on_each_database! {
    an_answer_is_given_again_and_the_first_one_is_kept,
    another_answer_is_told_as_a_stream,
    a_question_without_an_answer_can_be_answered,
    an_answer_that_is_asked_for_again_with_its_key_is_one,
    an_answer_further_up_takes_the_rest_out_of_sight,
    what_is_not_there_is_not_answered_again,
}

async fn an_answer_is_given_again_and_the_first_one_is_kept(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two"]).await;
    let before = ann.messages(&conversation).await;
    app.model.replies([
        openai_answer("Again", None),
        openai_answer("Once more", None),
    ]);
    let turn = regenerate(&ann, &conversation, &id(&before[3]))
        .await
        .expect(200);
    assert_eq!(told(&app), ["one", "You said: one", "two"]);
    assert_eq!(turn["user_message"], before[2]);
    assert_eq!(turn["assistant_message"]["parent_id"], before[2]["id"]);
    assert_eq!(
        shown(&ann, &conversation).await,
        ["one", "You said: one", "two", "Again"]
    );
    // Of an answer that is not shown any more, too.
    regenerate(&ann, &conversation, &id(&before[3]))
        .await
        .expect(200);
    assert_eq!(
        shown(&ann, &conversation).await,
        ["one", "You said: one", "two", "Once more"]
    );
    let all = versions(&ann, &conversation, &id(&before[3])).await;
    assert_eq!(contents(&all), ["You said: two", "Again", "Once more"]);
    let active: Vec<_> = all
        .iter()
        .map(|version| version["is_active"] == true)
        .collect();
    assert_eq!(active, [false, false, true]);
    let mut first = before[3].clone();
    first["is_active"] = json!(false);
    assert_eq!(all[0], first);
    assert_eq!(ann.get("/api/messages/").await.expect(200)["count"], 4);
}

async fn another_answer_is_told_as_a_stream(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one"]).await;
    let answer = ids(&ann, &conversation).await[1].clone();
    let request = ann
        .request("POST", &of(&conversation, &answer, "regenerate"))
        .header("accept", "text/event-stream");
    let events = Events::open(request).await.rest().await;
    check_whole(&events);
    assert_eq!(text(&events), "You said: one");
    let messages = ann.messages(&conversation).await;
    assert_eq!(events[0].data["user_message"], messages[0]);
    assert_ne!(messages[1]["id"], answer);
    // And whoever asks for it as a whole gets that.
    let path = of(&conversation, &answer, "regenerate");
    let whole = ann
        .request("POST", &path)
        .header("accept", "text/event-stream, application/json");
    let whole = whole.header("content-type", "application/json");
    let whole = send(whole.body(json!({ "stream": false }).to_string()))
        .await
        .expect(200);
    assert_eq!(whole["assistant_message"]["content"], "You said: one");
    ann.post(&path, json!({ "stream": "perhaps" }))
        .await
        .is(400, &json!({ "stream": ["Must be a valid boolean."] }));
}

async fn a_question_without_an_answer_can_be_answered(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &[]).await;
    app.model
        .replies([openai_error(400, "invalid_request_error", "No.")]);
    ann.say(&conversation, "one").await.expect(502);
    let question = ids(&ann, &conversation).await[0].clone();
    regenerate(&ann, &conversation, &question).await.expect(200);
    assert_eq!(shown(&ann, &conversation).await, ["one", "You said: one"]);
    assert_eq!(told(&app), ["one"]);
}

async fn an_answer_that_is_asked_for_again_with_its_key_is_one(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one"]).await;
    let answer = ids(&ann, &conversation).await[1].clone();
    let ask = async |key: &str, message: &str| {
        let path = of(&conversation, message, "regenerate");
        send(ann.request("POST", &path).header("idempotency-key", key)).await
    };
    let first = ask("k", &answer).await.expect(200);
    ask("k", &answer).await.is(200, &first);
    // Also when there is a later one.
    ask("other", &answer).await.expect(200);
    let mut hidden = first.clone();
    hidden["assistant_message"]["is_active"] = json!(false);
    ask("k", &answer).await.is(200, &hidden);
    ask("k", &id(&first["assistant_message"])).await.expect(422);
    assert_eq!(app.model.server.calls(), 3);
    assert_eq!(versions(&ann, &conversation, &answer).await.len(), 3);
    for key in ["", "a b", &"k".repeat(256)] {
        assert_eq!(ask(key, &answer).await.status, 400);
    }
}

async fn an_answer_further_up_takes_the_rest_out_of_sight(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two", "three"]).await;
    let before = ids(&ann, &conversation).await;
    app.model.replies([openai_answer("Again", None)]);
    regenerate(&ann, &conversation, &before[1])
        .await
        .expect(200);
    assert_eq!(told(&app), ["one"]);
    assert_eq!(shown(&ann, &conversation).await, ["one", "Again"]);
    ann.say(&conversation, "four").await.expect(200);
    assert_eq!(told(&app), ["one", "Again", "four"]);
    // An answer to what is not shown needs that to be shown first.
    regenerate(&ann, &conversation, &before[5])
        .await
        .expect(409);
    select(&ann, &conversation, &before[5]).await.expect(200);
    assert_eq!(ids(&ann, &conversation).await, before);
    regenerate(&ann, &conversation, &before[5])
        .await
        .expect(200);
    assert_eq!(shown(&ann, &conversation).await.len(), 6);
}

async fn what_is_not_there_is_not_answered_again(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one"]).await;
    let bob = app.register("bob").await;
    let bobs = bob.conversation().await;
    let answer = ids(&ann, &conversation).await[1].clone();
    for (who, conversation, message) in [
        (&ann, &conversation, NOBODYS),
        (&ann, &conversation, "nonsense"),
        (&bob, &conversation, &*answer),
        (&bob, &bobs, &answer),
    ] {
        for what in ["regenerate", "select"] {
            let refused = who.post(&of(conversation, message, what), json!({})).await;
            refused.is(404, &json!({ "detail": "Not found." }));
        }
        let refused = who.get(&of(conversation, message, "versions")).await;
        refused.is(404, &json!({ "detail": "Not found." }));
    }
    assert_eq!(app.model.server.calls(), 1);
}
