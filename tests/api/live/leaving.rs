//! A turn is the server's: who asked may leave.

use std::time::Duration;

use serde_json::json;

use super::{ann, asked, ended, paced, pieces, words};
use crate::support::client::send;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    a_reader_that_leaves_at_the_fifth_of_fifty_words_loses_none,
    a_client_that_no_longer_waits_for_its_answer_loses_none_of_it,
    a_client_that_leaves_at_once_is_answered_or_was_never_heard,
}

async fn a_reader_that_leaves_at_the_fifth_of_fifty_words_loses_none(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    app.model.replies([paced(50, Duration::from_millis(20))]);
    let mut events = ann.ask(&conversation, "Hello").await;
    let read = events.until_text(words(5).len()).await;
    assert!(read.last().unwrap().name == "delta");
    drop(events);
    assert_eq!(ann.messages(&conversation).await[1]["status"], "pending");
    let answer = ended(&ann, &conversation).await;
    assert_eq!(
        (&answer["status"], &answer["content"]),
        (&json!("complete"), &json!(words(50).trim_end()))
    );
    assert_eq!(answer["tokens_used"], 18);
    assert!(app.model.server.nobody_left());
    assert_eq!((app.model.server.calls(), pieces(&app.db).await), (1, 0));
}

async fn a_client_that_no_longer_waits_for_its_answer_loses_none_of_it(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    app.model.replies([paced(50, Duration::from_millis(20))]);
    let path = format!("/api/conversations/{conversation}/send_message/");
    let request = ann
        .request("POST", &path)
        .header("content-type", "application/json")
        .body(r#"{"content": "Hello"}"#);
    let waiting = tokio::spawn(send(request));
    asked(&app, 1).await;
    let mut watching = ann.watch(&conversation).await;
    watching.until_text(words(5).len()).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    drop(watching);
    let answer = ended(&ann, &conversation).await;
    assert_eq!(
        (&answer["status"], &answer["content"]),
        (&json!("complete"), &json!(words(50).trim_end()))
    );
    assert!(app.model.server.nobody_left());
}

/// Whenever it leaves, there is either a whole turn or none.
async fn a_client_that_leaves_at_once_is_answered_or_was_never_heard(app: TestApp) {
    let ann = app.register("ann").await;
    let conversations = super::more_conversations(&ann, 40).await;
    for (number, conversation) in conversations.iter().enumerate() {
        let asking = tokio::spawn(send(ann.asking(conversation, "Hello")));
        tokio::time::sleep(Duration::from_micros(number as u64 * 200)).await;
        asking.abort();
    }
    for conversation in &conversations {
        let messages = ann.messages(conversation).await;
        if messages.is_empty() {
            continue;
        }
        assert_eq!(messages.len(), 2);
        let answer = ended(&ann, conversation).await;
        assert_eq!(
            (&answer["status"], &answer["content"]),
            (&json!("complete"), &json!("You said: Hello"))
        );
    }
    assert_eq!(pieces(&app.db).await, 0);
}
