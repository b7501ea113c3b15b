//! What users are told of conversations that are skipped.

use serde_json::{Value, json};

use super::{conversation_of, file_of, import, message_of, nth, skipped};
use crate::support::{TestApp, on_each_database};

on_each_database! {
    a_conversation_that_cannot_be_used_is_skipped_whole,
    fields_of_a_conversation_are_named,
    a_list_is_no_object,
}

async fn a_conversation_that_cannot_be_used_is_skipped_whole(app: TestApp) {
    let ann = app.register("ann").await;
    let good = || message_of(10, None, "user", "Good");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut bad = message_of(11, Some(10), "assistant", "Bad");
        change(&mut bad);
        [good(), bad]
    };
    let set = |field: &'static str, value: Value| {
        with(&move |message: &mut Value| message[field] = value.clone())
    };
    let no_id = "`messages[1].id`: invalid value: string \"x\", expected a UUID";
    let no_time = "`messages[1].created_at`: invalid value: string \"yesterday\", expected a time such as \
                   2026-01-02T03:04:05Z";
    let cases: Vec<(Vec<Value>, &str)> = vec![
        (
            set("role", json!("oracle")).into(),
            "11: `oracle` is no role",
        ),
        (
            set("status", json!("asleep")).into(),
            "11: `asleep` is no status",
        ),
        (set("error_code", json!("x")).into(), "11: `x` is no code"),
        (
            set("feedback_rating", json!("so-so")).into(),
            "11: `so-so` is no rating",
        ),
        (
            set("content", json!(null)).into(),
            "`messages[1].content`: invalid type: null, expected a string",
        ),
        (
            set("tokens_used", json!(3_000_000_000_u64)).into(),
            "`messages[1].tokens_used`: invalid value: integer `3000000000`, expected a whole number up to 2147483647",
        ),
        (
            set("is_active", json!("x".repeat(1000))).into(),
            "`messages[1].is_active`: invalid type: string",
        ),
        (
            set("usage_estimated", json!(1)).into(),
            "expected true or false",
        ),
        (set("created_at", json!("yesterday")).into(), no_time),
        (
            set("parent_id", json!(nth(99))).into(),
            "does not come before it",
        ),
        (set("id", json!(nth(10))).into(), "two messages have the id"),
        (
            vec![
                good(),
                message_of(11, Some(10), "assistant", "Shown"),
                message_of(12, Some(10), "assistant", "Shown beside it"),
            ],
            "its parent is not the message shown before it",
        ),
        (set("id", json!("x")).into(), no_id),
        (
            set("error", json!("x".repeat(70_000))).into(),
            "11: its `error` is longer than 65536 bytes",
        ),
        (
            vec![good(), json!([])],
            "`messages[1]`: invalid type: sequence, expected an object",
        ),
        (vec![good(), json!({})], "`messages[1]`: missing field `id`"),
    ];
    let conversations: Vec<_> = (20..)
        .zip(&cases)
        .map(|(number, (messages, _))| conversation_of(number, &format!("Case {number}"), messages))
        .chain([
            json!({ "title": "Nothing else" }),
            json!(7),
            json!([]),
            conversation_of(90, "The last one", &[good()]),
        ])
        .collect();
    let report = import(&ann, &file_of(&conversations)).await;
    let skipped = skipped(&report);
    for (place, (_, reason)) in cases.iter().enumerate() {
        let (index, title, told) = skipped[place];
        assert_eq!(
            (index, title),
            (place, &*format!("Case {}", 20 + place)),
            "{reason}"
        );
        assert!(told.contains(reason), "{told:?} does not say {reason:?}");
        assert!(!told.contains(" at line") && told.len() < 310, "{told}");
    }
    let rest = &skipped[cases.len()..];
    assert_eq!((rest.len(), rest[0].1), (3, "Nothing else"), "{report}");
    assert_eq!(rest[0].2, "missing field `id`");
    assert_eq!(rest[1].2, "invalid type: integer `7`, expected an object");
    assert_eq!(rest[2].2, "invalid type: sequence, expected an object");
    let counts = json!({ "imported": 1, "skipped": cases.len() + 3 });
    assert_eq!(
        (&report["conversations"], &report["messages"]),
        (&counts, &json!(1))
    );
    let list = ann.get("/api/conversations/").await.expect(200);
    assert_eq!(
        (&list["count"], &list["results"][0]["title"]),
        (&json!(1), &json!("The last one"))
    );
    assert_eq!(ann.get("/api/messages/").await.expect(200)["count"], 1);
}

async fn fields_of_a_conversation_are_named(app: TestApp) {
    let ann = app.register("ann").await;
    let cases = [
        (
            "id",
            json!("x"),
            "`id`: invalid value: string \"x\", expected a UUID",
        ),
        (
            "agent_id",
            json!(7),
            "`agent_id`: invalid type: integer `7`, expected a string",
        ),
        (
            "title",
            json!({}),
            "`title`: invalid type: map, expected a string",
        ),
        (
            "updated_at",
            json!(null),
            "`updated_at`: invalid type: null, expected a string",
        ),
        (
            "messages",
            json!(null),
            "`messages`: invalid type: null, expected a list of messages",
        ),
    ];
    let conversations = cases.iter().map(|(field, value, _)| {
        let mut conversation = conversation_of(2, "A", &[]);
        conversation[field] = value.clone();
        conversation
    });
    let report = import(&ann, &file_of(&conversations.collect::<Vec<_>>())).await;
    let told: Vec<_> = skipped(&report)
        .into_iter()
        .map(|(_, _, reason)| reason)
        .collect();
    assert_eq!(told, cases.map(|(_, _, reason)| reason));
}

async fn a_list_is_no_object(app: TestApp) {
    let ann = app.register("ann").await;
    // Those of a conversation's and a message's fields that stand first, in their order.
    let time = "2024-01-02T03:04:05Z";
    let conversation = json!([
        nth(2),
        nth(1),
        null,
        "A",
        false,
        false,
        false,
        "[]",
        time,
        time
    ]);
    let mut file = file_of(&[conversation]);
    file["agents"] = json!([["Ada"]]);
    let report = import(&ann, &file).await;
    let reason = "invalid type: sequence, expected an object";
    assert_eq!(skipped(&report), [(0, "?", reason)]);
    let note = report["notes"][0].as_str().unwrap();
    assert!(
        note.ends_with(&format!("was not taken: {reason}.")),
        "{note}"
    );
    // Neither in ChatGPT's files.
    for other in [
        json!([1, 2, 3]),
        json!([["A", null, null, null, {}, null, null, null]]),
    ] {
        for (_, _, reason) in skipped(&import(&ann, &other).await) {
            assert!(reason.ends_with(", expected an object"), "{reason}");
        }
    }
    super::assert_empty(&ann).await;
}
