//! Files of our own on their way in: what becomes of agents, of what is there already, and of what cannot be used.

use serde_json::{Value, json};

use super::{IMPORT, conversation_of, export, file_of, import, message_of, nth, skipped, somebody};
use crate::support::client::{id, send};
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    a_file_can_be_a_part_of_a_form,
    a_byte_order_mark_is_passed_over,
    what_is_not_needed_may_be_absent_or_null,
    what_is_there_already_is_skipped,
    an_agent_of_the_same_name_takes_the_conversations,
    only_where_there_is_no_default_an_agent_becomes_it,
    conversations_without_an_agent_get_the_default_or_the_named_one,
    an_agent_that_cannot_be_is_noted,
    oddities_are_put_right,
    what_would_break_the_order_is_put_right_or_skipped,
    agents_are_made_with_what_they_can_have,
    a_conversation_repeats_what_is_shown_of_its_messages,
    the_order_of_the_fields_does_not_matter,
    messages_that_name_no_parent_follow_each_other,
    a_conversation_goes_on_after_its_import,
    two_users_can_have_the_same_file,
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

async fn a_byte_order_mark_is_passed_over(app: TestApp) {
    let ann = app.register("ann").await;
    let text = file_of(&[conversation_of(2, "A", &[]), json!(7)]).to_string();
    let file = format!("\u{feff}{text}");
    let report = ann.post_as(IMPORT, "application/json", file.clone()).await;
    let report = report.expect(200);
    assert_eq!(report["conversations"]["imported"], 1);
    // Places are those in the file.
    let byte = usize::try_from(report["skipped"][0]["byte"].as_u64().unwrap()).unwrap();
    assert_eq!(&file[byte..=byte], "7");
    for file in ["\u{feff}\u{feff}[]", "\u{feff}"] {
        ann.post_as(IMPORT, "application/json", file)
            .await
            .expect(400);
    }
}

async fn what_is_not_needed_may_be_absent_or_null(app: TestApp) {
    let ann = app.register("ann").await;
    let time = "2024-01-02T03:04:05Z";
    let least = json!({ "id": nth(2), "created_at": time, "updated_at": time });
    let nulls = json!({
        "id": nth(3), "created_at": time, "updated_at": time, "agent_id": null, "title": null,
        "messages": [{ "id": nth(4), "parent_id": null, "edited_at": null, "role": "user", "content": "Hi", "created_at": time }],
    });
    let file = json!({ "format": "meggy-export", "version": 1, "conversations": [least, nulls] });
    let report = import(&ann, &file).await;
    assert_eq!(report["conversations"]["imported"], 2, "{report}");
    let default = id(&ann.get("/api/agents/default/").await.expect(200));
    for conversation in export(&ann).await["conversations"].as_array().unwrap() {
        assert_eq!(conversation["agent_id"], json!(default));
        assert_eq!(conversation["title"], "New Conversation");
    }
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
    let no_id = "Must be a valid UUID.";
    for (agent, reason) in [
        (named.as_str(), "You have no such agent."),
        ("nonsense", no_id),
        ("", no_id),
        ("%00", no_id),
    ] {
        let path = format!("{IMPORT}?agent={agent}");
        let refused = bob
            .post_as(&path, "application/json", file.to_string())
            .await
            .expect(400);
        assert_eq!(refused["agent"], json!([reason]), "{agent}");
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
