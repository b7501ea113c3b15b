//! The order of what is said and thought.

use meggy::db::Executor;
use serde_json::{Value, json};

use super::ann;
use crate::support::client::id;
use crate::support::model_server::{Reply, openai_chunk, openai_finish};
use crate::support::{TestApp, on_each_database};

on_each_database! {
    what_is_said_next_is_later_whatever_the_clock_says,
    thoughts_in_between_are_neither_lost_nor_doubled,
}

/// The server before had a clock that was ahead.
async fn what_is_said_next_is_later_whatever_the_clock_says(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    ann.say(&conversation, "First").await.expect(200);
    for ahead in [
        "UPDATE messages SET created_at = $1",
        "UPDATE conversations SET updated_at = $1, last_message_at = $1",
    ] {
        let later = chrono::Utc::now() + chrono::Duration::hours(1);
        let change = app.db.query(ahead).bind(later);
        change.execute().await.unwrap();
    }
    let answer = ann.say(&conversation, "Second").await.expect(200);
    let asked = app.model.last_asked().body["messages"].clone();
    assert_eq!(
        asked.as_array().unwrap().last().unwrap()["content"],
        "Second"
    );
    let again = format!(
        "/api/conversations/{conversation}/messages/{}/regenerate/",
        id(&answer["assistant_message"])
    );
    let other = ann.post(&again, json!({})).await.expect(200);
    let third = ann.say(&conversation, "Third").await.expect(200);
    let ids: Vec<String> = ann.messages(&conversation).await.iter().map(id).collect();
    assert_eq!(
        ids[2..],
        [
            id(&answer["user_message"]),
            id(&other["assistant_message"]),
            id(&third["user_message"]),
            id(&third["assistant_message"]),
        ]
    );
    let listed = ann.get("/api/conversations/").await.expect(200);
    assert_eq!(
        listed["results"][0]["last_message"]["content"],
        third["assistant_message"]["content"]
    );
}

/// Whoever comes back after the end to such an answer is told all of it, because its stored texts do not say in which
/// order they came.
async fn thoughts_in_between_are_neither_lost_nor_doubled(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let mut chunks: Vec<Value> = Vec::new();
    for (kind, text) in [
        ("content", "One. "),
        ("reasoning_content", "Hm. "),
        ("content", "Two."),
    ] {
        chunks.push(openai_chunk(&json!({ kind: text })));
    }
    chunks.push(openai_finish("stop"));
    app.model.replies([Reply::events(&chunks)]);
    let path = format!("/api/conversations/{conversation}/send_message/");
    let request = ann
        .request("POST", &path)
        .json(&json!({ "content": "Hello", "stream": true }));
    let live = request.send().await.unwrap().text().await.unwrap();
    let order = |stream: &str, text: &str| stream.find(text).unwrap_or_else(|| panic!("{stream}"));
    assert!(order(&live, "One. ") < order(&live, "Hm. "));
    assert!(order(&live, "Hm. ") < order(&live, "Two."));
    // The id of the first piece: what is behind it is not known any more, so there is everything.
    let first = live
        .lines()
        .skip_while(|line| *line != "event: start")
        .find_map(|line| line.strip_prefix("id: "))
        .unwrap();
    let token = ann.token();
    let path = format!("/ws/chat/{conversation}/?token={token}&last_event_id={first}");
    let (mut back, _) = crate::socket::client::Socket::open(&app, &path, &[]).await;
    back.is_established(&json!(conversation)).await;
    back.next().await;
    let told = back.turn().await;
    assert_eq!(told[0]["type"], "start");
    assert_eq!(crate::socket::client::text(&told), "One. Two.");
}
