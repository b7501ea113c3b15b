//! What is good comes over whole, and works.

use serde_json::json;

use super::old::{Cell, id, sql, time};
use super::{Move, command, on_all_databases, said};
use crate::support::app::block_on;
use crate::support::program::run;
use crate::support::tokens::{access, mint};
use crate::support::{Database, Kind, TestApp};

on_all_databases!(
    everything_comes_over,
    a_dry_run_says_the_same_and_writes_nothing,
    what_else_is_there_is_named,
    long_conversations_come_over_in_pieces,
);

/// Two users, three agents, three conversations, eight messages.
fn furnish(moving: &mut Move) {
    let old = &mut moving.old;
    old.user(1, &[("avatar_url", "https://example.com/1.png".into())]);
    old.user(2, &[("is_active", false.into())]);
    old.agent(10, 1, &[("is_default", true.into())]);
    old.agent(11, 1, &[("llm_provider", "ollama".into())]);
    old.agent(12, 2, &[]);
    old.conversation(20, 1, 10, &[]);
    old.conversation(21, 1, 11, &[]);
    old.conversation(22, 2, 12, &[]);
    for number in [30, 31, 32, 33] {
        old.message(number, 20, &[]);
    }
    for number in [34, 35] {
        old.message(number, 21, &[]);
    }
    old.message(36, 22, &[]);
    old.message(37, 22, &[("content", "Größe, 東京 🙂".into())]);
}

async fn everything_comes_over(mut moving: Move) {
    furnish(&mut moving);
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("users"), [2, 2, 0, 0, 0, 0]);
    assert_eq!(said.counts("agents"), [3, 3, 0, 0, 0, 0]);
    assert_eq!(said.counts("conversations"), [3, 3, 0, 0, 0, 0]);
    assert_eq!(said.counts("messages"), [8, 8, 0, 0, 0, 0]);
    assert!(said.rows.is_empty(), "{:?}", said.rows);

    let app = moving.serve().await;
    // A token as the old backend made it.
    let user = app.stranger().with_token(mint(&access(&id(1).to_string())));
    let me = user.get("/api/users/me/").await.expect(200);
    for (name, value) in [
        ("id", json!(id(1))),
        ("email", json!("user1@example.com")),
        ("avatar_url", json!("https://example.com/1.png")),
        ("created_at", json!("2024-01-01T00:00:01.250000Z")),
        ("updated_at", json!("2024-01-01T00:00:02.250000Z")),
    ] {
        assert_eq!(me[name], value, "{name}");
    }
    let agent = user
        .get(&format!("/api/agents/{}/", id(11)))
        .await
        .expect(200);
    for (name, value) in [
        ("name", json!("Agent 11")),
        ("description", json!("Helps.")),
        ("llm_provider", json!("ollama")),
        ("model", json!("gpt-4")),
        ("temperature", json!(0.5)),
        ("max_tokens", json!(1000)),
        ("system_prompt", json!("Be brief.")),
        ("is_default", json!(false)),
        ("is_active", json!(true)),
        ("created_at", json!("2024-01-01T00:00:11.250000Z")),
        ("updated_at", json!("2024-01-01T00:00:12.250000Z")),
    ] {
        assert_eq!(agent[name], value, "{name}");
    }
    let prompts = user.get(&format!("/api/agents/{}/prompts/", id(11))).await;
    assert_eq!(prompts.expect(200)["count"], 1);
    let list = user.get("/api/conversations/").await.expect(200);
    assert_eq!(list["count"], 2);
    let talk = user
        .get(&format!("/api/conversations/{}/", id(20)))
        .await
        .expect(200);
    for (name, value) in [
        ("title", json!("Talk 20")),
        ("agent", json!(id(10))),
        ("message_count", json!(4)),
        ("created_at", json!("2024-01-01T00:00:20.250000Z")),
        ("updated_at", json!("2024-01-01T00:00:21.250000Z")),
    ] {
        assert_eq!(talk[name], value, "{name}");
    }
    let messages = user.messages(&id(20).to_string()).await;
    let seen: Vec<_> = messages
        .iter()
        .map(|message| {
            let text = |name: &str| message[name].as_str().unwrap_or("null").to_owned();
            (text("id"), text("role"), text("content"), text("parent_id"))
        })
        .collect();
    let expected: Vec<_> = (30..34)
        .map(|number| {
            let role = if number % 2 == 0 { "user" } else { "assistant" };
            let parent = (number > 30).then(|| id(number - 1).to_string());
            (
                id(number).to_string(),
                role.to_owned(),
                format!("Words of {number}"),
                parent.unwrap_or("null".to_owned()),
            )
        })
        .collect();
    assert_eq!(seen, expected);
    assert_eq!(messages[1]["tokens_used"], 12);
    assert_eq!(messages[1]["model"], "gpt-4");
    assert_eq!(messages[1]["created_at"], "2024-01-01T00:00:31.250000Z");
    let found = user.get("/api/search/?q=words+33").await.expect(200);
    assert_eq!(
        found["results"].as_array().map(Vec::len),
        Some(1),
        "{found}"
    );

    // The old password is good, and is hashed anew.
    let login = app.stranger();
    login.login("user1@example.com", "wrong").await.expect(401);
    login
        .login("user1@example.com", "password 1")
        .await
        .expect(200);
    let hash = moving.dump().await["users"]
        .iter()
        .flatten()
        .flatten()
        .filter(|cell| cell.starts_with("$argon2id$"))
        .count();
    assert_eq!(hash, 1);
    login
        .login("user1@example.com", "password 1")
        .await
        .expect(200);
    login
        .login("user2@example.com", "password 2")
        .await
        .expect(401);
    // The conversation can be continued.
    let answer = user.say(&id(20).to_string(), "Go on").await.expect(200);
    assert_eq!(answer["assistant_message"]["content"], "You said: Go on");
    app.stop().await;
}

async fn a_dry_run_says_the_same_and_writes_nothing(mut moving: Move) {
    furnish(&mut moving);
    moving.old.user(3, &[("email", "USER1@example.com".into())]);
    moving.old.message(39, 29, &[]);
    let would = moving.import(&["--dry-run"]).await;
    assert_eq!(would.status, Some(3), "{}", would.complaint);
    assert!(would.text.contains("dry run"), "{}", would.text);
    let names: Vec<_> = std::fs::read_dir(moving.new.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["report.jsonl"]);
    let did = moving.import(&[]).await;
    assert_eq!(did.status, Some(3));
    assert_eq!(would.rows, did.rows);
    assert!(would.text.ends_with(&did.text), "{}", would.text);

    // The same with what is there now.
    moving.old.user(4, &[]);
    let before = moving.dump().await;
    let would = moving.import(&["--dry-run"]).await;
    assert_eq!(would.counts("users"), [4, 1, 0, 3, 0, 0]);
    assert_eq!(moving.dump().await, before);
}

async fn what_else_is_there_is_named(mut moving: Move) {
    furnish(&mut moving);
    let old = &mut moving.old;
    old.run("ALTER TABLE conversations ADD COLUMN mood TEXT NULL");
    old.run("CREATE TABLE notes (id integer, \"odd \"\" name\" text)");
    old.run("INSERT INTO notes (id) VALUES (1), (2), (3)");
    old.conversation(23, 1, 10, &[("mood", "good".into())]);
    let said = Move::imported(moving.import(&[]).await);
    for line in [
        "column conversations.mood (1 rows)",
        "table notes (3 rows)",
        "column users.last_login (0 rows)",
    ] {
        assert!(said.text.contains(line), "{}", said.text);
    }
    assert!(!said.text.contains("odd"), "{}", said.text);
}

async fn long_conversations_come_over_in_pieces(mut moving: Move) {
    let long = "x".repeat(300_000);
    let old = &mut moving.old;
    old.user(1, &[]);
    old.agent(10, 1, &[]);
    old.conversation(20, 1, 10, &[]);
    for number in 1000..2200 {
        old.message(number, 20, &[]);
    }
    for number in [2200, 2201, 2202] {
        old.message(
            number,
            20,
            &[("content", Cell::Text(format!("{long}{number}")))],
        );
    }
    // Said at once, and stored in the order of its words.
    for number in [2300, 2250, 2280] {
        old.message(
            number,
            20,
            &[("created_at", time(2300)), ("tokens_used", sql("1"))],
        );
    }
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("messages"), [1206, 1206, 2, 0, 0, 0]);
    let app = moving.serve().await;
    let user = app.stranger().with_token(mint(&access(&id(1).to_string())));
    let talk = user.get(&format!("/api/conversations/{}/", id(20))).await;
    assert_eq!(talk.expect(200)["message_count"], 1206);
    let messages = user.messages(&id(20).to_string()).await;
    let mut numbers: Vec<_> = (1000..=2202).collect();
    numbers.extend(match moving.old.database.kind {
        Kind::Sqlite => [2300, 2250, 2280],
        Kind::Postgres => [2250, 2280, 2300],
    });
    let ids: Vec<_> = messages
        .iter()
        .map(|message| message["id"].clone())
        .collect();
    let shown = numbers[numbers.len() - ids.len()..].iter();
    let expected: Vec<_> = shown.map(|number| json!(id(*number))).collect();
    assert_eq!(ids, expected);
    assert_eq!(
        messages.last().unwrap()["created_at"],
        "2024-01-01T00:38:20.250002Z"
    );
    app.stop().await;
}

/// A database that the old backend itself wrote, if `DJANGO_FIXTURE` leads to it.
#[test]
fn the_old_backends_own_database_comes_over() {
    let Ok(file) = std::env::var("DJANGO_FIXTURE") else {
        return;
    };
    for kind in [Kind::Sqlite, Kind::Postgres] {
        block_on(async {
            let Some(new) = Database::empty(kind) else {
                return;
            };
            let output = run(command(&new, &format!("sqlite:{file}"), &[]), "");
            let said = Move::imported(said(&output, ""));
            assert_eq!(said.counts("users"), [3, 3, 0, 0, 0, 0]);
            assert_eq!(said.counts("agents"), [4, 4, 0, 0, 0, 0]);
            assert_eq!(said.counts("conversations"), [8, 8, 0, 0, 0, 0]);
            assert_eq!(said.counts("messages"), [92, 92, 0, 0, 0, 0]);
            assert!(said.text.contains("table auth_permission (36 rows)"));
            let app = TestApp::start(&new, &[]).await;
            let stranger = app.stranger();
            let login = stranger.login("ben@example.com", "ben-pass-1234");
            let token = login.await.expect(200)["access_token"].clone();
            let ben = app.stranger().with_token(token.as_str().unwrap());
            let list = ben.get("/api/conversations/").await.expect(200);
            assert_eq!(list["count"], 6);
            assert_eq!(list["results"][0]["message_count"], 14);
            app.stop().await;
        });
    }
}
