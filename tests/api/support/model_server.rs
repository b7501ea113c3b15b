//! A model server on this machine that says what a test tells it to, byte by byte.
//!
//! It speaks raw HTTP/1.1 over TCP, because an HTTP library would not let a test break off inside a
//! character, reset the connection or never answer.

// Each test module uses a part of it.
#![allow(dead_code)]

mod answers;
mod reply;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

pub use self::{
    answers::{
        ollama_answer, ollama_line, ollama_models, openai_answer, openai_chunk, openai_error,
        openai_finish, openai_models, openai_usage,
    },
    reply::{End, Gate, Reply},
};

/// How long [`ModelServer::client_left`] waits before it gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running server. Stops when dropped.
pub struct ModelServer {
    address: SocketAddr,
    seen: Arc<Seen>,
    _running: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    asked: Mutex<Vec<Asked>>,
    connections: Mutex<usize>,
    left: watch::Sender<usize>,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    /// `null` if there was none.
    pub body: Value,
}

impl Asked {
    pub fn authorization(&self) -> Option<&str> {
        self.headers.get("authorization").map(String::as_str)
    }

    pub fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or_default()
    }
}

impl ModelServer {
    /// Starts a server on a free port.
    pub async fn start(script: impl Into<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Seen::default());
        let mut running = JoinSet::new();
        running.spawn(accept(listener, Arc::new(script.into()), Arc::clone(&seen)));
        Self {
            address,
            seen,
            _running: running,
        }
    }

    /// The address for Ollama.
    pub fn ollama_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address for OpenAI's API.
    pub fn openai_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.seen.asked.lock().unwrap().clone()
    }

    /// The only request so far.
    pub fn only_asked(&self) -> Asked {
        let asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked[0].clone()
    }

    /// The number of requests so far.
    pub fn calls(&self) -> usize {
        self.seen.asked.lock().unwrap().len()
    }

    /// The number of connections so far.
    pub fn connections(&self) -> usize {
        *self.seen.connections.lock().unwrap()
    }

    /// Waits until a client has closed its connection in the middle of an answer.
    pub async fn client_left(&self) {
        self.clients_left(1).await;
    }

    /// Waits until so many have.
    pub async fn clients_left(&self, number: usize) {
        let mut left = self.seen.left.subscribe();
        let gone = timeout(PATIENCE, left.wait_for(|count| *count >= number)).await;
        assert!(gone.is_ok(), "the client kept its connection");
    }

    /// Whether no client has closed its connection in the middle of an answer.
    pub fn nobody_left(&self) -> bool {
        *self.seen.left.borrow() == 0
    }
}

/// An address at which nobody listens.
pub async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// What the server answers to which request.
pub struct Script(Box<Answer>);

type Answer = dyn Fn(&Asked, usize) -> Reply + Send + Sync;

impl Script {
    /// The answer depends on the request and on how many there were before it.
    pub fn new(answer: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self(Box::new(answer))
    }

    /// Each model has replies of its own, used in order, the last one over and over. Other models
    /// are not found. The lists of models name these.
    pub fn by_model<'m>(models: impl IntoIterator<Item = (&'m str, Vec<Reply>)>) -> Self {
        let models: HashMap<String, (Vec<Reply>, Mutex<usize>)> = models
            .into_iter()
            .map(|(name, replies)| (name.to_owned(), (replies, Mutex::new(0))))
            .collect();
        Self::new(move |asked, _| {
            let mut names: Vec<&str> = models.keys().map(String::as_str).collect();
            names.sort_unstable();
            match (asked.path.as_str(), models.get(asked.model())) {
                ("/v1/models", _) => openai_models(&names),
                ("/api/tags", _) => ollama_models(&names),
                (_, Some((replies, calls))) => {
                    let mut calls = calls.lock().unwrap();
                    let reply = &replies[(*calls).min(replies.len() - 1)];
                    *calls += 1;
                    reply.clone()
                }
                ("/api/chat", None) => {
                    let text = format!("model '{}' not found", asked.model());
                    Reply::json(404, &json!({ "error": text }))
                }
                (_, None) => openai_error(404, "The model does not exist", "model_not_found"),
            }
        })
    }
}

impl From<Reply> for Script {
    fn from(reply: Reply) -> Self {
        Self::new(move |_, _| reply.clone())
    }
}

/// In order, the last one over and over.
impl From<Vec<Reply>> for Script {
    fn from(replies: Vec<Reply>) -> Self {
        Self::new(move |_, calls| replies[calls.min(replies.len() - 1)].clone())
    }
}

async fn accept(listener: TcpListener, script: Arc<Script>, seen: Arc<Seen>) {
    let mut open = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        *seen.connections.lock().unwrap() += 1;
        open.spawn(serve(socket, Arc::clone(&script), Arc::clone(&seen)));
    }
}

/// Answers the requests of one connection.
async fn serve(mut socket: TcpStream, script: Arc<Script>, seen: Arc<Seen>) {
    let _ = socket.set_nodelay(true);
    loop {
        let (from, mut to) = socket.split();
        let mut from = BufReader::new(from);
        let Some(asked) = read_request(&mut from).await else {
            return;
        };
        let calls = {
            let mut all = seen.asked.lock().unwrap();
            all.push(asked.clone());
            all.len() - 1
        };
        let reply = (script.0)(&asked, calls);
        let send = async {
            let sent = reply.send(&mut to).await;
            if reply.end == End::Silence && sent.is_ok() {
                std::future::pending::<()>().await;
            }
            sent
        };
        // A client says nothing while it listens, so whatever can be read is its leaving.
        let left = tokio::select! {
            sent = send => sent.is_err(),
            _ = from.read_u8() => true,
        };
        if left {
            seen.left.send_modify(|count| *count += 1);
            return;
        }
        match reply.end {
            End::Complete => {}
            End::Reset => {
                // What was sent shall arrive before the reset does.
                sleep(Duration::from_millis(50)).await;
                let _ = socket.set_zero_linger();
                return;
            }
            End::Close | End::Silence => return,
        }
    }
}

async fn read_request(from: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Asked> {
    let first = read_line(from).await?;
    let mut first = first.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let line = read_line(from).await?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|l| l.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    from.read_exact(&mut body).await.ok()?;
    Some(Asked {
        method,
        path,
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}

async fn read_line(from: &mut (impl AsyncBufReadExt + Unpin)) -> Option<String> {
    let mut line = String::new();
    match from.read_line(&mut line).await {
        Ok(length) if length > 0 => Some(line.trim_end().to_owned()),
        _ => None,
    }
}
