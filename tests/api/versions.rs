//! Changing what was said: edits, other answers, choosing among versions, deleting, rating; and reading long
//! conversations part by part.

mod answers;
mod deleting;
mod edits;
mod excerpts;
mod feedback;
mod meeting;
mod selecting;

use serde_json::{Value, json};

use crate::support::client::id;
use crate::support::{Answer, Client, TestApp};

const NOBODYS: &str = "0191b2c3-4d5e-7f60-8123-456789abcdef";

/// Somebody with a conversation in which these things were said.
async fn ann_said(app: &TestApp, said: &[&str]) -> (Client, String) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    for content in said {
        ann.say(&conversation, content).await.expect(200);
    }
    (ann, conversation)
}

/// The path of a message.
fn at(conversation: &str, message: &str) -> String {
    format!("/api/conversations/{conversation}/messages/{message}/")
}

/// The path of something that a message has.
fn of(conversation: &str, message: &str, what: &str) -> String {
    format!("/api/conversations/{conversation}/messages/{message}/{what}/")
}

/// The texts that a conversation shows. All that tells of them must agree.
async fn shown(client: &Client, conversation: &str) -> Vec<String> {
    let path = format!("/api/conversations/{conversation}/");
    let detail = client.get(&path).await.expect(200);
    let messages = detail["messages"].as_array().expect("messages");
    let list = client.get("/api/conversations/").await.expect(200);
    let listed = list["results"].as_array().expect("conversations").iter();
    let listed = listed
        .filter(|listed| listed["id"] == conversation)
        .collect::<Vec<_>>();
    assert_eq!(listed[0]["message_count"], messages.len());
    assert_eq!(detail["message_count"], messages.len());
    let last = messages.iter().rfind(|message| message["content"] != "");
    let last = last.map(|last| {
        json!({ "role": last["role"], "content": last["content"], "created_at": last["created_at"] })
    });
    assert_eq!(listed[0]["last_message"], last.unwrap_or_default());
    let mut parent = Value::Null;
    for message in messages {
        assert_eq!(message["is_active"], true);
        assert_eq!(message["parent_id"], parent, "{messages:#?}");
        parent = message["id"].clone();
    }
    let paged = format!("/api/messages/?conversation={conversation}");
    let paged = client.get(&paged).await.expect(200);
    assert_eq!(paged["count"], messages.len());
    contents(messages)
}

fn contents(messages: &[Value]) -> Vec<String> {
    let content = |message: &Value| message["content"].as_str().expect("a text").to_owned();
    messages.iter().map(content).collect()
}

/// The ids of the messages that a conversation shows.
async fn ids(client: &Client, conversation: &str) -> Vec<String> {
    client.messages(conversation).await.iter().map(id).collect()
}

async fn edit(client: &Client, conversation: &str, message: &str, body: Value) -> Answer {
    client.patch(&at(conversation, message), body).await
}

async fn regenerate(client: &Client, conversation: &str, message: &str) -> Answer {
    let path = of(conversation, message, "regenerate");
    client.post(&path, json!({})).await
}

async fn select(client: &Client, conversation: &str, message: &str) -> Answer {
    let path = of(conversation, message, "select");
    client.post(&path, json!({})).await
}

/// The versions of a message.
async fn versions(client: &Client, conversation: &str, message: &str) -> Vec<Value> {
    let path = of(conversation, message, "versions");
    let versions = client.get(&path).await.expect(200);
    versions["results"].as_array().expect("versions").clone()
}

/// What the model was told last, without the system prompt.
fn told(app: &TestApp) -> Vec<String> {
    let body = app.model.last_asked().body;
    contents(&body["messages"].as_array().expect("messages")[1..])
}
