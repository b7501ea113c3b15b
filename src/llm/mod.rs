//! Language models: one request in, a stream of events out, whoever provides the model.
//!
//! [`Providers`] is the door: it finds the [`Provider`] by name and applies retries, time limits and
//! the size limit ([`patience`]). A provider only turns its wire format into [`Event`]s. What a model
//! is told is made to fit beforehand ([`Providers::fit`]).

mod context;
mod demo;
mod error;
mod failures;
mod known;
mod ollama;
mod openai;
mod parameters;
mod patience;
mod reader;
mod refusal;
mod sanitise;
mod settings;
mod tokens;
mod transport;

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use futures_util::{future::BoxFuture, stream::BoxStream};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use context::{DoesNotFit, Fitted};
pub use demo::Demo;
pub use error::{Category, Error, ErrorKind};
pub use failures::Failures;
pub use parameters::{Parameters, ReasoningEffort, ResponseFormat};
pub use settings::{OllamaSettings, OpenAiSettings, Settings, SettingsError};

use context::Window;
use patience::Patience;
use tokens::Counting;

/// After the finish reason, how long the token counts and the end of the stream may take. The
/// answer is complete by then, so a server that dawdles costs the counts and nothing else.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A source of answers.
pub trait Provider: Send + Sync {
    /// Streams one answer: any number of texts, then [`Event::Done`] or an error, then nothing.
    /// Asks once; dropping the stream takes the request back. The request is shared because a retry
    /// sends the same one, history and all.
    fn chat(&self, request: Arc<Request>) -> BoxStream<'static, Result<Event, Error>>;

    /// The names of the models on offer, which also shows that the provider can be reached.
    fn models(&self) -> BoxFuture<'static, Result<Vec<String>, Error>>;
}

/// What to ask a model.
#[derive(Clone, Debug)]
pub struct Request {
    /// The provider's name for the model.
    pub model: String,
    /// The system prompt, then the conversation in order, the question last.
    pub messages: Vec<ChatMessage>,
    /// Randomness of the choice of words, 0 to 2.
    pub temperature: f64,
    /// Longest answer, in tokens of the model.
    pub max_tokens: u32,
    /// Room for prompt and answer together, in tokens; `None` for what is known of the model. Ollama
    /// is told to set this much aside.
    pub context_window: Option<u32>,
    /// What else was set.
    pub parameters: Parameters,
}

/// One message of the history, in the shape that all providers share on the wire.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ChatMessage {
    /// Who speaks.
    pub role: Role,
    /// What was said.
    pub content: String,
}

/// Who speaks in a [`ChatMessage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The agent's instructions.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The word for it on every wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        [Self::System, Self::User, Self::Assistant]
            .into_iter()
            .find(|role| role.as_str() == word)
            .ok_or(UnknownRole)
    }
}

/// The word is no [`Role`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such role")]
pub struct UnknownRole;

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The next piece of the answer's text; never empty.
    Text(String),
    /// The next piece of the model's thinking, which is not part of the answer; never empty.
    Reasoning(String),
    /// The answer is complete.
    Done {
        /// Why the model stopped.
        reason: StopReason,
        /// What it cost; some servers never say.
        usage: Option<Usage>,
    },
}

/// What an answer cost, in tokens as the provider counted them, or as [`Providers::estimate_usage`]
/// did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The history, cached parts included.
    pub prompt_tokens: u32,
    /// The answer, thinking included.
    pub completion_tokens: u32,
}

impl Usage {
    /// Both together.
    pub fn total(self) -> u32 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }
}

/// Why a model stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// It had said everything.
    Stop,
    /// It reached `max_tokens` or the end of its context.
    Length,
    /// A filter held back the rest.
    ContentFilter,
    /// The provider's own word, at most 40 characters.
    Other(String),
}

impl StopReason {
    /// Longest word of a provider's own that is kept, in characters.
    const LIMIT: usize = 40;

    /// Reads the word used on the wire.
    fn from_wire(word: &str) -> Self {
        match word {
            "stop" => Self::Stop,
            "length" => Self::Length,
            "content_filter" => Self::ContentFilter,
            other => Self::Other(sanitise::name(other, Self::LIMIT)),
        }
    }

    /// The word for it, as OpenAI has it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ContentFilter => "content_filter",
            Self::Other(word) => word,
        }
    }
}

/// Which provider an agent uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum ProviderName {
    /// OpenAI, or any server that speaks its chat completions.
    OpenAi,
    /// Ollama, by its native API.
    Ollama,
}

impl ProviderName {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::OpenAi, Self::Ollama];

    /// The name in settings and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Ollama => "ollama",
        }
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ProviderName {
    type Err = UnknownProvider;

    fn from_str(name: &str) -> Result<Self, UnknownProvider> {
        Self::ALL
            .into_iter()
            .find(|known| known.as_str() == name)
            .ok_or(UnknownProvider)
    }
}

/// The name is none of [`ProviderName::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is neither \"openai\" nor \"ollama\"")]
pub struct UnknownProvider;

/// All providers, ready to be asked. Cheap to clone.
#[derive(Clone)]
pub struct Providers {
    openai: Arc<dyn Provider>,
    ollama: Arc<dyn Provider>,
    patience: Patience,
    /// What Ollama sets aside unless a request says otherwise.
    ollama_context: u32,
    counting: Counting,
    failures: Failures,
}

impl Providers {
    /// Prepares the providers. Nothing is asked yet, so a server that is down shows at first use.
    ///
    /// # Errors
    ///
    /// If a key or an address cannot be used as it is written.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            openai: Arc::new(openai::OpenAi::new(settings)?),
            ollama: Arc::new(ollama::Ollama::new(settings)?),
            patience: Patience::new(settings),
            ollama_context: settings.ollama.context_length,
            counting: Counting::new(),
            failures: Failures::default(),
        })
    }

    /// Lets one provider answer under every name, with the default limits.
    pub fn with(provider: Arc<dyn Provider>) -> Self {
        let settings = Settings::default();
        Self {
            openai: Arc::clone(&provider),
            ollama: provider,
            patience: Patience::new(&settings),
            ollama_context: settings.ollama.context_length,
            counting: Counting::new(),
            failures: Failures::default(),
        }
    }

    /// Streams one answer, patiently: failures before the first event are tried again, silence is
    /// given up after a while. The stream ends after [`Event::Done`] or the first error, and always
    /// has one of them. Dropping it closes the connection to the provider.
    pub fn chat(
        &self,
        name: ProviderName,
        request: impl Into<Arc<Request>>,
    ) -> BoxStream<'static, Result<Event, Error>> {
        let failures = self.failures.clone();
        patience::chat(
            self.get(name),
            name,
            request.into(),
            self.patience,
            failures,
        )
    }

    /// Leaves out as much of the history as does not fit into the model's context: the oldest
    /// exchanges, that is questions with their answers, and never the system prompt (a first message
    /// of that role) or the question (the last message). Waits for no provider.
    ///
    /// The room for all this is the context less what is kept for the answer: `max_tokens`, but at
    /// most half. Where the model's context is not known, a guess is used for the history, and nobody
    /// is refused because of it. Nothing is copied, unless the caller keeps the request as well.
    ///
    /// # Errors
    ///
    /// If system prompt and question alone do not fit into a context that is known.
    pub async fn fit(
        &self,
        name: ProviderName,
        request: impl Into<Arc<Request>>,
    ) -> Result<Fitted, DoesNotFit> {
        let request = request.into();
        let window = Window::for_request(name, &request, self.ollama_context);
        context::fit(&self.counting, name, request, window).await
    }

    /// What an answer cost, for providers that do not tell: a request and what was `said` to it, text
    /// and thinking, complete or not.
    pub async fn estimate_usage(
        &self,
        name: ProviderName,
        request: &Arc<Request>,
        said: &[&str],
    ) -> Usage {
        tokens::estimate_usage(&self.counting, name, request, said).await
    }

    /// The names of the provider's models, asked once and with little patience.
    ///
    /// # Errors
    ///
    /// If the provider is not configured, cannot be reached or does not answer as expected.
    pub async fn models(&self, name: ProviderName) -> Result<Vec<String>, Error> {
        let models = patience::models(self.get(name), name).await;
        models.inspect_err(|error| self.failures.count(error))
    }

    /// How often which provider failed in which way.
    pub fn failures(&self) -> &Failures {
        &self.failures
    }

    fn get(&self, name: ProviderName) -> Arc<dyn Provider> {
        Arc::clone(match name {
            ProviderName::OpenAi => &self.openai,
            ProviderName::Ollama => &self.ollama,
        })
    }
}
