//! A client of the API, and what it is answered.

use std::sync::OnceLock;

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// Somebody who talks to the server, with a token or without.
#[derive(Clone)]
pub struct Client {
    pub base: String,
    pub token: Option<String>,
    /// The refresh token; empty for strangers.
    pub refresh_token: String,
    /// The account as it was when it was made; null for strangers.
    pub user: Value,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// Null if the body is empty or no JSON.
    pub json: Value,
}

impl Answer {
    /// The body of an answer that must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json
    }

    /// Compares status and body.
    #[track_caller]
    pub fn is(&self, status: u16, body: &Value) {
        assert_eq!((self.status, &self.json), (status, body), "{}", self.text);
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("a readable header"))
    }

    /// The items of a header that is a list, sorted.
    pub fn list(&self, name: &str) -> Vec<String> {
        let values = self.headers.get_all(name).iter();
        let items = values.flat_map(|value| value.to_str().expect("a readable header").split(','));
        let mut items: Vec<String> = items.map(|item| item.trim().to_ascii_uppercase()).collect();
        items.sort();
        items
    }
}

/// Keeps no connections: each belongs to the runtime of one test, and this client to all.
fn http() -> &'static reqwest::Client {
    static HTTP: OnceLock<reqwest::Client> = OnceLock::new();
    HTTP.get_or_init(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        builder
            .pool_max_idle_per_host(0)
            .build()
            .expect("an HTTP client")
    })
}

/// Sends a request and reads the whole answer.
pub async fn send(request: RequestBuilder) -> Answer {
    try_send(request).await.expect("an answer")
}

/// The same, where there may be none.
pub async fn try_send(request: RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = String::from_utf8_lossy(&response.bytes().await?).into_owned();
    let json = serde_json::from_str(&text).unwrap_or_default();
    Ok(Answer {
        status,
        headers,
        text,
        json,
    })
}

impl Client {
    /// Somebody without a token.
    pub fn stranger(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            token: None,
            refresh_token: String::new(),
            user: Value::Null,
        }
    }

    /// The same client with another token.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..self.clone()
        }
    }

    /// Makes an account.
    pub async fn register(&self, email: &str, name: &str, password: &str) -> Self {
        let body = json!({ "email": email, "name": name, "password": password });
        let session = self.post("/api/auth/register/", body).await.expect(201);
        let text = |name: &str| session[name].as_str().expect("a token").to_owned();
        Self {
            base: self.base.clone(),
            token: Some(text("access_token")),
            refresh_token: text("refresh_token"),
            user: session["user"].clone(),
        }
    }

    /// The id of the account.
    pub fn id(&self) -> &str {
        self.user["id"].as_str().expect("an account")
    }

    pub fn token(&self) -> &str {
        self.token.as_deref().expect("a token")
    }

    /// A request to be completed and sent with [`send`].
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = http().request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    /// A request with any method and body.
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let request = self.request(method, path);
        send(match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string()),
            None => request,
        })
        .await
    }

    /// A POST with a body of any type.
    pub async fn post_as(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        send(
            self.request("POST", path)
                .header("content-type", content_type)
                .body(body.into()),
        )
        .await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, Some(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None).await
    }

    pub async fn login(&self, email: &str, password: &str) -> Answer {
        self.post(
            "/api/auth/login/",
            json!({ "email": email, "password": password }),
        )
        .await
    }

    /// Makes an agent and returns its id.
    pub async fn agent(&self, body: Value) -> String {
        id(&self.post("/api/agents/", body).await.expect(201))
    }

    /// Begins a conversation with a new agent called `Bruno` unless there is one; returns its id.
    pub async fn conversation(&self) -> String {
        let agent = id(&self.get("/api/agents/default/").await.expect(200));
        self.conversation_with(&agent).await
    }

    /// Begins a conversation with an agent; returns its id.
    pub async fn conversation_with(&self, agent: &str) -> String {
        id(&self
            .post("/api/conversations/", json!({ "agent": agent }))
            .await
            .expect(201))
    }

    /// Says something in a conversation.
    pub async fn say(&self, conversation: &str, content: &str) -> Answer {
        self.post(
            &format!("/api/conversations/{conversation}/send_message/"),
            json!({ "content": content }),
        )
        .await
    }

    /// The messages of a conversation.
    pub async fn messages(&self, conversation: &str) -> Vec<Value> {
        let detail = self
            .get(&format!("/api/conversations/{conversation}/"))
            .await
            .expect(200);
        detail["messages"].as_array().expect("messages").clone()
    }
}

/// The id of an object.
#[track_caller]
pub fn id(object: &Value) -> String {
    object["id"].as_str().expect("an id").to_owned()
}

/// A message without what the events of its turn have told before its end.
pub fn without_text(message: &Value) -> Value {
    let mut message = message.clone();
    if let Some(fields) = message.as_object_mut() {
        fields.remove("content");
        fields.remove("reasoning");
    }
    message
}
