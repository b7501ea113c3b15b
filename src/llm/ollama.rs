//! Ollama's native chat: one JSON object per line.
//!
//! Its OpenAI-shaped door is not used: it cannot set the context length and loses errors that come
//! in the middle of an answer.

use std::{collections::VecDeque, io, pin::Pin, sync::Arc};

use futures_util::{
    FutureExt, Stream, StreamExt, TryStreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::timeout;
use tokio_util::{
    codec::{FramedRead, LinesCodec, LinesCodecError},
    io::StreamReader,
};

use super::{
    ChatMessage, Error, ErrorKind, Event, LAST_WORDS, Provider, ProviderName, ReasoningEffort,
    Request, ResponseFormat, Settings, SettingsError, StopReason, Usage,
    reader::{Reader, events, push},
    refusal::{Refusal, is_truthy},
    transport::{LINE_LIMIT, Server, Trouble, causes, error_place},
};

/// A server that speaks Ollama's `/api`.
#[derive(Clone)]
pub(super) struct Ollama {
    server: Arc<Server>,
    context_length: u32,
}

impl Ollama {
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let base_url = &settings.ollama.base_url;
        let timeout = settings.connect_timeout;
        let server = Server::new(ProviderName::Ollama, base_url, None, timeout)?;
        Ok(Self {
            server: Arc::new(server),
            context_length: settings.ollama.context_length,
        })
    }

    async fn open(self, request: Arc<Request>) -> Result<Answer, Error> {
        let parameters = &request.parameters;
        let ask = Ask {
            model: &request.model,
            messages: &request.messages,
            stream: true,
            truncate: false,
            think: parameters.reasoning_effort.map(think),
            format: parameters.response_format.as_ref().and_then(format),
            options: Options {
                temperature: request.temperature,
                num_predict: request.max_tokens,
                num_ctx: request.context_window.unwrap_or(self.context_length),
                top_p: parameters.top_p,
                stop: parameters.stop.as_deref(),
                seed: parameters.seed,
            },
        };
        let url = format!("{}/api/chat", self.server.base_url);
        let model = request.model.clone();
        let request = self.server.http.post(url).json(&ask).build();
        match self.server.send(request).await {
            Ok(response) => Ok(Answer {
                server: self.server,
                model,
                lines: Box::pin(FramedRead::new(
                    StreamReader::new(response.bytes_stream().map_err(io::Error::other)),
                    LinesCodec::new_with_max_length(LINE_LIMIT),
                )),
                began: false,
            }),
            Err(trouble) => Err(self.server.error(Some(&model), trouble)),
        }
    }

    async fn list(self) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Tags {
            models: Vec<Model>,
        }
        #[derive(Deserialize)]
        struct Model {
            name: String,
        }

        let url = format!("{}/api/tags", self.server.base_url);
        let request = self.server.http.get(url).build();
        let tags = self.server.fetch::<Tags>(request).await;
        let tags = tags.map_err(|trouble| self.server.error(None, trouble))?;
        Ok(tags.models.into_iter().map(|model| model.name).collect())
    }
}

impl Provider for Ollama {
    fn chat(&self, request: Arc<Request>) -> BoxStream<'static, Result<Event, Error>> {
        stream::once(self.clone().open(request))
            .map_ok(events)
            .try_flatten()
            .boxed()
    }

    fn models(&self) -> BoxFuture<'static, Result<Vec<String>, Error>> {
        self.clone().list().boxed()
    }
}

/// The request on the wire.
#[derive(Serialize)]
struct Ask<'r> {
    model: &'r str,
    messages: &'r [ChatMessage],
    stream: bool,
    /// `true`, the default, would silently drop the oldest messages when the context is full.
    truncate: bool,
    /// Left out unless it was set: a model that can think then does, and one that cannot does not
    /// refuse.
    #[serde(skip_serializing_if = "Option::is_none")]
    think: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Value>,
    options: Options<'r>,
}

#[derive(Serialize)]
struct Options<'r> {
    temperature: f64,
    num_predict: u32,
    num_ctx: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<&'r [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
}

/// Ollama's word for how long to think, which for not at all is `false`.
fn think(effort: ReasoningEffort) -> Value {
    match effort {
        ReasoningEffort::None => Value::Bool(false),
        effort => effort.as_str().into(),
    }
}

/// What Ollama calls a format; any text is none.
fn format(format: &ResponseFormat) -> Option<Value> {
    match format {
        ResponseFormat::Text => None,
        ResponseFormat::JsonObject => Some("json".into()),
        ResponseFormat::JsonSchema(_) => format.schema().cloned(),
    }
}

/// One line of the answer.
#[derive(Deserialize)]
struct Line {
    message: Option<Message>,
    #[serde(default)]
    done: bool,
    done_reason: Option<String>,
    /// Ollama leaves out counts that are zero, as for a prompt that was wholly cached.
    prompt_eval_count: Option<u32>,
    eval_count: Option<u32>,
    #[serde(default)]
    error: Value,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    thinking: Option<String>,
}

/// An answer being read.
struct Answer {
    server: Arc<Server>,
    model: String,
    lines: Pin<Box<dyn Stream<Item = Result<String, LinesCodecError>> + Send>>,
    /// Whether any line came at all.
    began: bool,
}

impl Reader for Answer {
    async fn read(&mut self, events: &mut VecDeque<Event>) -> Result<(), Error> {
        let Some(line) = self.lines.next().await else {
            return Err(self.error(match self.began {
                true => ErrorKind::CutOff,
                false => ErrorKind::NoAnswer(None),
            }));
        };
        let line = line.map_err(|error| self.broken(&error))?;
        if line.trim().is_empty() {
            return Ok(());
        }
        self.began = true;
        let line: Line = serde_json::from_str(&line).map_err(|error| {
            self.error(ErrorKind::Malformed)
                .because(&error_place(&error))
        })?;
        if is_truthy(&line.error) {
            let refusal = Box::new(Refusal::in_stream(&line.error));
            return Err(self
                .server
                .error(Some(&self.model), Trouble::Refused(refusal)));
        }
        let usage = line.usage();
        if let Some(message) = line.message {
            push(events, Event::Reasoning, message.thinking);
            push(events, Event::Text, message.content);
        }
        if line.done {
            // Read to the end, so that the connection can be used again.
            let _ = timeout(LAST_WORDS, self.lines.next()).await;
            let reason = StopReason::from_wire(line.done_reason.as_deref().unwrap_or("stop"));
            events.push_back(Event::Done { reason, usage });
        }
        Ok(())
    }
}

impl Line {
    fn usage(&self) -> Option<Usage> {
        self.eval_count.map(|completion_tokens| Usage {
            prompt_tokens: self.prompt_eval_count.unwrap_or(0),
            completion_tokens,
        })
    }
}

impl Answer {
    fn broken(&self, error: &LinesCodecError) -> Error {
        match error {
            LinesCodecError::MaxLineLengthExceeded => self
                .error(ErrorKind::Malformed)
                .because("a line is too long"),
            // The connection broke; before the first token that is worth another try.
            LinesCodecError::Io(error) => self
                .error(ErrorKind::CutOff)
                .retryable(true)
                .because(&causes(error)),
        }
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(ProviderName::Ollama, Some(&self.model), kind)
    }
}
