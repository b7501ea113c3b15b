//! Files that are no good: refused with the place, and nothing of them is stored.

use serde_json::{Value, json};

use super::{IMPORT, assert_empty, conversation_of, file_of, message_of};
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    a_file_that_breaks_off_anywhere_is_refused,
    mistakes_are_told_with_their_place,
    other_files_are_told_apart,
    a_file_that_is_too_long_is_refused,
    what_nests_too_deep_is_refused,
}

fn good() -> String {
    let messages = [message_of(10, None, "user", "Grüße \"x\" \\ 日本")];
    let conversations = [
        conversation_of(2, "A", &messages),
        conversation_of(3, "B", &[]),
    ];
    file_of(&conversations).to_string()
}

async fn refusal(client: &Client, file: impl Into<Vec<u8>>) -> String {
    let body = client
        .post_as(IMPORT, "application/json", file)
        .await
        .expect(400);
    body["detail"].as_str().expect("a detail").to_owned()
}

async fn a_file_that_breaks_off_anywhere_is_refused(app: TestApp) {
    let ann = app.register("ann").await;
    let good = good();
    for length in (0..good.len()).step_by(41).chain([good.len() - 1]) {
        let told = refusal(&ann, &good.as_bytes()[..length]).await;
        assert!(told.starts_with("JSON parse error - "), "{told}");
        assert!(
            told.ends_with(&format!("(byte {length})")),
            "{length}: {told}"
        );
    }
    assert_empty(&ann).await;
    ann.post_as(IMPORT, "application/json", good)
        .await
        .expect(200);
}

async fn mistakes_are_told_with_their_place(app: TestApp) {
    let ann = app.register("ann").await;
    let good = good();
    // In the second conversation, when a careless reader would have stored the first.
    let place = good.rfind("\"title\":\"B\"").unwrap();
    let broken = |with: &[u8]| {
        [
            &good.as_bytes()[..place],
            with,
            &good.as_bytes()[place + 11..],
        ]
        .concat()
    };
    for (with, text) in [
        (
            &b"\n  title:1"[..],
            "key must be a string at line 2 column 3",
        ),
        (b"\"title\" 1", "expected `:` at line 1 column"),
        (b"\"title\":1 2", "expected `,` or `}`"),
        (b"\"title\":nul", "expected ident"),
        (b"\"title\":01", "invalid number"),
        (b"\"title\":'B'", "expected value"),
        (b"\"title\":\"\\x\"", "invalid escape"),
        (b"\"title\":\"\xff\"", "no UTF-8"),
        (b"\"title\":\"\xc3\"", "no UTF-8"),
        (b"\"title\":\"\x01\"", "control character"),
    ] {
        let told = refusal(&ann, broken(with)).await;
        assert!(told.contains(text), "{told} does not say {text}");
        let byte: usize = told
            .rsplit_once("(byte ")
            .unwrap()
            .1
            .trim_end_matches(')')
            .parse()
            .unwrap();
        assert!((place..=place + 15).contains(&byte), "{told}: {place}");
    }
    let told = refusal(&ann, format!("{good} x")).await;
    assert!(told.contains("trailing characters"), "{told}");
    assert_empty(&ann).await;
}

async fn other_files_are_told_apart(app: TestApp) {
    let ann = app.register("ann").await;
    let with = |field: &str, value: Value| {
        let mut file: Value = serde_json::from_str(&good()).unwrap();
        file[field] = value;
        file.to_string()
    };
    let without = |field: &str| {
        let mut file: Value = serde_json::from_str(&good()).unwrap();
        file.as_object_mut().unwrap().remove(field);
        file.to_string()
    };
    for (file, text) in [
        (String::new(), "EOF"),
        ("{}".to_owned(), "neither an export of Meggy"),
        ("null".to_owned(), "expected an export of Meggy"),
        ("\"text\"".to_owned(), "expected an export of Meggy"),
        ("12".to_owned(), "expected an export of Meggy"),
        (with("format", json!("other")), "neither an export of Meggy"),
        (with("format", json!(null)), "expected a string"),
        (
            with("version", json!(2)),
            "version 2 of the format is not known here, only 1",
        ),
        (
            with("version", json!("1")),
            "expected a whole number at line 1",
        ),
        (without("version"), "missing field `version`"),
        (without("conversations"), "missing field `conversations`"),
        (with("agents", json!({})), "expected a list"),
        (with("conversations", json!(null)), "expected a list"),
    ] {
        let told = refusal(&ann, file).await;
        assert!(told.contains(text), "{told} does not say {text}");
    }
    assert_empty(&ann).await;
}

async fn a_file_that_is_too_long_is_refused(app: TestApp) {
    let app = app
        .another(&[("IMPORT_MAX_BYTES", "5000"), ("MAX_BODY_BYTES", "1024")])
        .await;
    let ann = app.register("ann").await;
    let padded = |length: usize| good() + &" ".repeat(length - good().len());
    for media_type in ["application/json", "multipart/form-data; boundary=x"] {
        let refused = ann.post_as(IMPORT, media_type, padded(5001)).await;
        let body = json!({ "detail": "The body is longer than 5000 bytes." });
        if media_type == "application/json" {
            refused.is(413, &body);
        } else {
            assert!([400, 413].contains(&refused.status), "{}", refused.text);
        }
    }
    assert_empty(&ann).await;
    // The limit of other bodies does not count.
    let report = ann
        .post_as(IMPORT, "application/json", padded(5000))
        .await
        .expect(200);
    assert_eq!(report["conversations"]["imported"], 2);
}

async fn what_nests_too_deep_is_refused(app: TestApp) {
    let ann = app.register("ann").await;
    for bracket in ["[", "{\"a\":"] {
        let told = refusal(&ann, bracket.repeat(200_000)).await;
        assert!(told.contains("nested more than 127 deep"), "{told}");
    }
    assert_empty(&ann).await;
}
