//! Files of our own on their way in: what becomes of agents, of what is there already, and of what cannot be used.

use serde_json::{Value, json};

use super::{IMPORT, conversation_of, export, file_of, import, message_of, nth, somebody};
use crate::support::client::{id, send};
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    a_file_can_be_a_part_of_a_form,
    what_is_there_already_is_skipped,
    an_agent_of_the_same_name_takes_the_conversations,
    only_where_there_is_no_default_an_agent_becomes_it,
    conversations_without_an_agent_get_the_default_or_the_named_one,
    an_agent_that_cannot_be_is_noted,
    a_conversation_that_cannot_be_used_is_skipped_whole,
    oddities_are_put_right,
    what_would_break_the_order_is_put_right_or_skipped,
    agents_are_made_with_what_they_can_have,
    a_conversation_repeats_what_is_shown_of_its_messages,
    the_order_of_the_fields_does_not_matter,
    messages_that_name_no_parent_follow_each_other,
    a_conversation_goes_on_after_its_import,
    two_users_can_have_the_same_file,
}

/// The titles and reasons of what was skipped.
fn skipped(report: &Value) -> Vec<(usize, &str, &str)> {
    let all = report["skipped"].as_array().unwrap().iter();
    all.map(|entry| {
        (
            usize::try_from(entry["index"].as_u64().unwrap()).unwrap(),
            entry["title"].as_str().unwrap_or("?"),
            entry["reason"].as_str().unwrap(),
        )
    })
    .collect()
}

async fn agents(client: &Client) -> Vec<Value> {
    let list = client.get("/api/agents/").await.expect(200);
    list["results"].as_array().unwrap().clone()
}

async fn a_file_can_be_a_part_of_a_form(app: TestApp) {
    let ann = app.register("ann").await;
    let file = file_of(&[conversation_of(2, "In a form", &[])]);
    let form = format!(
        "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhi\r\n\
         --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.json\"\r\n\
         Content-Type: application/json\r\n\r\n{file}\r\n--x--\r\n"
    );
    let media_type = "multipart/form-data; boundary=x";
    let report = ann.post_as(IMPORT, media_type, form.clone()).await;
    assert_eq!(report.expect(200)["conversations"]["imported"], 1);
    ann.post_as(IMPORT, media_type, form.replace("\"file\"", "\"other\""))
        .await
        .is(400, &json!({ "file": ["No file was submitted."] }));
    ann.post_as(IMPORT, media_type, form.split_at(form.len() / 2).0)
        .await
        .expect(400);
    ann.post_as(IMPORT, "multipart/form-data", form)
        .await
        .expect(400);
    ann.post_as(IMPORT, "text/csv", "a,b").await.expect(415);
}

async fn what_is_there_already_is_skipped(app: TestApp) {
    let ann = somebody(&app).await;
    let before = export(&ann).await;
    let report = import(&ann, &before).await;
    let there = "it is there already";
    assert_eq!(
        skipped(&report),
        [
            (
                0,
                before["conversations"][0]["title"].as_str().unwrap(),
                there
            ),
            (1, "New Conversation", there)
        ]
    );
    assert_eq!(
        (
            &report["conversations"],
            &report["messages"],
            &report["agents"]
        ),
        (
            &json!({ "imported": 0, "skipped": 2 }),
            &json!(0),
            &json!(0)
        )
    );
    assert_eq!(export(&ann).await, before);
    // Another conversation cannot have its messages.
    let mut stolen = before.clone();
    stolen["conversations"][0]["id"] = json!(nth(7));
    stolen["conversations"][0]["client_id"] = json!(null);
    let report = import(&ann, &stolen).await;
    assert!(
        skipped(&report)[0].2.contains("another conversation"),
        "{report}"
    );
    assert_eq!(export(&ann).await, before);
}

async fn an_agent_of_the_same_name_takes_the_conversations(app: TestApp) {
    let ann = app.register("ann").await;
    let own = ann.agent(json!({ "name": "Ada" })).await;
    let report = import(&ann, &file_of(&[conversation_of(2, "A", &[])])).await;
    assert_eq!(report["agents"], 0);
    let file = export(&ann).await;
    assert_eq!(file["conversations"][0]["agent_id"], json!(own));
    assert_eq!(agents(&ann).await.len(), 1);
}

async fn only_where_there_is_no_default_an_agent_becomes_it(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    import(&ann, &file_of(&[])).await;
    let default = ann.get("/api/agents/default/").await.expect(200);
    assert_eq!(id(&default), nth(1));
    let own = id(&bob.get("/api/agents/default/").await.expect(200));
    import(&bob, &file_of(&[])).await;
    assert_eq!(agents(&bob).await.len(), 2);
    let default = bob.get("/api/agents/default/").await.expect(200);
    assert_eq!(id(&default), own);
}

async fn conversations_without_an_agent_get_the_default_or_the_named_one(app: TestApp) {
    let ann = app.register("ann").await;
    let mut file = file_of(&[conversation_of(2, "A", &[])]);
    file["agents"] = json!([]);
    import(&ann, &file).await;
    let default = id(&ann.get("/api/agents/default/").await.expect(200));
    let named = ann.agent(json!({ "name": "Named" })).await;
    file["conversations"][0]["id"] = json!(nth(3));
    let path = format!("{IMPORT}?agent={named}");
    ann.post_as(&path, "application/json", file.to_string())
        .await
        .expect(200);
    let file = export(&ann).await;
    let agents = file["conversations"].as_array().unwrap().iter();
    let agents: Vec<_> = agents.map(|entry| &entry["agent_id"]).collect();
    assert_eq!(agents, [&json!(default), &json!(named)]);

    let bob = app.register("bob").await;
    for agent in [named.as_str(), "nonsense", "", "%00"] {
        let path = format!("{IMPORT}?agent={agent}");
        let refused = bob
            .post_as(&path, "application/json", file.to_string())
            .await
            .expect(400);
        assert!(refused["agent"].is_array(), "{refused}");
    }
    super::assert_empty(&bob).await;
}

async fn an_agent_that_cannot_be_is_noted(app: TestApp) {
    let ann = app.register("ann").await;
    let mut file = file_of(&[conversation_of(2, "A", &[])]);
    file["agents"][0]["llm_provider"] = json!("psychic");
    file["agents"][0]["temperature"] = json!(7);
    file["agents"]
        .as_array_mut()
        .unwrap()
        .push(json!("no agent"));
    let report = import(&ann, &file).await;
    assert_eq!(report["conversations"]["imported"], 1);
    let notes = report["notes"].as_array().unwrap();
    let first = notes[0].as_str().unwrap();
    assert!(
        first.starts_with("The agent “Ada” was not taken. llm_provider: \"psychic\"")
            && first.contains("temperature: "),
        "{first}"
    );
    assert!(
        notes[1].as_str().unwrap().contains("was not taken"),
        "{report}"
    );
    let names: Vec<_> = agents(&ann)
        .await
        .iter()
        .map(|agent| agent["name"].clone())
        .collect();
    assert_eq!(names, ["Bruno"]);
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
    let cases: Vec<(Vec<Value>, &str)> = vec![
        (set("role", json!("oracle")).into(), "`oracle` is no role"),
        (
            set("status", json!("asleep")).into(),
            "`asleep` is no status",
        ),
        (set("error_code", json!("x")).into(), "`x` is no code"),
        (
            set("feedback_rating", json!("so-so")).into(),
            "`so-so` is no rating",
        ),
        (set("content", json!(null)).into(), "expected a string"),
        (set("tokens_used", json!(1e12)).into(), "i32"),
        (
            set("created_at", json!("yesterday")).into(),
            "invalid characters",
        ),
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
        (set("id", json!("x")).into(), "UUID"),
        (
            set("error", json!("x".repeat(70_000))).into(),
            "is longer than 65536 bytes",
        ),
        (vec![good(), json!([])], "invalid"),
        (vec![good(), json!({})], "missing field `id`"),
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
        assert!(!told.contains(" at line"), "{told}");
    }
    let rest = &skipped[cases.len()..];
    assert_eq!((rest.len(), rest[0].1), (3, "Nothing else"), "{report}");
    assert_eq!(rest[0].2, "missing field `id`");
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

async fn oddities_are_put_right(app: TestApp) {
    let ann = app.register("ann").await;
    let mut first = message_of(10, None, "user", "N\0L");
    first["created_at"] = json!("2024-05-05T05:05:05.1234567+02:00");
    let mut second = message_of(11, Some(10), "assistant", "Older than its question");
    second["status"] = json!("pending");
    let mut third = message_of(12, Some(11), "user", "From the beginnings");
    third["created_at"] = json!("0001-01-01T00:00:00Z");
    let mut conversation = conversation_of(2, &"ü".repeat(300), &[first, second, third]);
    conversation["unknown"] = json!({ "to": ["us"] });
    import(
        &ann,
        &file_of(&[conversation, conversation_of(3, " ", &[])]),
    )
    .await;
    let file = export(&ann).await;
    let conversation = &file["conversations"][0];
    assert_eq!(conversation["title"], "ü".repeat(200));
    assert_eq!(file["conversations"][1]["title"], "New Conversation");
    let messages = conversation["messages"].as_array().unwrap();
    assert_eq!(messages[0]["content"], "N\u{fffd}L");
    assert_eq!(messages[1]["status"], "interrupted");
    let times: Vec<_> = messages
        .iter()
        .map(|message| message["created_at"].as_str().unwrap())
        .collect();
    assert_eq!(
        times,
        [
            "2024-05-05T03:05:05.123456Z",
            "2024-05-05T03:05:05.123457Z",
            "2024-05-05T03:05:05.123458Z"
        ]
    );
}

async fn what_would_break_the_order_is_put_right_or_skipped(app: TestApp) {
    let ann = app.register("ann").await;
    let mut nobody = conversation_of(2, "Nobody", &[]);
    nobody["id"] = json!("00000000-0000-0000-0000-000000000000");
    let messages = [
        message_of(20, None, "user", "One"),
        message_of(21, Some(20), "assistant", "Two"),
    ];
    let mut late = conversation_of(5, "Late", &messages);
    late["updated_at"] = json!("2024-01-02T03:04:06Z");
    let report = import(&ann, &file_of(&[nobody, late])).await;
    assert_eq!(
        skipped(&report),
        [(0, "Nobody", "its id is that of nothing")]
    );
    // Nothing is later than its conversation.
    let told = ann.messages(&nth(5)).await;
    let kept = ann.get(&format!("/api/conversations/{}/", nth(5))).await;
    assert_eq!(kept.expect(200)["updated_at"], told[1]["created_at"]);
}

async fn agents_are_made_with_what_they_can_have(app: TestApp) {
    let ann = app.register("ann").await;
    let mut file = file_of(&[]);
    let mut other = file["agents"][0].clone();
    other["id"] = json!(nth(8));
    other["name"] = json!("Bob");
    other["fallback_agent"] = json!(nth(1));
    other["fallback_model"] = json!("m");
    other["created_at"] = json!("-100000-01-01T00:00:00Z");
    let mut lonely = file["agents"][0].clone();
    lonely["id"] = json!("00000000-0000-0000-0000-000000000000");
    lonely["name"] = json!("Cy");
    lonely["fallback_agent"] = json!(nth(9));
    file["agents"]
        .as_array_mut()
        .unwrap()
        .extend([other, lonely]);
    let report = import(&ann, &file).await;
    assert_eq!(report["agents"], 3, "{report}");
    assert_eq!(report["notes"].as_array().unwrap().len(), 1, "{report}");
    let agents = agents(&ann).await;
    let find = |name: &str| agents.iter().find(|agent| agent["name"] == name).unwrap();
    let bob = find("Bob");
    assert_eq!(
        (&bob["fallback_agent"], &bob["fallback_model"]),
        (&json!(null), &json!("m"))
    );
    assert_ne!(id(find("Cy")), "00000000-0000-0000-0000-000000000000");
}

async fn a_conversation_repeats_what_is_shown_of_its_messages(app: TestApp) {
    let ann = app.register("ann").await;
    let long = "x".repeat(150);
    let mut other = message_of(12, Some(10), "assistant", "Of another version");
    other["is_active"] = json!(false);
    let messages = [
        message_of(10, None, "user", &long),
        message_of(11, Some(10), "assistant", ""),
        other,
    ];
    import(
        &ann,
        &file_of(&[
            conversation_of(2, "A", &messages),
            conversation_of(3, "B", &[]),
        ]),
    )
    .await;
    let list = ann.get("/api/conversations/").await.expect(200);
    let find = |title: &str| {
        let mut all = list["results"].as_array().unwrap().iter();
        all.find(|entry| entry["title"] == title).unwrap().clone()
    };
    let expected = json!({
        "id": nth(2), "agent": nth(1), "title": "A", "message_count": 2,
        "last_message": { "role": "user", "content": "x".repeat(100), "created_at": "2024-01-02T03:04:15.000000Z" },
        "created_at": "2024-01-02T03:04:05.000000Z", "updated_at": "2024-01-03T03:04:05.120000Z",
        "is_pinned": false, "is_archived": false, "tags": [],
    });
    assert_eq!(find("A"), expected);
    assert_eq!(
        (&find("B")["message_count"], &find("B")["last_message"]),
        (&json!(0), &json!(null))
    );
}

async fn the_order_of_the_fields_does_not_matter(app: TestApp) {
    let ann = app.register("ann").await;
    let message = message_of(10, None, "user", "Hi").to_string();
    let file = file_of(&[]);
    let text = format!(
        r#" {{"conversations" : [ {{"messages":[{message}] , "title":"Sorted","updated_at":"2024-01-01T00:00:00Z",
            "id":"{}","created_at":"2024-01-01T00:00:00Z","agent_id":"{}"}} ,{{}}] ,"agents":{},
            "version":1, "format":"meggy-export" }} "#,
        nth(2),
        nth(1),
        file["agents"]
    );
    let report = ann
        .post_as(IMPORT, "application/json", text.clone())
        .await
        .expect(200);
    assert_eq!(
        report["conversations"],
        json!({ "imported": 1, "skipped": 1 })
    );
    let byte = usize::try_from(report["skipped"][0]["byte"].as_u64().unwrap()).unwrap();
    assert_eq!(&text[byte..byte + 3], "{}]");
    let file = export(&ann).await;
    assert_eq!(file["conversations"][0]["agent_id"], json!(nth(1)));
    assert_eq!(file["conversations"][0]["messages"][0]["content"], "Hi");
}

async fn messages_that_name_no_parent_follow_each_other(app: TestApp) {
    let ann = app.register("ann").await;
    let messages = [
        message_of(10, None, "user", "Hi"),
        message_of(11, None, "assistant", "Hello"),
        message_of(12, None, "user", "Bye"),
    ];
    import(&ann, &file_of(&[conversation_of(2, "A", &messages)])).await;
    let said = ann.messages(&nth(2)).await;
    let said: Vec<_> = said.iter().map(|message| &message["content"]).collect();
    assert_eq!(said, ["Hi", "Hello", "Bye"]);
    let file = export(&ann).await;
    let kept = file["conversations"][0]["messages"].as_array().unwrap();
    let parents: Vec<_> = kept.iter().map(|message| &message["parent_id"]).collect();
    assert_eq!(parents, [&json!(null), &json!(nth(10)), &json!(nth(11))]);
}

async fn a_conversation_goes_on_after_its_import(app: TestApp) {
    let ann = app.register("ann").await;
    let mut file = file_of(&[conversation_of(
        2,
        "A",
        &[message_of(10, None, "user", "Hi")],
    )]);
    file["agents"][0]["llm_provider"] = json!("openai");
    import(&ann, &file).await;
    ann.say(&nth(2), "And now?").await.expect(200);
    let messages = ann.messages(&nth(2)).await;
    let said: Vec<_> = messages
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    assert_eq!(said, ["Hi", "And now?", "You said: And now?"]);
}

async fn two_users_can_have_the_same_file(app: TestApp) {
    let ann = app.register("ann").await;
    let file = file_of(&[conversation_of(
        2,
        "A",
        &[message_of(10, None, "user", "Hi")],
    )]);
    import(&ann, &file).await;
    let bob = app.register("bob").await;
    let report = import(&bob, &file).await;
    assert_eq!(report["conversations"]["imported"], 1);
    bob.delete(&format!("/api/conversations/{}/", nth(2)))
        .await
        .expect(204);
    assert_eq!(ann.messages(&nth(2)).await.len(), 1);
    let stranger = app
        .stranger()
        .request("POST", IMPORT)
        .body(file.to_string());
    assert_eq!(send(stranger).await.status, 401);
}
