//! Readers that take their time.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use meggy::socket::Patience;
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

use super::client::{Socket, text};
use crate::support::model_server::{Reply, openai_chunk, openai_finish};
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    a_reader_that_stops_for_a_while_catches_up,
    a_reader_that_takes_nothing_is_given_up,
    commands_of_a_reader_that_takes_nothing_are_read,
}

/// Lets the model say that much.
const ROOM: [(&str, &str); 1] = [("LLM_MAX_ANSWER_BYTES", "100000000")];

/// Pieces of an answer and their size in bytes.
const PIECES: usize = 2_000;
const SIZE: usize = 5_000;

/// An answer that is more than the system keeps for a reader who does not read.
fn large_answer() -> (String, Reply) {
    let mut whole = String::new();
    let mut chunks = Vec::new();
    for number in 0..PIECES {
        let piece = format!("{number:05} {} 🦀", "x".repeat(SIZE - 11));
        chunks.push(openai_chunk(&json!({ "content": piece })));
        whole += &piece;
    }
    chunks.push(openai_finish("stop"));
    (whole, Reply::events(&chunks))
}

/// A socket of somebody who reads little at a time.
async fn narrow(app: &TestApp, client: &Client) -> Socket {
    let path = format!("/ws/chat/?token={}", client.token());
    let (mut socket, _) = Socket::try_open(app, &path, &[], Some(128 * 1024))
        .await
        .expect("a socket");
    socket.is_established(&Value::Null).await;
    socket
}

async fn a_reader_that_stops_for_a_while_catches_up(app: TestApp) {
    let app = app.another(&ROOM).await;
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let mut slow = narrow(&app, &ann).await;
    slow.subscribe(&conversation).await;
    let (whole, reply) = large_answer();
    app.model.replies([reply]);
    let answer = ann.say(&conversation, "Hello").await.expect(200);
    assert!(answer["assistant_message"]["content"] == json!(whole));
    // And a second turn while the first one is far from being read.
    ann.say(&conversation, "Again").await.expect(200);
    let frames = slow.turn().await;
    assert!(text(&frames) == whole, "the text is another one");
    // What did not fit into the system's buffers was not kept frame by frame, but told in larger pieces.
    let (largest, count) = (
        frames
            .iter()
            .map(|frame| frame["text"].as_str().map_or(0, str::len))
            .max()
            .unwrap(),
        frames.len(),
    );
    assert!(count < PIECES * 3 / 4, "{count} frames");
    assert!(
        largest > 2 * SIZE && largest <= 32 * 1024,
        "{largest} bytes"
    );
    assert_eq!(text(&slow.turn().await), "You said: Again");
    slow.lives().await;
}

async fn a_reader_that_takes_nothing_is_given_up(app: TestApp) {
    let app = app
        .with_patience(
            &ROOM,
            Patience {
                stall: Duration::from_millis(500),
                ..Patience::default()
            },
        )
        .await;
    let ann = app.register("ann").await;
    let mut slow = narrow(&app, &ann).await;
    let conversation = ann.conversation().await;
    slow.subscribe(&conversation).await;
    let (_, reply) = large_answer();
    app.model.replies([reply]);
    ann.say(&conversation, "Hello").await.expect(200);
    sleep(Duration::from_secs(3)).await;
    // What was on its way arrives, and then there is nothing more.
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        assert!(Instant::now() < deadline, "it goes on and on");
        match slow.stream.next().await {
            Some(Ok(Message::Text(text))) => assert!(!text.contains("\"finish\"")),
            Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            Some(Ok(_)) => {}
        }
    }
}

async fn commands_of_a_reader_that_takes_nothing_are_read(app: TestApp) {
    let app = app.another(&ROOM).await;
    let ann = app.register("ann").await;
    let large = ann.conversation().await;
    let small = ann.conversation().await;
    let mut slow = narrow(&app, &ann).await;
    slow.subscribe(&large).await;
    let (_, reply) = large_answer();
    app.model.replies([reply]);
    ann.say(&large, "Hello").await.expect(200);
    // By now the socket is full.
    slow.tell(json!({ "type": "send", "conversation_id": small, "content": "Hello" }))
        .await;
    crate::support::eventually("the answer", async || {
        let messages = ann.messages(&small).await;
        (messages.len() == 2 && messages[1]["status"] == "complete").then_some(())
    })
    .await;
}
