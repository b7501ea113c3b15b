//! Chats as the AI SDK has them. What the library itself makes of them is for the tests that run it; here stands what
//! goes over the wire.

mod history;
mod names;
mod requests;
mod streams;
mod turns;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::client::id;
use crate::support::model_server::{End, Reply, openai_answer};
use crate::support::{Answer, Client, TestApp, eventually};

/// A chat of a page's making.
const CHAT: &str = "Xk3_page-made01";

/// What a page calls its user's message.
fn said(name: &str, text: &str) -> Value {
    json!({ "id": name, "role": "user", "parts": [{ "type": "text", "text": text }] })
}

/// Sends a new message, as the library does.
async fn send(client: &Client, chat: &str, name: &str, text: &str) -> Answer {
    let body = json!({ "id": chat, "messages": [said(name, text)], "trigger": "submit-message" });
    client.post("/api/chat/", body).await
}

/// Changes a message that was sent before.
async fn edit(client: &Client, chat: &str, name: &str, text: &str) -> Answer {
    let body = json!({
        "id": chat, "messages": [said(name, text)], "trigger": "submit-message", "messageId": name,
    });
    client.post("/api/chat/", body).await
}

/// Asks for another answer.
async fn regenerate(client: &Client, chat: &str, name: Option<&str>) -> Answer {
    let mut body = json!({ "id": chat, "messages": [], "trigger": "regenerate-message" });
    if let Some(name) = name {
        body["messageId"] = name.into();
    }
    client.post("/api/chat/", body).await
}

/// The same in the background.
fn sending(client: &Client, chat: &str, name: &str, text: &str) -> JoinHandle<Answer> {
    let [chat, name, text] = [chat, name, text].map(str::to_owned);
    let client = client.clone();
    tokio::spawn(async move { send(&client, &chat, &name, &text).await })
}

/// Joins the running answer in the background.
fn joining(client: &Client, chat: &str) -> JoinHandle<Answer> {
    let (client, path) = (client.clone(), format!("/api/chat/{chat}/stream"));
    tokio::spawn(async move { client.get(&path).await })
}

async fn stop(client: &Client, chat: &str) -> Answer {
    client
        .post(&format!("/api/chat/{chat}/stop/"), json!({}))
        .await
}

/// The messages of a chat as a page loads them.
async fn history(client: &Client, chat: &str) -> Vec<Value> {
    let history = client.get(&format!("/api/chat/{chat}/")).await.expect(200);
    history["messages"].as_array().expect("messages").clone()
}

/// Their texts.
async fn texts(client: &Client, chat: &str) -> Vec<String> {
    let messages = history(client, chat).await;
    messages.iter().map(text_of).collect()
}

fn text_of(message: &Value) -> String {
    let parts = message["parts"].as_array().expect("parts").iter();
    parts
        .filter(|part| part["type"] == "text")
        .map(|part| part["text"].as_str().expect("a text"))
        .collect()
}

/// An answer that begins with two words and then says nothing until it is stopped.
fn endless() -> Reply {
    openai_answer("one two three", None)
        .pieces(3)
        .end(End::Silence)
}

/// Waits until so many words are there to read in the conversation of the user's that was active last.
async fn has_said(client: &Client, words: &str) {
    let list = client.get("/api/conversations/").await.expect(200);
    let conversation = id(&list["results"][0]);
    eventually("the answer has begun", async || {
        let messages = client.messages(&conversation).await;
        (messages.last()?["content"] == words).then_some(())
    })
    .await;
}

/// Waits until the model was asked so many times.
async fn asked(app: &TestApp, calls: usize) {
    eventually("the model is asked", async || {
        (app.model.server.calls() >= calls).then_some(())
    })
    .await;
}

/// The chunks of a whole stream, neighbouring deltas joined: how much comes at once is up to chance.
#[track_caller]
fn chunks(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
        ("x-vercel-ai-ui-message-stream", "v1"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    let events = answer
        .text
        .strip_prefix(":\n\n")
        .expect("a comment at once");
    let events = events
        .strip_suffix("data: [DONE]\n\n")
        .expect("[DONE] at the end");
    let mut chunks: Vec<Value> = Vec::new();
    let mut last = 0;
    for event in events
        .split_terminator("\n\n")
        .filter(|event| *event != ":")
    {
        let (id, data) = event.split_once('\n').expect("two lines");
        let id: u64 = id.strip_prefix("id: ").unwrap().parse().unwrap();
        assert!(id >= last, "ids never step back");
        last = id;
        let chunk: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        let more = chunk["delta"].as_str().filter(|_| {
            chunks
                .last()
                .is_some_and(|last| last["type"] == chunk["type"] && last["id"] == chunk["id"])
        });
        match more {
            Some(more) => {
                let last = chunks.last_mut().unwrap();
                last["delta"] = format!("{}{more}", last["delta"].as_str().unwrap()).into();
            }
            None => chunks.push(chunk),
        }
    }
    chunks
}

/// The answer's id and all its text.
#[track_caller]
fn told(answer: &Answer) -> (String, String) {
    let chunks = chunks(answer);
    let id = chunks[0]["messageId"].as_str().expect("an id").to_owned();
    let text = chunks
        .iter()
        .filter(|chunk| chunk["type"] == "text-delta")
        .map(|chunk| chunk["delta"].as_str().expect("text"))
        .collect();
    (id, text)
}

/// The types of the chunks.
#[track_caller]
fn types(answer: &Answer) -> Vec<String> {
    let chunks = chunks(answer);
    let types = chunks.iter().map(|chunk| chunk["type"].as_str().unwrap());
    types.map(str::to_owned).collect()
}
