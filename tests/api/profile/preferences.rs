//! The time zone, and the document that clients keep.

use serde_json::{Value, json};

use crate::support::{TestApp, on_each_database};

on_each_database! {
    preferences_are_empty_at_first_and_ones_own,
    a_change_is_merged_and_a_replacement_is_not,
    a_time_zone_is_one_that_there_is,
    a_document_beyond_the_limits_is_refused,
    changes_at_once_all_count,
}

const PREFERENCES: &str = "/api/users/me/preferences/";

async fn preferences_are_empty_at_first_and_ones_own(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let empty = json!({ "time_zone": null, "preferences": {} });
    ann.get(PREFERENCES).await.is(200, &empty);
    let set = json!({ "time_zone": "Europe/Berlin", "preferences": { "theme": "dark", "größe": [1, 2.50, null] } });
    ann.put(PREFERENCES, set.clone()).await.is(200, &set);
    ann.get(PREFERENCES).await.is(200, &set);
    bob.get(PREFERENCES).await.is(200, &empty);
    app.stranger().get(PREFERENCES).await.expect(401);
}

async fn a_change_is_merged_and_a_replacement_is_not(app: TestApp) {
    let ann = app.register("ann").await;
    let change =
        async |body: Value| ann.patch(PREFERENCES, body).await.expect(200)["preferences"].clone();
    let first = json!({ "theme": "dark", "editor": { "font": "mono", "size": 12 } });
    assert_eq!(change(json!({ "preferences": first })).await, first);
    let patch =
        json!({ "theme": null, "editor": { "size": 14, "tabs": { "width": 4, "none": null } } });
    let merged = json!({ "editor": { "font": "mono", "size": 14, "tabs": { "width": 4 } } });
    assert_eq!(change(json!({ "preferences": patch })).await, merged);
    assert_eq!(change(json!({ "time_zone": "UTC" })).await, merged);
    assert_eq!(change(json!({})).await, merged);
    let body = json!({ "preferences": { "a": 1 } });
    let replaced = json!({ "time_zone": "UTC", "preferences": { "a": 1 } });
    ann.put(PREFERENCES, body).await.is(200, &replaced);
    let required = json!({ "preferences": ["This field is required."] });
    let body = json!({ "time_zone": null });
    ann.put(PREFERENCES, body.clone()).await.is(400, &required);
    let changed = ann.patch(PREFERENCES, body).await.expect(200);
    assert_eq!(changed["time_zone"], Value::Null);
}

async fn a_time_zone_is_one_that_there_is(app: TestApp) {
    let ann = app.register("ann").await;
    for zone in [
        "UTC",
        "America/Argentina/Buenos_Aires",
        "Asia/Kolkata",
        "Etc/GMT+5",
    ] {
        let changed = ann.patch(PREFERENCES, json!({ "time_zone": zone })).await;
        assert_eq!(changed.expect(200)["time_zone"], zone);
    }
    let message = "Enter the name of a time zone, for example Europe/Berlin.";
    for zone in [
        json!("Mars/Olympus"),
        json!("../../etc/passwd"),
        json!("+01:00"),
        json!(1.5),
        json!(["UTC"]),
    ] {
        let answer = ann.patch(PREFERENCES, json!({ "time_zone": zone })).await;
        answer.is(400, &json!({ "time_zone": [message] }));
    }
    for zone in [json!("UTC\0"), json!("x".repeat(70_000)), json!("")] {
        let answer = ann.patch(PREFERENCES, json!({ "time_zone": zone })).await;
        answer.expect(400);
    }
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!({}), |inner, level| {
        if level % 2 == 0 {
            json!({ "a": inner })
        } else {
            json!({ "a": [inner] })
        }
    })
}

async fn a_document_beyond_the_limits_is_refused(app: TestApp) {
    let ann = app.register("ann").await;
    // {"a":"…"} takes eight bytes beside its text.
    let longest = json!({ "preferences": { "a": "x".repeat(16 * 1024 - 8) } });
    ann.put(PREFERENCES, longest.clone()).await.expect(200);
    let deepest = json!({ "preferences": { "a": [[[[[[[]]]]]]] } });
    ann.put(PREFERENCES, deepest).await.expect(200);
    ann.put(PREFERENCES, longest.clone()).await.expect(200);
    let kept = ann.get(PREFERENCES).await.expect(200);

    let nul = "Null characters are not allowed.";
    let deep = "Ensure this is nested at most 8 deep.";
    for (document, message) in [
        (
            json!({ "a": "x".repeat(16 * 1024 - 7) }),
            "Ensure this takes at most 16384 bytes as JSON. It takes 16385.",
        ),
        (nested(20), deep),
        (json!({ "a": [[[[[[[[]]]]]]]] }), deep),
        (json!({ "a": { "b": ["null\0"] } }), nul),
        (json!({ "null\0": 1 }), nul),
        (
            json!([1]),
            "Expected a dictionary of items but got type \"list\".",
        ),
        (
            json!("{}"),
            "Expected a dictionary of items but got type \"str\".",
        ),
        (json!(null), "This field may not be null."),
    ] {
        let errors = json!({ "preferences": [message] });
        for method in ["PUT", "PATCH"] {
            let body = json!({ "preferences": document });
            // Added to what is there it may be longer still.
            let answer = ann.send(method, PREFERENCES, Some(&body)).await;
            assert_eq!(answer.status, 400, "{}", answer.text);
            if method == "PUT" {
                answer.is(400, &errors);
            }
        }
    }
    // What is within the limits by itself must be so together with what is there.
    let one_more = json!({ "preferences": { "b": 1 } });
    let answer = ann.patch(PREFERENCES, one_more).await;
    assert!(answer.expect(400)["preferences"][0].is_string());
    ann.get(PREFERENCES).await.is(200, &kept);
}

async fn changes_at_once_all_count(app: TestApp) {
    let ann = app.register("ann").await;
    let changes: Vec<_> = (0..12)
        .map(|number| {
            let (ann, name) = (ann.clone(), format!("key{number}"));
            tokio::spawn(async move {
                let body = json!({ "preferences": { name: number } });
                ann.patch(PREFERENCES, body).await.expect(200);
            })
        })
        .collect();
    for change in changes {
        change.await.unwrap();
    }
    let kept = ann.get(PREFERENCES).await.expect(200);
    assert_eq!(kept["preferences"].as_object().unwrap().len(), 12);
}
