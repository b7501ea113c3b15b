//! Answers as they come about: watched by any number of readers, left, joined, stopped, asked for twice, and cut off.

mod across;
mod conflicts;
mod context;
mod deleted;
mod durability;
mod failures;
mod handover;
mod joining;
mod keys;
mod keys_reused;
mod killed;
mod leaving;
mod order;
mod replicas;
mod stopping;
mod streaming;
mod tickets;

use std::time::Duration;

use meggy::db::{Db, Executor, FromRow, Row};
use serde_json::{Value, json};

use crate::support::client::id;
use crate::support::model_server::{
    Gate, Reply, openai_answer, openai_chunk, openai_finish, openai_usage,
};
use crate::support::{Client, TestApp, eventually};

/// Runs each test of a file on a Postgres database of its own: what several servers do together.
macro_rules! on_postgres {
    ($($test:ident),* $(,)?) => {
        mod on_postgres {
            $(#[test] fn $test() {
                $crate::support::app::run($crate::support::Kind::Postgres, super::$test);
            })*
        }
    };
}
use on_postgres;

/// Words with characters of one to four bytes, each of them different.
fn words(count: usize) -> String {
    let word = |number: usize| format!("{}{number} ", ["word", "größe", "語", "🦀"][number % 4]);
    (0..count).map(word).collect()
}

/// So many of these words, with a pause before each, and what they cost.
fn paced(count: usize, pause: Duration) -> Reply {
    openai_answer(words(count).trim_end(), Some((11, 7))).pace(pause)
}

/// An answer that stops after so many words until the gate is open.
fn held(text: &str, words: usize, gate: &Gate) -> Reply {
    // The first piece only says who speaks.
    openai_answer(text, Some((11, 7))).hold(1 + words, gate)
}

/// An answer that begins with some thinking.
pub fn thoughtful(thoughts: &[&str], words: &[&str]) -> Vec<Value> {
    let thoughts = thoughts
        .iter()
        .map(|thought| openai_chunk(&json!({ "content": "", "reasoning_content": thought })));
    let words = words
        .iter()
        .map(|word| openai_chunk(&json!({ "content": word })));
    thoughts
        .chain(words)
        .chain([openai_finish("stop"), openai_usage(5, 6)])
        .collect()
}

/// Waits until the model was asked so many times.
async fn asked(app: &TestApp, calls: usize) {
    eventually("the model is asked", async || {
        (app.model.server.calls() >= calls).then_some(())
    })
    .await;
}

/// Says something in a task of its own and waits for the whole answer.
fn say(
    client: &Client,
    conversation: &str,
    content: &str,
) -> tokio::task::JoinHandle<crate::support::Answer> {
    let (client, conversation, content) =
        (client.clone(), conversation.to_owned(), content.to_owned());
    tokio::spawn(async move { client.say(&conversation, &content).await })
}

/// The last message of a conversation once it is no longer being written.
async fn ended(client: &Client, conversation: &str) -> Value {
    eventually("the answer is written down", async || {
        let last = client
            .messages(conversation)
            .await
            .pop()
            .expect("a message");
        (last["status"] != "pending").then_some(last)
    })
    .await
}

async fn stop(client: &Client, conversation: &str, body: Value) -> Value {
    let path = format!("/api/conversations/{conversation}/stop/");
    client.post(&path, body).await.expect(200)
}

struct Count(i64);

impl FromRow for Count {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("count").map(Self)
    }
}

async fn count(db: &Db, statement: &'static str) -> i64 {
    let Count(count) = db.query(statement).fetch_one().await.expect("a number");
    count
}

/// How much of answers is stored in pieces.
async fn pieces(db: &Db) -> i64 {
    count(db, "SELECT COUNT(*) AS count FROM message_pieces").await
}

/// Somebody with a conversation.
async fn ann(app: &TestApp) -> (Client, String) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    (ann, conversation)
}

/// The same person at another server.
fn at(app: &TestApp, client: &Client) -> Client {
    Client {
        base: app.base.clone(),
        ..client.clone()
    }
}

/// More conversations of somebody who has one.
async fn more_conversations(client: &Client, count: usize) -> Vec<String> {
    let agent = id(&client.get("/api/agents/default/").await.expect(200));
    let mut conversations = Vec::new();
    for _ in 0..count {
        conversations.push(client.conversation_with(&agent).await);
    }
    conversations
}
