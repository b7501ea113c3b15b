//! A reader of event streams, as strict as a browser is lenient: what it does not know is a fault.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Client;

/// How long a reader waits for something new, comments included.
const PATIENCE: Duration = Duration::from_secs(60);

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: u64,
    pub name: String,
    pub data: Value,
    /// When it was here.
    pub at: Instant,
}

impl Event {
    /// The text of a `delta` or `reasoning`.
    #[track_caller]
    pub fn text(&self) -> &str {
        self.data["text"].as_str().expect("a text")
    }

    /// What makes it the same event for another reader.
    pub fn essence(&self) -> (u64, &str, &Value) {
        (self.id, &self.name, &self.data)
    }
}

/// A stream that is being read. Dropped, it closes the connection.
pub struct Events {
    pub headers: HeaderMap,
    /// When each comment came.
    pub comments: Vec<Instant>,
    response: reqwest::Response,
    /// What was read and is not told yet.
    buffer: Vec<u8>,
    /// Whether the body ended as it should, not by a broken connection.
    pub ended_well: bool,
}

impl Events {
    /// Sends a request that must be answered with a stream.
    pub async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        let headers = response.headers().clone();
        if response.status() != 200 || headers["content-type"] != "text/event-stream" {
            let status = response.status();
            panic!("no stream: {status} {:?}", response.text().await);
        }
        Self {
            headers,
            comments: Vec::new(),
            response,
            buffer: Vec::new(),
            ended_well: false,
        }
    }

    /// The next event; `None` at the end of the stream, however it ends.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let block = String::from_utf8(block).expect("UTF-8");
                if block.starts_with(':') {
                    assert_eq!(block.lines().filter(|line| !line.is_empty()).count(), 1);
                    self.comments.push(Instant::now());
                } else {
                    return Some(read(&block));
                }
            }
            let more = timeout(PATIENCE, self.response.chunk())
                .await
                .expect("neither an event nor a comment in time");
            match more {
                Ok(Some(bytes)) => self.buffer.extend_from_slice(&bytes),
                Ok(None) => {
                    assert!(self.buffer.is_empty(), "it ends within an event");
                    self.ended_well = true;
                    return None;
                }
                Err(_) => return None,
            }
        }
    }

    /// All events up to the first that ends a text of at least this length.
    pub async fn until_text(&mut self, length: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while text(&events).len() < length {
            events.push(self.next().await.expect("more text"));
        }
        events
    }

    /// All events to the end, which must be a good one.
    pub async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        assert!(self.ended_well, "the connection broke after {events:?}");
        events
    }
}

fn read(block: &str) -> Event {
    let mut fields = BTreeMap::new();
    for line in block.lines().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").expect("a field");
        assert!(
            ["id", "event", "data"].contains(&name),
            "an unknown field: {line}"
        );
        assert_eq!(fields.insert(name, value), None, "twice: {block}");
    }
    Event {
        id: fields["id"].parse().expect("a whole number"),
        name: fields["event"].to_owned(),
        data: serde_json::from_str(fields["data"]).expect("JSON"),
        at: Instant::now(),
    }
}

/// The answer's text, put together.
pub fn text(events: &[Event]) -> String {
    of_kind(events, "delta")
}

/// What the model thought, put together.
pub fn reasoning(events: &[Event]) -> String {
    of_kind(events, "reasoning")
}

fn of_kind(events: &[Event], name: &str) -> String {
    events
        .iter()
        .filter(|event| event.name == name)
        .map(Event::text)
        .collect()
}

/// The names in order, neighbours of one name as one.
pub fn names(events: &[Event]) -> Vec<&str> {
    let mut names: Vec<&str> = events.iter().map(|event| &*event.name).collect();
    names.dedup();
    names
}

/// Checks what is true of every stream that is read from its beginning to its end; returns the last event, with the text
/// in its answer that the events before gave.
#[track_caller]
pub fn check_whole(events: &[Event]) -> Event {
    assert!(
        events.is_sorted_by(|before, after| before.id < after.id),
        "ids do not increase: {events:?}"
    );
    let (first, mut last) = (&events[0], events.last().unwrap().clone());
    assert_eq!(first.name, "start", "{events:?}");
    assert!(
        ["finish", "error"].contains(&&*last.name),
        "no end: {events:?}"
    );
    let between = &events[1..events.len() - 1];
    assert!(
        between
            .iter()
            .all(|event| ["delta", "reasoning", "usage"].contains(&&*event.name)),
        "{events:?}"
    );
    let answer = &mut last.data["assistant_message"];
    assert_eq!(answer["id"], first.data["assistant_message"]["id"]);
    // They are told once, because they may be long.
    for told in ["content", "reasoning"] {
        assert_eq!(answer.get(told), None);
    }
    let thought = Some(reasoning(events)).filter(|thought| !thought.is_empty());
    answer["content"] = json!(text(events));
    answer["reasoning"] = json!(thought);
    last
}

impl Client {
    /// The request to say something and to be told the answer as it comes.
    pub fn asking(&self, conversation: &str, content: &str) -> RequestBuilder {
        let path = format!("/api/conversations/{conversation}/send_message/");
        self.request("POST", &path)
            .header("accept", "text/event-stream")
            .header("content-type", "application/json")
            .body(json!({ "content": content }).to_string())
    }

    /// Says something and reads the answer as it comes.
    pub async fn ask(&self, conversation: &str, content: &str) -> Events {
        Events::open(self.asking(conversation, content)).await
    }

    /// The request to join the running turn.
    pub fn watching(&self, conversation: &str) -> RequestBuilder {
        let path = format!("/api/conversations/{conversation}/stream/");
        self.request("GET", &path)
            .header("accept", "text/event-stream")
    }

    /// Joins the running turn from its beginning.
    pub async fn watch(&self, conversation: &str) -> Events {
        Events::open(self.watching(conversation)).await
    }

    /// Joins the running turn after an event.
    pub async fn watch_after(&self, conversation: &str, id: u64) -> Events {
        let request = self.watching(conversation);
        Events::open(request.header("last-event-id", id.to_string())).await
    }
}
