//! Pins, the archive and tags.

use serde_json::json;

use super::{CONVERSATIONS, at, begin, not_found, titles};
use crate::support::{TestApp, on_each_database};

on_each_database! {
    marks_are_kept_and_shown_everywhere,
    marking_moves_nothing,
    bad_marks_are_told,
    tags_are_trimmed_and_each_is_there_once,
    tags_are_counted,
    marks_are_the_owners,
}

async fn marks_are_kept_and_shown_everywhere(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({ "title": "A" })).await;
    let marks = json!({ "is_pinned": true, "is_archived": true, "tags": ["b", "a", "日本"] });
    ann.patch(&at(&conversation), marks.clone())
        .await
        .expect(200);
    let detail = ann.get(&at(&conversation)).await.expect(200);
    let list = ann.get(CONVERSATIONS).await.expect(200);
    for (name, value) in marks.as_object().unwrap() {
        assert_eq!(&detail[name], value);
        assert_eq!(&list["results"][0][name], value);
    }
    // What is not said stays.
    let changed = ann
        .patch(&at(&conversation), json!({ "is_pinned": false }))
        .await
        .expect(200);
    assert_eq!(changed["is_pinned"], false);
    assert_eq!(
        (&changed["is_archived"], &changed["tags"]),
        (&marks["is_archived"], &marks["tags"])
    );
    let put = json!({ "agent": detail["agent"], "tags": [] });
    let changed = ann.put(&at(&conversation), put).await.expect(200);
    assert_eq!(
        (&changed["tags"], &changed["is_archived"]),
        (&json!([]), &json!(true))
    );
    // A conversation can begin with them.
    let body = json!({ "agent": detail["agent"], "tags": ["x"], "is_pinned": "yes" });
    let begun = ann.post(CONVERSATIONS, body).await.expect(201);
    assert_eq!(
        (&begun["tags"], &begun["is_pinned"], &begun["is_archived"]),
        (&json!(["x"]), &json!(true), &json!(false))
    );
}

async fn marking_moves_nothing(app: TestApp) {
    let ann = app.register("ann").await;
    let first = begin(&ann, json!({ "title": "first" })).await;
    begin(&ann, json!({ "title": "second" })).await;
    let before = ann.get(&at(&first)).await.expect(200);
    for mark in [
        json!({ "is_pinned": true }),
        json!({ "is_archived": true }),
        json!({ "tags": ["x"] }),
    ] {
        let after = ann.patch(&at(&first), mark).await.expect(200);
        assert_eq!(after["updated_at"], before["updated_at"]);
    }
    // Also an archived one is in the list of all.
    assert_eq!(titles(&ann, "").await, ["second", "first"]);
    ann.patch(&at(&first), json!({ "tags": [], "title": "renamed" }))
        .await
        .expect(200);
    assert_eq!(titles(&ann, "").await, ["renamed", "second"]);
}

async fn bad_marks_are_told(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    let before = ann.get(&at(&conversation)).await.expect(200);
    let many: Vec<String> = (0..21).map(|number| number.to_string()).collect();
    for (tags, message) in [
        (json!(null), "This field may not be null."),
        (json!("x"), "Expected a list of items but got type \"str\"."),
        (json!({}), "Expected a list of items but got type \"dict\"."),
        (
            json!(many),
            "Ensure this field has no more than 20 elements.",
        ),
        (json!(["x", " "]), "Item 2: This field may not be blank."),
        (json!([null]), "Item 1: Not a valid string."),
        (
            json!(["a\u{0}"]),
            "Item 1: Null characters are not allowed.",
        ),
        (
            json!(["x".repeat(51)]),
            "Item 1: Ensure this field has no more than 50 characters.",
        ),
    ] {
        ann.patch(&at(&conversation), json!({ "tags": tags, "title": "New" }))
            .await
            .is(400, &json!({ "tags": [message] }));
    }
    let body = json!({ "is_pinned": "maybe", "is_archived": null });
    let errors = json!({ "is_pinned": ["Must be a valid boolean."], "is_archived": ["This field may not be null."] });
    ann.patch(&at(&conversation), body).await.is(400, &errors);
    ann.get(&at(&conversation)).await.is(200, &before);
}

async fn tags_are_trimmed_and_each_is_there_once(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    let longest = "ü".repeat(50);
    let sent = json!([
        " work ",
        "work",
        "Work",
        5,
        longest,
        "\"quoted\\\"",
        "a,b",
        "👩‍👧"
    ]);
    let kept = json!(["work", "Work", "5", longest, "\"quoted\\\"", "a,b", "👩‍👧"]);
    let changed = ann
        .patch(&at(&conversation), json!({ "tags": sent }))
        .await
        .expect(200);
    assert_eq!(changed["tags"], kept);
    ann.get(&at(&conversation)).await.is(200, &changed);
}

async fn tags_are_counted(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    ann.get("/api/tags/")
        .await
        .is(200, &json!({ "results": [] }));
    for tags in [json!(["a", "b"]), json!(["b"]), json!(["c", "b", "a"])] {
        begin(&ann, json!({ "tags": tags })).await;
    }
    begin(&bob, json!({ "tags": ["secret"] })).await;
    let expected = json!({ "results": [
        { "tag": "b", "count": 3 }, { "tag": "a", "count": 2 }, { "tag": "c", "count": 1 },
    ] });
    ann.get("/api/tags/").await.is(200, &expected);
}

async fn marks_are_the_owners(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let anns = begin(&ann, json!({})).await;
    let before = ann.get(&at(&anns)).await.expect(200);
    bob.patch(&at(&anns), json!({ "is_pinned": true, "tags": ["x"] }))
        .await
        .is(404, &not_found());
    ann.get(&at(&anns)).await.is(200, &before);
}
