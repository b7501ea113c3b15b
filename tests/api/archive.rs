//! Taking conversations out and in.

mod chatgpt;
mod exports;
mod imports;
mod malformed;
mod markdown;
mod reasons;
mod statistics;
mod streams;

use std::str::FromStr as _;

use chrono::{DateTime, TimeDelta, Utc};
use meggy::clock;
use meggy::db::Executor;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::id;
use crate::support::{Client, TestApp};

const EXPORT: &str = "/api/export/";
const IMPORT: &str = "/api/import/";

/// The id of the nth of something.
fn nth(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// A file of our own with these conversations, each with its messages, with an agent called Ada.
fn file_of(conversations: &[Value]) -> Value {
    json!({
        "format": "meggy-export", "version": 1,
        "agents": [{
            "id": nth(1), "name": "Ada", "description": "Counts", "llm_provider": "ollama", "model": "llama3",
            "temperature": 0.25, "max_tokens": 300, "context_window": 4096, "system_prompt": "Be exact.",
            "is_default": true, "is_active": true,
            "created_at": "2024-01-02T03:04:05.000006Z", "updated_at": "2024-01-02T03:04:05.000007Z",
        }],
        "conversations": conversations,
    })
}

fn conversation_of(number: u32, title: &str, messages: &[Value]) -> Value {
    json!({
        "id": nth(number), "agent_id": nth(1), "client_id": null, "title": title,
        "created_at": "2024-01-02T03:04:05Z", "updated_at": "2024-01-03T03:04:05.120Z", "messages": messages,
    })
}

fn message_of(number: u32, parent: Option<u32>, role: &str, content: &str) -> Value {
    let time: DateTime<Utc> = "2024-01-02T03:04:05Z".parse().unwrap();
    json!({
        "id": nth(number), "parent_id": parent.map(nth), "role": role, "content": content,
        "created_at": time + TimeDelta::seconds(number.into()),
    })
}

async fn import(client: &Client, file: &Value) -> Value {
    client
        .post_as(IMPORT, "application/json", file.to_string())
        .await
        .expect(200)
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

async fn export(client: &Client) -> Value {
    client.get(EXPORT).await.expect(200)
}

/// Nothing of a file is there.
async fn assert_empty(client: &Client) {
    assert_empty_of_conversations(client).await;
    let agents = client.get("/api/agents/").await.expect(200);
    assert_eq!(agents["count"], 0);
}

/// Agents may be there, but nothing was said.
async fn assert_empty_of_conversations(client: &Client) {
    for path in ["conversations", "messages"] {
        let list = client.get(&format!("/api/{path}/")).await.expect(200);
        assert_eq!(list["count"], 0, "{path}");
    }
}

/// An account with everything that can be said of a conversation and its messages.
async fn somebody(app: &TestApp) -> Client {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    ann.say(&conversation, "Hello \u{1f600} \"quoted\" \\ \u{2028} 日本")
        .await
        .expect(200);
    let turn = ann.say(&conversation, "More").await.expect(200);
    let (question, answer) = (id(&turn["user_message"]), id(&turn["assistant_message"]));
    ann.agent(json!({ "name": "Idle", "temperature": 0.1 }))
        .await;
    let ada = ann
        .agent(json!({ "name": "Ada", "llm_provider": "ollama", "context_window": 512 }))
        .await;
    ann.conversation_with(&ada).await;
    let uuid = |text: &str| Uuid::from_str(text).unwrap();
    let (owner, answer) = (uuid(ann.id()), uuid(&answer));
    let later = clock::now() + TimeDelta::seconds(1);
    // What other rooms bring about.
    app.db
        .query(
            "UPDATE messages SET feedback_rating = 'up', feedback_comment = 'Good', edited_at = created_at,
                    reasoning = 'Hm', error = 'It broke', error_code = 'provider_failed', status = 'failed',
                    client_id = 'their-id', left_out = 3, usage_estimated = TRUE
             WHERE user_id = $1 AND id = $2",
        )
        .bind(owner)
        .bind(answer)
        .execute()
        .await
        .unwrap();
    app.db
        .query(
            "INSERT INTO messages (user_id, id, conversation_id, role, status, model, content, created_at, parent_id,
                                   is_active)
             SELECT user_id, $3, conversation_id, role, status, model, 'Another answer', $4, $5, FALSE
             FROM messages WHERE user_id = $1 AND id = $2",
        )
        .bind(owner)
        .bind(answer)
        .bind(Uuid::now_v7())
        .bind(later)
        .bind(uuid(&question))
        .execute()
        .await
        .unwrap();
    app.db
        .query("UPDATE conversations SET client_id = 'tab-1', updated_at = $3 WHERE user_id = $1 AND id = $2")
        .bind(owner)
        .bind(uuid(&conversation))
        .bind(later)
        .execute()
        .await
        .unwrap();
    ann
}
