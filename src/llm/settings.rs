//! What the providers need to know before the first question.

use std::time::Duration;

use secrecy::SecretString;

/// Settings of all providers; `default()` is right for OpenAI and for Ollama on this machine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// OpenAI and compatible servers.
    pub openai: OpenAiSettings,
    /// Ollama.
    pub ollama: OllamaSettings,
    /// Longest wait for a connection, TLS included. Default 5 s, as OpenAI's own client.
    pub connect_timeout: Duration,
    /// Longest wait for the first piece of an answer, per attempt. Default 120 s, because Ollama may
    /// have to load the model first.
    pub first_token_timeout: Duration,
    /// Longest silence between two pieces. Default 60 s.
    pub idle_timeout: Duration,
    /// How often to ask again when nothing had come yet. Default 2, as OpenAI's own client.
    pub max_retries: u32,
    /// Longest `Retry-After` to sit out; beyond it there is no retry. Default 20 s, since a person is
    /// waiting.
    pub max_retry_after: Duration,
    /// Longest answer, thinking included, in bytes of text. Default 4 MiB, about a million tokens.
    pub max_answer_bytes: usize,
}

/// Where and as whom to ask for chat completions.
#[derive(Clone, Debug, Default)]
pub struct OpenAiSettings {
    /// Sent as bearer token; without it no `Authorization` header is sent.
    pub api_key: Option<SecretString>,
    /// Up to and including `/v1`. `None` is OpenAI itself, which demands a key.
    pub base_url: Option<String>,
}

/// Where Ollama listens and how much it shall remember.
#[derive(Clone, Debug)]
pub struct OllamaSettings {
    /// Without `/api`. Default `http://localhost:11434`.
    pub base_url: String,
    /// `num_ctx`: room for history and answer together, in tokens. Costs memory where the model runs.
    /// Default 8,192.
    pub context_length: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            openai: OpenAiSettings::default(),
            ollama: OllamaSettings::default(),
            connect_timeout: Duration::from_secs(5),
            first_token_timeout: Duration::from_secs(120),
            idle_timeout: Duration::from_secs(60),
            max_retries: 2,
            max_retry_after: Duration::from_secs(20),
            max_answer_bytes: 4 * 1024 * 1024,
        }
    }
}

impl Default for OllamaSettings {
    fn default() -> Self {
        Self {
            base_url: "http://localhost:11434".to_owned(),
            context_length: 8192,
        }
    }
}

/// A setting that cannot be used. Names the variable and the problem, never the value, which may be
/// a secret or contain one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The key cannot be sent as a header.
    #[error(
        "OPENAI_API_KEY contains a line break or another character that no key has; paste the key \
         alone, for example sk-abc123"
    )]
    ApiKey,
    /// The address is none.
    #[error("{variable} is not an address such as {example}")]
    BaseUrl {
        /// The environment variable.
        variable: &'static str,
        /// A value that would do.
        example: &'static str,
    },
    /// TLS could not be prepared, most likely for want of CA certificates.
    #[error(
        "{variable} needs HTTPS, which cannot be used here ({problem}); install ca-certificates"
    )]
    Https {
        /// The environment variable that holds the address.
        variable: &'static str,
        /// What the TLS library said.
        problem: String,
    },
}
