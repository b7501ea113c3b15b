//! Much at once: long conversations, long messages, slow readers, and two files at a time.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{EXPORT, IMPORT, conversation_of, file_of, import, message_of, nth};
use crate::support::{Client, TestApp, eventually, on_each_database};

on_each_database! {
    long_conversations_and_messages_come_whole,
    a_conversation_of_many_statements_is_stored_whole_or_not_at_all,
    too_long_a_conversation_is_skipped,
    slow_readers_hold_no_connections,
    a_user_imports_one_file_at_a_time,
    an_import_goes_on_without_its_client,
}

/// A conversation with more than a page of messages, some of them longer than a page, and every third of another version.
fn long() -> Value {
    let messages: Vec<_> = (1000..2700)
        .map(|number| {
            let text = match number {
                1100 => "\u{e9}\u{1f600}\\\"".repeat(600_000),
                1500..1520 => "x".repeat(100_000),
                _ => format!("Number {number}"),
            };
            let is_shown = |number: u32| !number.is_multiple_of(3);
            let parent = (1000..number).rev().find(|&before| is_shown(before));
            let mut message = message_of(number, parent, "assistant", &text);
            message["is_active"] = json!(is_shown(number));
            message
        })
        .collect();
    conversation_of(2, "Long", &messages)
}

async fn long_conversations_and_messages_come_whole(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let conversation = long();
    let report = import(&ann, &file_of(std::slice::from_ref(&conversation))).await;
    assert_eq!(report["messages"], 1700);
    let file = ann.get(EXPORT).await;
    let told = file.json["conversations"][0]["messages"]
        .as_array()
        .unwrap();
    let said = conversation["messages"].as_array().unwrap();
    assert_eq!(told.len(), said.len());
    for (told, said) in told.iter().zip(said) {
        for field in ["id", "content", "is_active", "parent_id"] {
            assert!(
                told[field] == said[field],
                "{} differs in {field}",
                said["id"]
            );
        }
    }
    bob.post_as(IMPORT, "application/json", file.text.clone())
        .await
        .expect(200);
    assert!(bob.get(EXPORT).await.text == file.text);
}

async fn a_conversation_of_many_statements_is_stored_whole_or_not_at_all(app: TestApp) {
    let ann = app.register("ann").await;
    let mut bad = long();
    bad["messages"][1699]["role"] = json!("oracle");
    let report = import(&ann, &file_of(&[bad, conversation_of(3, "Good", &[])])).await;
    assert_eq!(
        report["conversations"],
        json!({ "imported": 1, "skipped": 1 })
    );
    assert_eq!(ann.get("/api/conversations/").await.expect(200)["count"], 1);
    let path = format!("/api/messages/{}/", nth(1000));
    ann.get(&path).await.expect(404);
    import(&ann, &file_of(&[long()])).await;
    ann.get(&path).await.expect(200);
}

async fn too_long_a_conversation_is_skipped(app: TestApp) {
    let ann = app.register("ann").await;
    let padding = " ".repeat(16 * 1024 * 1024);
    let file = format!("[{{\"title\":\"Long\",\"mapping\":{{{padding}}}}}]");
    let report = ann
        .post_as(IMPORT, "application/json", file)
        .await
        .expect(200);
    let skipped = &report["skipped"][0];
    assert_eq!(
        (&skipped["title"], &skipped["reason"]),
        (&json!("Long"), &json!("it is longer than 16777216 bytes"))
    );
}

async fn slow_readers_hold_no_connections(app: TestApp) {
    let ann = app.register("ann").await;
    let conversations: Vec<_> = (0..20)
        .map(|number| {
            let messages = [message_of(
                100 + number,
                None,
                "user",
                &"x".repeat(1_000_000),
            )];
            conversation_of(10 + number, "Long", &messages)
        })
        .collect();
    import(&ann, &file_of(&conversations)).await;
    // More than there are connections, and none of them reads on.
    let mut readers = Vec::new();
    for _ in 0..12 {
        let mut body = ann
            .request("GET", EXPORT)
            .send()
            .await
            .unwrap()
            .bytes_stream();
        assert!(body.next().await.unwrap().is_ok());
        readers.push(body);
    }
    for _ in 0..5 {
        let answer = tokio::time::timeout(Duration::from_secs(5), ann.conversation()).await;
        answer.expect("an answer in time");
    }
    let mut last = readers.pop().unwrap();
    let mut length = 0;
    while let Some(chunk) = last.next().await {
        length += chunk.unwrap().len();
    }
    assert!(length > 19_000_000, "{length}");
}

/// Sends the head of an import, and waits until the server asks for the file.
async fn begin_to_send(client: &Client, length: usize) -> TcpStream {
    let address = client.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {IMPORT} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n",
        client.token()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

async fn a_user_imports_one_file_at_a_time(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let file = file_of(&[conversation_of(2, "A", &[])]).to_string();
    let empty = file_of(&[]).to_string();
    let send_empty = async |client: &Client| {
        client
            .post_as(IMPORT, "application/json", empty.clone())
            .await
    };
    let mut first = begin_to_send(&ann, file.len()).await;
    let text = "Another file of yours is being imported. Wait until that is done.";
    send_empty(&ann).await.is(409, &json!({ "error": text }));
    send_empty(&bob).await.expect(200);
    first.write_all(file.as_bytes()).await.unwrap();
    let mut answer = String::new();
    first.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("\"imported\":1"), "{answer}");
    send_empty(&ann).await.expect(200);

    // Whoever breaks off leaves nothing behind, and may begin anew.
    let mut broken = begin_to_send(&bob, file.len()).await;
    broken.write_all(&file.as_bytes()[..100]).await.unwrap();
    drop(broken);
    eventually("the place to be free", async || {
        (send_empty(&bob).await.status == 200).then_some(())
    })
    .await;
    super::assert_empty_of_conversations(&bob).await;
}

async fn an_import_goes_on_without_its_client(app: TestApp) {
    let ann = app.register("ann").await;
    let first = conversation_of(3, "The first", &[]);
    let last = conversation_of(4, "The last", &[]);
    let file = file_of(&[first, long(), last]).to_string();
    let mut sent = begin_to_send(&ann, file.len()).await;
    sent.write_all(file.as_bytes()).await.unwrap();
    let count = async |least: usize| {
        let list = ann.get("/api/conversations/").await.expect(200);
        let count = list["results"].as_array().unwrap().len();
        (count >= least).then_some(())
    };
    eventually("the import to begin", async || count(1).await).await;
    drop(sent);
    eventually("the import to end", async || count(3).await).await;
}
