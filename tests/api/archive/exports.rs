//! Files of our own on their way out, and back in.

use meggy::db::{Executor, FromRow, Row, Sql};
use serde_json::{Value, json};

use super::{EXPORT, IMPORT, export, somebody};
use crate::support::client::{id, send};
use crate::support::{TestApp, on_each_database};

on_each_database! {
    what_is_exported_and_imported_is_exported_alike,
    everything_is_in_the_file,
    one_conversation_can_be_exported,
    an_empty_account_has_an_empty_file,
    a_file_is_saved_under_the_title,
    a_ticket_opens_a_download,
    no_column_is_forgotten,
    what_agents_and_conversations_are_marked_with_is_kept,
    other_kinds_are_refused,
    what_is_anothers_is_not_exported,
}

/// The lists that a user sees.
async fn lists(client: &crate::support::Client) -> Vec<Value> {
    let mut lists = Vec::new();
    for path in ["agents", "conversations", "messages"] {
        let mut list = client.get(&format!("/api/{path}/")).await.expect(200);
        // Agents are listed by their making, of which two may tell the same time.
        let results = list["results"].as_array_mut().unwrap();
        results.sort_by_key(|entry| entry["id"].to_string());
        lists.push(list);
    }
    lists
}

async fn what_is_exported_and_imported_is_exported_alike(app: TestApp) {
    let ann = somebody(&app).await;
    let bob = app.register("bob").await;
    let file = ann.get(EXPORT).await;
    assert_eq!(file.status, 200);
    let report = bob
        .post_as(IMPORT, "application/json", file.text.clone())
        .await
        .expect(200);
    let expected = json!({
        "format": "meggy", "conversations": { "imported": 2, "skipped": 0 }, "messages": 5, "agents": 3,
        "skipped": [], "notes": [],
    });
    assert_eq!(report, expected);
    assert_eq!(bob.get(EXPORT).await.text, file.text);
    assert_eq!(lists(&bob).await, lists(&ann).await);
}

async fn everything_is_in_the_file(app: TestApp) {
    let ann = somebody(&app).await;
    let file = export(&ann).await;
    assert_eq!(
        (&file["format"], &file["version"]),
        (&json!("meggy-export"), &json!(1))
    );
    let agents = ann.get("/api/agents/").await.expect(200);
    let mut agents = agents["results"].as_array().unwrap().clone();
    agents.sort_by_key(id);
    assert_eq!(file["agents"], json!(agents));

    let first = &file["conversations"][0];
    assert_eq!(first["client_id"], "tab-1");
    let messages = first["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 5);
    assert_eq!(
        messages[0]["content"],
        "Hello \u{1f600} \"quoted\" \\ \u{2028} 日本"
    );
    let answer = &messages[3];
    let expected = json!({
        "id": answer["id"], "parent_id": answer["parent_id"], "is_active": true, "client_id": "their-id",
        "role": "assistant", "content": "You said: More", "reasoning": "Hm", "status": "failed", "model": "gpt-4",
        "finish_reason": "stop", "error": "It broke", "error_code": "provider_failed", "tokens_used": 18,
        "prompt_tokens": 11, "completion_tokens": 7, "usage_estimated": true, "left_out": 3,
        "feedback_rating": "up", "feedback_comment": "Good", "edited_at": answer["created_at"],
        "fallback_from": null, "is_interleaved": false,
        "created_at": answer["created_at"],
    });
    assert_eq!(*answer, expected);
    let other = &messages[4];
    assert_eq!(
        (&other["content"], &other["is_active"], &other["parent_id"]),
        (&json!("Another answer"), &json!(false), &messages[2]["id"])
    );
    assert_eq!(file["conversations"][1]["messages"], json!([]));
}

/// A column of a table that the test's database has.
struct Column(String);

impl FromRow for Column {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("name").map(Self)
    }
}

/// A column that a migration adds is lost on the way unless `src/archive/model.rs` names it, or it has no meaning outside
/// of its database and stands here.
async fn no_column_is_forgotten(app: TestApp) {
    const COLUMNS: Sql = Sql {
        sqlite: "SELECT name FROM pragma_table_info($1)",
        postgres: "SELECT CAST(column_name AS TEXT) AS name FROM information_schema.columns
                   WHERE table_schema = current_schema() AND table_name = $1",
    };
    let ann = somebody(&app).await;
    let file = export(&ann).await;
    let conversation = &file["conversations"][0];
    for (table, record, left_out) in [
        (
            "agents",
            &file["agents"][0],
            "user_id parameters fallback_agent_id",
        ),
        (
            "conversations",
            conversation,
            "user_id message_count last_message_role last_message_preview last_message_at",
        ),
        (
            "messages",
            &conversation["messages"][0],
            "user_id conversation_id writer stop_requested",
        ),
    ] {
        let columns: Vec<Column> = app.db.query(COLUMNS).bind(table).fetch_all().await.unwrap();
        assert!(columns.len() > 5, "{table}");
        for Column(column) in columns {
            let is_left_out = left_out.split(' ').any(|name| name == column);
            assert!(
                record.get(&column).is_some() != is_left_out,
                "{table}.{column}"
            );
        }
    }
}

async fn what_agents_and_conversations_are_marked_with_is_kept(app: TestApp) {
    let ann = app.register("ann").await;
    let first = ann.agent(json!({ "name": "First", "stop": ["END"] })).await;
    let second = ann
        .agent(json!({ "name": "Second", "fallback_agent": first, "title_model": "m" }))
        .await;
    // Each is the other's, so whichever is read first names one that is not there yet.
    let change = json!({ "fallback_agent": second });
    let path = format!("/api/agents/{first}/");
    ann.patch(&path, change).await.expect(200);
    let conversation = ann.conversation_with(&first).await;
    let marks = json!({ "is_pinned": true, "is_archived": true, "tags": ["a", "b"] });
    let path = format!("/api/conversations/{conversation}/");
    ann.patch(&path, marks.clone()).await.expect(200);
    let mut file = export(&ann).await;

    let bob = app.register("bob").await;
    super::import(&bob, &file).await;
    assert_eq!(export(&bob).await, file);
    let kept = bob.get(&path).await.expect(200);
    for mark in ["is_pinned", "is_archived", "tags"] {
        assert_eq!(kept[mark], marks[mark]);
    }
    let prompts = format!("/api/agents/{first}/prompts/");
    assert_eq!(bob.get(&prompts).await.expect(200)["count"], 1);

    // What cannot be a tag, or an agent, is no reason to lose the rest.
    file["conversations"][0]["tags"] = json!("[\"a\", 1, null, \"a\", \"\"]");
    file["agents"][1]["reasoning_effort"] = json!("enormous");
    let eve = app.register("eve").await;
    super::import(&eve, &file).await;
    assert_eq!(eve.get(&path).await.expect(200)["tags"], json!(["a", "1"]));
}

async fn one_conversation_can_be_exported(app: TestApp) {
    let ann = somebody(&app).await;
    let all = export(&ann).await;
    let conversation = &all["conversations"][0];
    let path = format!("/api/conversations/{}/export/", id(conversation));
    let one = ann.get(&path).await.expect(200);
    assert_eq!(one["conversations"], json!([conversation]));
    let agents: Vec<_> = one["agents"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(json!(agents), json!([conversation["agent_id"]]));
    let bob = app.register("bob").await;
    super::import(&bob, &one).await;
    assert_eq!(bob.get(&path).await.expect(200), one);
}

async fn an_empty_account_has_an_empty_file(app: TestApp) {
    let ann = app.register("ann").await;
    let empty =
        json!({ "format": "meggy-export", "version": 1, "agents": [], "conversations": [] });
    assert_eq!(export(&ann).await, empty);
    assert_eq!(ann.get("/api/export/?as=markdown").await.text, "");
    let report = super::import(&ann, &empty).await;
    assert_eq!(
        report["conversations"],
        json!({ "imported": 0, "skipped": 0 })
    );
}

async fn a_file_is_saved_under_the_title(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let path = format!("/api/conversations/{conversation}/");
    ann.patch(&path, json!({ "title": "Grüße/\"日\"\nX" }))
        .await
        .expect(200);
    let file = ann.get(&format!("{path}export/?as=json")).await;
    assert_eq!(file.header("content-type"), Some("application/json"));
    assert_eq!(file.header("cache-control"), Some("no-store"));
    assert_eq!(
        file.header("content-disposition"),
        Some(
            "attachment; filename=\"Gr__e _ X.json\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%E6%97%A5%20X.json"
        )
    );
    let file = ann.get(&format!("{path}export/?as=markdown")).await;
    assert_eq!(
        file.header("content-type"),
        Some("text/markdown; charset=utf-8")
    );
    let name = file.header("content-disposition").unwrap().to_owned();
    assert!(name.ends_with("X.md"), "{name}");
    let all = ann.get(EXPORT).await;
    let name = all.header("content-disposition").unwrap();
    assert!(
        name.starts_with("attachment; filename=\"conversations 20"),
        "{name}"
    );
}

async fn a_ticket_opens_a_download(app: TestApp) {
    let ann = somebody(&app).await;
    let ticket = ann
        .post("/api/auth/stream_ticket/", json!({}))
        .await
        .expect(200);
    let path = format!("{EXPORT}?ticket={}", ticket["ticket"].as_str().unwrap());
    let page = app
        .stranger()
        .request("GET", &path)
        .header("accept", "text/html,*/*;q=0.8");
    assert_eq!(send(page).await.text, ann.get(EXPORT).await.text);
    app.stranger().get(EXPORT).await.expect(401);
    app.stranger()
        .get("/api/export/?ticket=nonsense")
        .await
        .expect(401);
}

async fn other_kinds_are_refused(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    for path in [
        EXPORT,
        &format!("/api/conversations/{conversation}/export/"),
    ] {
        ann.get(&format!("{path}?as=pdf"))
            .await
            .is(400, &json!({ "as": ["\"pdf\" is not a valid choice."] }));
        ann.get(&format!("{path}?as=%00")).await.expect(400);
    }
}

async fn what_is_anothers_is_not_exported(app: TestApp) {
    let ann = somebody(&app).await;
    let bob = app.register("bob").await;
    let file = export(&ann).await;
    for conversation in file["conversations"].as_array().unwrap() {
        let path = format!("/api/conversations/{}/export/", id(conversation));
        bob.get(&path).await.expect(404);
    }
    let own = bob.conversation().await;
    let mine = export(&bob).await;
    assert_eq!(mine["conversations"].as_array().unwrap().len(), 1);
    assert_eq!(id(&mine["conversations"][0]), own);
}
