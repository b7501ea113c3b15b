//! What users think of answers.

use serde_json::json;

use super::{NOBODYS, ann_said, ids, of};
use crate::support::{TestApp, on_each_database};

on_each_database! {
    an_answer_is_rated_and_the_rating_is_taken_back,
    bad_ratings_are_refused,
    only_ones_own_answers_are_rated,
}

async fn an_answer_is_rated_and_the_rating_is_taken_back(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two"]).await;
    let before = ann.messages(&conversation).await;
    let list = ann.get("/api/conversations/").await.expect(200);
    assert_eq!(before[1]["feedback"], json!(null));
    let path = of(&conversation, before[1]["id"].as_str().unwrap(), "feedback");
    for (body, feedback) in [
        (
            json!({ "rating": "up" }),
            json!({ "rating": "up", "comment": null }),
        ),
        (
            json!({ "rating": "down", "comment": "  Größer! 🦀 " }),
            json!({ "rating": "down", "comment": "Größer! 🦀" }),
        ),
        (
            json!({ "rating": null, "comment": "Hm." }),
            json!({ "rating": null, "comment": "Hm." }),
        ),
        // In place of all that was said before.
        (
            json!({ "rating": "up", "comment": "" }),
            json!({ "rating": "up", "comment": null }),
        ),
        (json!({ "rating": null }), json!(null)),
    ] {
        let mut expected = before[1].clone();
        expected["feedback"] = feedback;
        ann.put(&path, body).await.is(200, &expected);
        assert_eq!(ann.messages(&conversation).await[1], expected);
    }
    assert_eq!(ann.messages(&conversation).await, before);
    // It is no activity.
    ann.get("/api/conversations/").await.is(200, &list);
}

async fn bad_ratings_are_refused(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one"]).await;
    let before = ann.messages(&conversation).await;
    let path = of(
        &conversation,
        &ids(&ann, &conversation).await[1],
        "feedback",
    );
    for (body, expected) in [
        (json!({}), json!({ "rating": ["This field is required."] })),
        (
            json!({ "rating": "UP" }),
            json!({ "rating": ["\"UP\" is not a valid choice."] }),
        ),
        (
            json!({ "rating": "up", "comment": "x".repeat(2001) }),
            json!({ "comment": ["Ensure this field has no more than 2000 characters."] }),
        ),
        (
            json!({ "rating": [], "comment": "a\0b" }),
            json!({ "rating": ["Not a valid string."], "comment": ["Null characters are not allowed."] }),
        ),
    ] {
        ann.put(&path, body).await.is(400, &expected);
    }
    assert_eq!(ann.messages(&conversation).await, before);
}

async fn only_ones_own_answers_are_rated(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one"]).await;
    let bob = app.register("bob").await;
    let bobs = bob.conversation().await;
    let all = ids(&ann, &conversation).await;
    let before = ann.messages(&conversation).await;
    let body = json!({ "rating": "up" });
    let question = ann
        .put(&of(&conversation, &all[0], "feedback"), body.clone())
        .await;
    question.is(400, &json!({ "error": "Only answers can be rated." }));
    for (who, conversation, message) in [
        (&ann, &conversation, NOBODYS),
        (&bob, &conversation, &*all[1]),
        (&bob, &bobs, &all[1]),
    ] {
        let refused = who
            .put(&of(conversation, message, "feedback"), body.clone())
            .await;
        refused.is(404, &json!({ "detail": "Not found." }));
    }
    assert_eq!(ann.messages(&conversation).await, before);
}
