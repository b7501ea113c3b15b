//! A client of the WebSocket, and one of event streams to compare it with.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::support::client::send;
use crate::support::{Client, TestApp};

const PATIENCE: Duration = Duration::from_secs(20);

/// An open socket.
pub struct Socket {
    pub stream: WebSocketStream<TcpStream>,
}

impl Socket {
    /// Opens a socket at this path with these headers.
    pub async fn open(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> (Self, Response) {
        Self::try_open(app, path, headers, None)
            .await
            .expect("a socket")
    }

    /// The same, perhaps with room for only so many bytes that were not read.
    pub async fn try_open(
        app: &TestApp,
        path: &str,
        headers: &[(&str, &str)],
        room: Option<u32>,
    ) -> Result<(Self, Response), Error> {
        let address = app.base.trim_start_matches("http://");
        let mut request = format!("ws://{address}{path}").into_client_request()?;
        for &(name, value) in headers {
            let name: HeaderName = name.parse().expect("a name");
            let value = HeaderValue::from_str(value).expect("a value");
            request.headers_mut().insert(name, value);
        }
        let socket = TcpSocket::new_v4()?;
        if let Some(room) = room {
            socket.set_recv_buffer_size(room)?;
        }
        let connection = socket.connect(address.parse().expect("an address")).await?;
        let config = WebSocketConfig::default().max_frame_size(None);
        let (stream, response) =
            client_async_with_config(request, connection, Some(config)).await?;
        Ok((Self { stream }, response))
    }

    /// A socket on which somebody is known.
    pub async fn of(app: &TestApp, client: &Client) -> Self {
        let path = format!("/ws/chat/?token={}", client.token());
        let (mut socket, _) = Self::open(app, &path, &[]).await;
        socket.is_established(&Value::Null).await;
        socket
    }

    /// One that watches a conversation.
    pub async fn watching(app: &TestApp, client: &Client, conversation: &str) -> Self {
        let mut socket = Self::of(app, client).await;
        let subscribed = socket.subscribe(conversation).await;
        assert_eq!(subscribed["type"], "subscribed", "{subscribed}");
        socket
    }

    pub async fn subscribe(&mut self, conversation: &str) -> Value {
        self.ask(json!({ "type": "subscribe", "conversation_id": conversation }))
            .await
    }

    pub async fn is_established(&mut self, conversation: &Value) {
        let expected = json!({ "type": "connection_established", "conversation_id": conversation });
        assert_eq!(self.next().await, expected);
    }

    /// Whether it is still served.
    pub async fn lives(&mut self) {
        assert_eq!(
            self.ask(json!({ "type": "ping" })).await,
            json!({ "type": "pong" })
        );
    }

    pub async fn send(&mut self, message: Message) {
        self.stream.send(message).await.expect("an open socket");
    }

    pub async fn tell(&mut self, frame: Value) {
        self.send(Message::text(frame.to_string())).await;
    }

    /// Sends a frame and waits for the next one.
    pub async fn ask(&mut self, frame: Value) -> Value {
        self.tell(frame).await;
        self.next().await
    }

    /// The next frame that is text.
    pub async fn next(&mut self) -> Value {
        loop {
            match self.message().await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).expect("JSON");
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no text: {other:?}"),
            }
        }
    }

    /// Whatever comes next.
    pub async fn message(&mut self) -> Option<Result<Message, Error>> {
        timeout(PATIENCE, self.stream.next())
            .await
            .expect("something to come in time")
    }

    /// Asserts that nothing but pings comes for a while.
    pub async fn is_quiet(&mut self, time: Duration) {
        let heard = timeout(time, self.next()).await;
        assert!(heard.is_err(), "{heard:?}");
    }

    /// The code and the reason with which it is closed, whatever comes before that.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.message().await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(_)) => {}
                other => panic!("not closed in words: {other:?}"),
            }
        }
    }

    /// All frames up to the end of a turn.
    pub async fn turn(&mut self) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            let is_end = frame.get("assistant_message").is_some() && frame["type"] != "start";
            frames.push(frame);
            if is_end {
                return frames;
            }
        }
    }
}

/// The frames that are events.
pub fn events(frames: &[Value]) -> Vec<Value> {
    let frames = frames.iter().filter(|frame| frame.get("id").is_some());
    frames.cloned().collect()
}

/// The text of all deltas.
pub fn text(frames: &[Value]) -> String {
    text_of(frames, "delta")
}

pub fn text_of(frames: &[Value], name: &str) -> String {
    let pieces = frames.iter().filter(|frame| frame["type"] == name);
    pieces
        .map(|frame| frame["text"].as_str().expect("text"))
        .collect()
}

/// Events without regard to how their text is cut: neighbours of one kind are joined, with the id of the last.
pub fn joined(events: &[Value]) -> Vec<Value> {
    let mut joined: Vec<Value> = Vec::new();
    for event in events {
        match joined.last_mut() {
            Some(last) if last.get("text").is_some() && last["type"] == event["type"] => {
                let text = last["text"].as_str().unwrap().to_owned();
                last["text"] = json!(text + event["text"].as_str().unwrap());
                last["id"] = event["id"].clone();
            }
            _ => joined.push(event.clone()),
        }
    }
    joined
}

/// Says something and reads the event stream to its end; the events look like those of a socket.
pub async fn say_streaming(client: &Client, conversation: &str, content: &str) -> Vec<Value> {
    let path = format!("/api/conversations/{conversation}/send_message/");
    let body = json!({ "content": content, "stream": true });
    let request = client
        .request("POST", &path)
        .header("content-type", "application/json")
        .body(body.to_string());
    let answer = send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut events = Vec::new();
    for block in answer.text.split("\n\n") {
        let field = |name: &str| {
            let mut lines = block.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        if let (Some(id), Some(name), Some(data)) = (field("id"), field("event"), field("data")) {
            let mut event: Value = serde_json::from_str(data).expect("JSON");
            event["type"] = json!(name);
            event["id"] = id.parse::<u64>().expect("a number").into();
            events.push(event);
        }
    }
    let message = events[0]["assistant_message"]["id"].clone();
    for event in &mut events {
        event["conversation_id"] = json!(conversation);
        event["message_id"] = message.clone();
    }
    events
}
