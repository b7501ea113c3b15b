//! Keeping order among conversations: marks, filters, forks, deleting many, titles, and links for others.

mod beginnings;
mod forks;
mod lists;
mod marks;
mod shares;
mod titles;

use serde_json::{Value, json};

use crate::support::Client;
use crate::support::client::id;

const CONVERSATIONS: &str = "/api/conversations/";
const NOBODYS: &str = "0191b2c3-4d5e-7f60-8123-456789abcdef";

fn at(conversation: &str) -> String {
    format!("/api/conversations/{conversation}/")
}

/// Begins a conversation with the default agent and whatever else is said about it; returns its id.
async fn begin(client: &Client, mut body: Value) -> String {
    body["agent"] = client.get("/api/agents/default/").await.expect(200)["id"].clone();
    id(&client.post(CONVERSATIONS, body).await.expect(201))
}

/// The titles in a list at this address.
async fn titles(client: &Client, query: &str) -> Vec<String> {
    let list = client
        .get(&format!("{CONVERSATIONS}{query}"))
        .await
        .expect(200);
    titles_in(&list)
}

fn titles_in(list: &Value) -> Vec<String> {
    list["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|conversation| conversation["title"].as_str().unwrap().to_owned())
        .collect()
}

async fn title(client: &Client, conversation: &str) -> Value {
    client.get(&at(conversation)).await.expect(200)["title"].clone()
}

/// What the messages of a conversation say.
async fn texts(client: &Client, conversation: &str) -> Vec<String> {
    client
        .messages(conversation)
        .await
        .iter()
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect()
}

fn not_found() -> Value {
    json!({ "detail": "Not found." })
}
