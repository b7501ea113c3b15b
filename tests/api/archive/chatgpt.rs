//! ChatGPT's own exports. The samples are made up; their shape is that of `conversations.json`.

use serde_json::{Value, json};

use super::{IMPORT, export};
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    a_conversation_is_taken_with_its_branches,
    what_was_said_behind_the_scenes_is_left_out,
    pictures_are_noted_and_their_text_is_kept,
    missing_times_are_made_up_in_order,
    sent_again_it_is_skipped,
    what_is_no_conversation_is_skipped_with_a_reason,
    odd_trees_are_taken_as_far_as_they_go,
}

const CONVERSATION: &str = "6650f1a2-0000-4000-8000-000000000001";

/// A node of the tree. What it says of its children is not looked at, so it is left empty.
fn node(id: &str, parent: Option<&str>, message: Value) -> (String, Value) {
    let node = json!({ "id": id, "parent": parent, "children": [], "message": message });
    (id.to_owned(), node)
}

fn said(role: &str, time: f64, text: &str) -> Value {
    json!({
        "id": "unused", "author": { "role": role, "name": null, "metadata": {} }, "create_time": time,
        "update_time": null, "content": { "content_type": "text", "parts": [text] },
        "status": "finished_successfully", "end_turn": true, "weight": 1.0, "recipient": "all",
        "metadata": { "model_slug": if role == "assistant" { "gpt-4o" } else { "" } },
    })
}

fn conversation(nodes: impl IntoIterator<Item = (String, Value)>, current: &str) -> Value {
    json!({
        "title": "Made up", "create_time": 1_700_000_000.25, "update_time": 1_700_000_900.5,
        "mapping": serde_json::Map::from_iter(nodes), "moderation_results": [], "current_node": current,
        "conversation_id": CONVERSATION, "id": CONVERSATION,
    })
}

/// A question that was edited, and an answer that was given twice.
fn branched() -> Value {
    let nodes = [
        node("root", None, json!(null)),
        node("system", Some("root"), said("system", 1.0, "")),
        node(
            "q1",
            Some("system"),
            said("user", 1_700_000_001.0, "First wording"),
        ),
        node(
            "a1",
            Some("q1"),
            said("assistant", 1_700_000_002.0, "To the first"),
        ),
        node(
            "q2",
            Some("system"),
            said("user", 1_700_000_003.0, "Second wording"),
        ),
        node("a2", Some("q2"), said("assistant", 1_700_000_004.0, "Once")),
        node(
            "a3",
            Some("q2"),
            said("assistant", 1_700_000_005.5, "Again"),
        ),
        node("q3", Some("a2"), said("user", 1_700_000_006.0, "Thanks")),
    ];
    conversation(nodes, "q3")
}

async fn import(client: &Client, file: Value) -> Value {
    client
        .post_as(IMPORT, "application/json", file.to_string())
        .await
        .expect(200)
}

/// Of each message of the first conversation: its text, the text before it, and whether it is shown.
async fn messages(client: &Client) -> Vec<(String, String, bool)> {
    let file = export(client).await;
    let messages = file["conversations"][0]["messages"].as_array().unwrap();
    let text = |message: &Value| message["content"].as_str().unwrap().to_owned();
    let told = messages.iter().map(|message| {
        let parent = messages
            .iter()
            .find(|other| other["id"] == message["parent_id"]);
        let is_active = message["is_active"].as_bool().unwrap();
        (text(message), parent.map_or(String::new(), text), is_active)
    });
    told.collect()
}

fn triples(expected: &[(&str, &str, bool)]) -> Vec<(String, String, bool)> {
    let owned = expected
        .iter()
        .map(|(text, parent, is_active)| ((*text).to_owned(), (*parent).to_owned(), *is_active));
    owned.collect()
}

async fn a_conversation_is_taken_with_its_branches(app: TestApp) {
    let ann = app.register("ann").await;
    let report = import(&ann, json!([branched()])).await;
    let expected = json!({
        "format": "chatgpt", "conversations": { "imported": 1, "skipped": 0 }, "messages": 6, "agents": 0,
        "skipped": [], "notes": [],
    });
    assert_eq!(report, expected);
    let expected = triples(&[
        ("First wording", "", false),
        ("To the first", "First wording", false),
        ("Second wording", "", true),
        ("Once", "Second wording", true),
        ("Again", "Second wording", false),
        ("Thanks", "Once", true),
    ]);
    assert_eq!(messages(&ann).await, expected);
    let default = ann.get("/api/agents/default/").await.expect(200);
    let list = ann.get("/api/conversations/").await.expect(200);
    let expected = json!({
        "id": CONVERSATION, "agent": default["id"], "title": "Made up", "message_count": 3,
        "last_message": { "role": "user", "content": "Thanks", "created_at": "2023-11-14T22:13:26.000000Z" },
        "created_at": "2023-11-14T22:13:20.250000Z", "updated_at": "2023-11-14T22:28:20.500000Z",
        "is_pinned": false, "is_archived": false, "tags": [],
    });
    assert_eq!(list["results"], json!([expected]));
    let file = export(&ann).await;
    let answer = &file["conversations"][0]["messages"][3];
    assert_eq!(
        (&answer["model"], &answer["status"]),
        (&json!("gpt-4o"), &json!("complete"))
    );
    // And on it goes.
    ann.say(CONVERSATION, "More").await.expect(200);
}

async fn what_was_said_behind_the_scenes_is_left_out(app: TestApp) {
    let ann = app.register("ann").await;
    let changed = |mut message: Value, pointer: &str, value: Value| {
        *message.pointer_mut(pointer).unwrap() = value;
        message
    };
    let mut hidden = said("user", 2.0, "My profile");
    hidden["metadata"]["is_visually_hidden_from_conversation"] = json!(true);
    let call = changed(
        said("assistant", 4.0, "search(…)"),
        "/recipient",
        json!("browser"),
    );
    let code = changed(
        said("assistant", 6.0, ""),
        "/content",
        json!({ "content_type": "code", "language": "python", "text": "1+1" }),
    );
    let thoughts = changed(
        said("assistant", 7.0, ""),
        "/content",
        json!({ "content_type": "thoughts", "thoughts": [{ "summary": "s", "content": "c" }] }),
    );
    let nodes = [
        node("root", None, json!(null)),
        node("hidden", Some("root"), hidden),
        node("q", Some("hidden"), said("user", 3.0, "Look it up")),
        node("call", Some("q"), call),
        node("tool", Some("call"), said("tool", 5.0, "results")),
        node("code", Some("tool"), code),
        node("thoughts", Some("code"), thoughts),
        node("empty", Some("thoughts"), said("assistant", 8.0, "")),
        node("a", Some("empty"), said("assistant", 9.0, "Found")),
    ];
    import(&ann, json!([conversation(nodes, "a")])).await;
    let expected = triples(&[("Look it up", "", true), ("Found", "Look it up", true)]);
    assert_eq!(messages(&ann).await, expected);
}

async fn pictures_are_noted_and_their_text_is_kept(app: TestApp) {
    let ann = app.register("ann").await;
    let with = |parts: Value| {
        let mut message = said("user", 10.0, "");
        message["content"] = json!({ "content_type": "multimodal_text", "parts": parts });
        message
    };
    let picture = json!({ "content_type": "image_asset_pointer", "asset_pointer": "file-service://x", "width": 10 });
    let spoken = json!({ "content_type": "audio_transcription", "text": "What I said" });
    let nodes = [
        node(
            "q",
            None,
            with(json!([picture, "What is it?", spoken, null])),
        ),
        node("a", Some("q"), said("assistant", 11.0, "A cat.")),
        node("q2", Some("a"), with(json!([picture]))),
    ];
    let report = import(&ann, json!([conversation(nodes, "q2")])).await;
    let note = "The conversation at 0 had parts that are no text and were left out: 2 × image_asset_pointer.";
    assert_eq!(report["notes"], json!([note]));
    let expected = triples(&[
        ("What is it?\n\nWhat I said", "", true),
        ("A cat.", "What is it?\n\nWhat I said", true),
        ("[image_asset_pointer]", "A cat.", true),
    ]);
    assert_eq!(messages(&ann).await, expected);
}

async fn missing_times_are_made_up_in_order(app: TestApp) {
    let ann = app.register("ann").await;
    let at = |role: &str, time: Value, text: &str| {
        let mut message = said(role, 0.0, text);
        message["create_time"] = time;
        message
    };
    let nodes = [
        node("c", None, at("user", json!(null), "No time")),
        node("b", Some("c"), at("assistant", json!(null), "Nor here")),
        node("a", Some("b"), at("user", json!(-5), "Before all time")),
        node(
            "d",
            Some("a"),
            at("assistant", json!(1e300), "After all time"),
        ),
        node(
            "e",
            Some("d"),
            at("user", json!(1_600_000_000), "Long ago, in whole seconds"),
        ),
    ];
    import(&ann, json!([conversation(nodes, "e")])).await;
    let file = export(&ann).await;
    let messages = file["conversations"][0]["messages"]
        .as_array()
        .unwrap()
        .iter();
    let said: Vec<_> = messages
        .map(|message| {
            let (text, time) = (message["content"].as_str(), message["created_at"].as_str());
            (text.unwrap(), time.unwrap())
        })
        .collect();
    let expected = [
        ("No time", "2023-11-14T22:13:20.250Z"),
        ("Nor here", "2023-11-14T22:13:20.250001Z"),
        ("Before all time", "2023-11-14T22:13:20.250002Z"),
        ("After all time", "2023-11-14T22:13:20.250003Z"),
        ("Long ago, in whole seconds", "2023-11-14T22:13:20.250004Z"),
    ];
    assert_eq!(said, expected);
}

async fn sent_again_it_is_skipped(app: TestApp) {
    let ann = app.register("ann").await;
    let mut nameless = branched();
    let fields = nameless.as_object_mut().unwrap();
    fields.remove("conversation_id");
    fields.insert("id".to_owned(), json!("no UUID"));
    let file = json!([branched(), nameless]);
    let report = import(&ann, file.clone()).await;
    assert_eq!(
        report["conversations"],
        json!({ "imported": 2, "skipped": 0 })
    );
    let before = export(&ann).await;
    let report = import(&ann, file).await;
    assert_eq!(
        report["conversations"],
        json!({ "imported": 0, "skipped": 2 })
    );
    assert_eq!(report["skipped"][1]["reason"], "it is there already");
    assert_eq!(export(&ann).await, before);
}

async fn what_is_no_conversation_is_skipped_with_a_reason(app: TestApp) {
    let ann = app.register("ann").await;
    let with = |field: &str, value: Value| {
        let mut conversation = branched();
        conversation[field] = value;
        conversation
    };
    let mut faceless = branched();
    faceless["mapping"]["q1"]["message"]["author"] = json!(null);
    // Beside what is good hangs a circle on nothing.
    let mut round = branched();
    for (id, parent) in [("x", "y"), ("y", "x")] {
        let (_, node) = node(id, Some(parent), said("user", 7.0, "Round"));
        round["mapping"][id] = node;
    }
    let cases = [
        (
            json!({ "title": "Shared link", "id": "x" }),
            "missing field `mapping`",
        ),
        (
            with("mapping", json!([1, 2])),
            "`mapping`: invalid type: sequence, expected an object",
        ),
        (
            with("create_time", json!("yesterday")),
            "`create_time`: invalid type: string \"yesterday\", expected a number",
        ),
        (
            faceless,
            "`mapping.q1.message.author`: invalid type: null, expected an object",
        ),
        (json!(null), "invalid type: null, expected an object"),
        (round, "`mapping` has messages that come before themselves"),
    ];
    let (file, reasons): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let file: Vec<_> = file.into_iter().chain([branched()]).collect();
    let report = import(&ann, json!(file)).await;
    assert_eq!(
        report["conversations"],
        json!({ "imported": 1, "skipped": 6 })
    );
    for (index, reason) in reasons.iter().enumerate() {
        let told = report["skipped"][index]["reason"].as_str().unwrap();
        assert_eq!(told, *reason);
    }
    assert_eq!(report["skipped"][0]["title"], "Shared link");
    let report = import(&ann, json!([])).await;
    assert_eq!(
        report["conversations"],
        json!({ "imported": 0, "skipped": 0 })
    );
}

async fn odd_trees_are_taken_as_far_as_they_go(app: TestApp) {
    let ann = app.register("ann").await;
    let nodes = [
        node(
            "orphan",
            Some("nowhere"),
            said("user", 5.0, "My parent is gone"),
        ),
        node("child", Some("orphan"), said("assistant", 6.0, "N\0L")),
    ];
    import(&ann, json!([conversation(nodes, "gone")])).await;
    let told = messages(&ann).await;
    let texts: Vec<_> = told
        .iter()
        .map(|(text, parent, _)| (text.as_str(), parent.as_str()))
        .collect();
    assert_eq!(
        texts,
        [
            ("My parent is gone", ""),
            ("N\u{fffd}L", "My parent is gone")
        ]
    );
    ann.get(&format!("/api/conversations/{CONVERSATION}/"))
        .await
        .expect(200);
}
