//! HTTP as both providers need it: one connection pool per server, no redirects, bounded reading.

use std::{fmt, io, net::IpAddr, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::{Client, Response, Url, header, redirect};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use super::{
    Error, ErrorKind, LAST_WORDS, ProviderName, SettingsError,
    refusal::{Complaint, Refusal},
};

/// Most bytes read of an error body.
const REFUSAL_LIMIT: usize = 64 * 1024;

/// Most bytes read of a list of models; OpenRouter's some hundred models take half a megabyte.
const LIST_LIMIT: usize = 8 * 1024 * 1024;

/// Longest line or event of a stream, in bytes: what Ollama's own client accepts.
pub(super) const LINE_LIMIT: usize = 8 * 1024 * 1024;

/// A model server: its address, the connections to it and the key for it.
pub(super) struct Server {
    pub provider: ProviderName,
    pub http: Client,
    /// Without a slash at the end.
    pub base_url: String,
    /// Hidden wherever the server repeats it; sending it is up to the provider.
    pub key: Option<SecretString>,
}

/// Why there is no response to read.
#[derive(Debug)]
pub(super) enum Trouble {
    /// No connection, or none any more.
    Unreachable(String),
    /// The server answered that it would not.
    Refused(Box<Refusal>),
    /// The response is not what a model server sends; says what it was.
    Unexpected(ErrorKind, String),
}

impl Server {
    /// Prepares, but does not open, connections to `base_url`.
    pub fn new(
        provider: ProviderName,
        base_url: &str,
        key: Option<SecretString>,
        connect_timeout: Duration,
    ) -> Result<Self, SettingsError> {
        let (variable, example) = match provider {
            ProviderName::OpenAi => ("OPENAI_BASE_URL", "http://localhost:8000/v1"),
            ProviderName::Ollama => ("OLLAMA_BASE_URL", "http://localhost:11434"),
        };
        let url = Url::parse(base_url.trim())
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            // Paths are appended to the address as text.
            .filter(|url| url.query().is_none() && url.fragment().is_none())
            .ok_or(SettingsError::BaseUrl { variable, example })?;
        // reqwest panics without one; a second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = Client::builder()
            .user_agent(concat!("meggy/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(connect_timeout)
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_secs(30))
            // A redirect would carry the conversation, if not the key, to somewhere else.
            .redirect(redirect::Policy::none());
        if url.scheme() == "http" {
            // Then the system's CA certificates need not even exist.
            http = http.tls_certs_only([]);
        }
        if is_loopback(&url) {
            // HTTP_PROXY is meant for the world outside.
            http = http.no_proxy();
        }
        Ok(Self {
            provider,
            http: http.build().map_err(|error| SettingsError::Https {
                variable,
                problem: causes(&error),
            })?,
            base_url: url.as_str().trim_end_matches('/').to_owned(),
            key,
        })
    }

    /// Sends a request once. Only a success that is not a web page comes back as a response.
    pub async fn send(
        &self,
        request: reqwest::Result<reqwest::Request>,
    ) -> Result<Response, Trouble> {
        let response = match request {
            Ok(request) => self.http.execute(request).await,
            Err(error) => Err(error),
        };
        let response = response.map_err(|error| Trouble::Unreachable(causes(&error)))?;
        if !response.status().is_success() {
            return Err(Trouble::Refused(Box::new(read_refusal(response).await)));
        }
        if has_content_type(&response, "text/html") {
            return Err(Trouble::Unexpected(
                ErrorKind::WrongServer,
                "a web page".to_owned(),
            ));
        }
        Ok(response)
    }

    /// Sends a request and reads its answer as one JSON value.
    pub async fn fetch<T: DeserializeOwned>(
        &self,
        request: reqwest::Result<reqwest::Request>,
    ) -> Result<T, Trouble> {
        let body = read_up_to(LIST_LIMIT, self.send(request).await?).await;
        serde_json::from_slice(&body)
            .map_err(|error| Trouble::Unexpected(ErrorKind::WrongServer, error_place(&error)))
    }

    /// Says what happened in the words of [`Error`].
    pub fn error(&self, model: Option<&str>, trouble: Trouble) -> Error {
        match trouble {
            Trouble::Unreachable(cause) => Error::new(self.provider, model, ErrorKind::Unreachable)
                .retryable(true)
                .because(&cause),
            Trouble::Refused(refusal) => {
                refusal.into_error(self.provider, model, self.key.as_ref())
            }
            Trouble::Unexpected(kind, what) => {
                Error::new(self.provider, model, kind).because(&what)
            }
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the model server gave no usable response")
    }
}

impl std::error::Error for Trouble {}

/// For a response that should be a stream of events: a JSON body is an error that came with status
/// 200, or a server that does not stream.
pub(super) async fn expect_events(response: Response) -> Result<Response, Trouble> {
    if !has_content_type(&response, "application/json") {
        return Ok(guard_events(response));
    }
    let refusal = read_refusal(response).await;
    Err(if refusal.complaint.is_some() {
        Trouble::Refused(Box::new(refusal))
    } else {
        Trouble::Unexpected(ErrorKind::Malformed, "one JSON value, no stream".to_owned())
    })
}

/// Guards the reading of events, which is not ours, in two ways. The body fails when one event
/// grows beyond [`LINE_LIMIT`], because the bytes would be gathered without end. And `[DONE]` is
/// passed on only when the body has been read to its end, because reading stops there, and a
/// connection with something left in it cannot be used again.
fn guard_events(response: Response) -> Response {
    let (head, body) = http::Response::<reqwest::Body>::from(response).into_parts();
    let body = Response::from(http::Response::new(body)).bytes_stream();
    let begin = (body.map_err(io::Error::other), EventLength::default());
    let pieces = stream::unfold(begin, |(mut body, mut event)| async move {
        let mut piece = body.next().await?;
        if let Ok(bytes) = &piece {
            event.add(bytes);
            if event.bytes > LINE_LIMIT {
                piece = Err(io::Error::other("an event of the stream is too long"));
            } else if is_end(bytes) {
                let _ = timeout(LAST_WORDS, body.next()).await;
            }
        }
        Some((piece, (body, event)))
    });
    http::Response::from_parts(head, reqwest::Body::wrap_stream(pieces)).into()
}

/// Whether a piece of the body ends with the event that ends the stream.
fn is_end(piece: &[u8]) -> bool {
    let line = piece.trim_ascii_end().rsplit(|&byte| byte == b'\n').next();
    matches!(line, Some(b"data: [DONE]" | b"data:[DONE]"))
}

/// Counts the bytes of the current event. An empty line ends an event.
#[derive(Default)]
struct EventLength {
    bytes: usize,
    in_line: bool,
}

impl EventLength {
    fn add(&mut self, piece: &[u8]) {
        for byte in piece {
            match byte {
                b'\r' => {}
                b'\n' if self.in_line => self.in_line = false,
                b'\n' => self.bytes = 0,
                _ => {
                    self.in_line = true;
                    self.bytes += 1;
                }
            }
        }
    }
}

async fn read_refusal(response: Response) -> Refusal {
    let status = response.status();
    let headers = response.headers().clone();
    let body = read_up_to(REFUSAL_LIMIT, response).await;
    let complaint = serde_json::from_slice::<Value>(&body)
        .ok()
        .and_then(|value| Complaint::read(&value));
    // The body may repeat what the user wrote, so nothing but a complaint is taken from it.
    let said = match &complaint {
        Some(complaint) => complaint.message().to_owned(),
        None => format!("{} bytes without a reason", body.len()),
    };
    let said = format!("HTTP {status}: {said}");
    Refusal::new(status, &headers, complaint, said)
}

/// The beginning of the body. What does not arrive is left out: the status already says that the
/// request failed, and half a list fails to parse.
async fn read_up_to(limit: usize, mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        let room = limit - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if body.len() == limit {
            break;
        }
    }
    body
}

fn has_content_type(response: &Response, expected: &str) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(expected))
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

/// An error and what caused it, in one line.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// What is wrong with some JSON, without quoting it: it may be a piece of a conversation.
pub(super) fn error_place(error: &serde_json::Error) -> String {
    format!(
        "JSON {:?} error at line {} column {}",
        error.classify(),
        error.line(),
        error.column(),
    )
}
