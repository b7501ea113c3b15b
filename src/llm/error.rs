//! Why there is no answer, in words for the user and in facts for the program.

use std::{fmt, time::Duration};

use super::{ProviderName, StopReason, sanitise};

/// Longest model name shown in a message, in characters.
const MODEL_LIMIT: usize = 100;

/// A failed request to a model.
///
/// `Display` is one sentence for the end user. It names provider and model and holds no key, header
/// or address. The technical cause is in [`Error::detail`] and belongs in the log.
#[derive(Clone, Debug)]
pub struct Error {
    pub(super) provider: ProviderName,
    /// `None` if no particular model was asked.
    pub(super) model: Option<String>,
    pub(super) kind: ErrorKind,
    pub(super) retryable: bool,
    pub(super) retry_after: Option<Duration>,
    pub(super) detail: Option<String>,
}

/// What happened. Texts in it are already fit for users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The provider lacks a setting; the text says which and ends without a full stop.
    NotConfigured(&'static str),
    /// No connection, or it broke before the answer's first byte.
    Unreachable,
    /// The server refused the API key, or wants one.
    BadKey,
    /// The server does not know the model.
    UnknownModel,
    /// The conversation does not fit into the model's context.
    ContextOverflow,
    /// The account behind the key has no credit left; waiting does not help.
    QuotaExhausted,
    /// Too many requests, or the server is too busy (429, 503, 529).
    Overloaded,
    /// The server refused the request for another reason, which it may have named.
    Refused(Option<String>),
    /// The server failed by itself (5xx, or an error instead of the rest of the answer).
    Failed(Option<String>),
    /// What answers at the configured address is no model server, or another kind of one.
    WrongServer,
    /// The first piece of the answer took longer than this.
    FirstTokenTimeout(Duration),
    /// The next piece of the answer took longer than this.
    IdleTimeout(Duration),
    /// The answer was not in the provider's format.
    Malformed,
    /// The answer broke off without saying that it was complete.
    CutOff,
    /// The answer had no text at all. Holds the reason given for the end, if any.
    NoAnswer(Option<StopReason>),
    /// The answer grew beyond this many bytes.
    TooLong(usize),
}

impl ErrorKind {
    /// A word for it, the same whatever it holds.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotConfigured(_) => "not_configured",
            Self::Unreachable => "unreachable",
            Self::BadKey => "bad_key",
            Self::UnknownModel => "unknown_model",
            Self::ContextOverflow => "context_overflow",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Overloaded => "overloaded",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
            Self::WrongServer => "wrong_server",
            Self::FirstTokenTimeout(_) => "first_token_timeout",
            Self::IdleTimeout(_) => "idle_timeout",
            Self::Malformed => "malformed",
            Self::CutOff => "cut_off",
            Self::NoAnswer(_) => "no_answer",
            Self::TooLong(_) => "too_long",
        }
    }
}

/// Whose turn it is after an error. HTTP says 502, 503 and 504.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Something is wrong at the provider or with the request; waiting alone does not help.
    BadGateway,
    /// The provider has too much to do; see [`Error::retry_after`].
    Overloaded,
    /// The provider took too long.
    Timeout,
}

impl Error {
    /// An error that a retry would not mend.
    pub fn new(provider: ProviderName, model: Option<&str>, kind: ErrorKind) -> Self {
        Self {
            provider,
            model: model.map(|model| sanitise::name(model, MODEL_LIMIT)),
            kind,
            retryable: false,
            retry_after: None,
            detail: None,
        }
    }

    /// Marks the error as one that may pass when the same request is made again.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// Adds how long the server asked to be left alone.
    #[must_use]
    pub fn after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// Adds the technical cause; keys in it are taken out.
    #[must_use]
    pub fn because(mut self, detail: &str) -> Self {
        self.detail = Some(sanitise::for_log(detail)).filter(|detail| !detail.is_empty());
        self
    }

    /// Which provider was asked.
    pub fn provider(&self) -> ProviderName {
        self.provider
    }

    /// Which model was asked, as one line of at most 100 characters.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// What happened.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Whether the same request may succeed a little later. An answer that had begun is never
    /// asked for again, whatever this says.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// How long the server asked to be left alone, if it said so; at most a day.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The technical cause, for the log only: it may hold addresses, but no key.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Which kind of answer the caller's own client should get.
    pub fn category(&self) -> Category {
        match self.kind {
            ErrorKind::Overloaded => Category::Overloaded,
            ErrorKind::FirstTokenTimeout(_) | ErrorKind::IdleTimeout(_) => Category::Timeout,
            _ => Category::BadGateway,
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.model {
            Some(model) => write!(f, "{} could not answer with \"{model}\": ", self.provider)?,
            None => write!(f, "{} cannot be used: ", self.provider)?,
        }
        self.kind.fmt_reason(self.provider, f)?;
        f.write_str(".")
    }
}

impl ErrorKind {
    /// Writes the second half of the sentence: what happened and what to do about it.
    fn fmt_reason(&self, provider: ProviderName, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConfigured(what) => f.write_str(what),
            Self::Unreachable => match provider {
                ProviderName::OpenAi => f.write_str(
                    "its server cannot be reached; try again later, or ask the operator to check \
                     the address and the network",
                ),
                ProviderName::Ollama => f.write_str(
                    "Ollama cannot be reached; make sure that it is running and that \
                     OLLAMA_BASE_URL leads to it",
                ),
            },
            Self::BadKey => f.write_str(match provider {
                ProviderName::OpenAi => {
                    "the API key is missing or was refused; ask the operator to check it"
                }
                ProviderName::Ollama => {
                    "Ollama is not signed in, which this model needs; ask the operator to run \
                     `ollama signin`"
                }
            }),
            Self::UnknownModel => match provider {
                ProviderName::OpenAi => {
                    f.write_str("there is no such model; choose another one for this agent")
                }
                ProviderName::Ollama => f.write_str(
                    "there is no such model; choose another one for this agent, or fetch it with \
                     `ollama pull`",
                ),
            },
            Self::ContextOverflow => f.write_str(
                "the conversation is too long for this model; start a new one, send a shorter \
                 message or choose a model with a larger context",
            ),
            Self::QuotaExhausted => f.write_str(
                "the account's quota is used up; ask the operator to check plan and billing",
            ),
            Self::Overloaded => f.write_str(
                "there are too many requests at the moment; wait a little and try again",
            ),
            Self::Refused(None) => f.write_str(
                "the request was refused; check the settings of the agent, such as model and \
                 temperature",
            ),
            Self::Refused(Some(text)) => write!(
                f,
                "the request was refused ({text}); check the message and the agent's settings"
            ),
            Self::Failed(None) => f.write_str("its server reported an error; try again later"),
            Self::Failed(Some(text)) => {
                write!(f, "its server reported an error ({text}); try again later")
            }
            Self::WrongServer => write!(
                f,
                "the configured address does not lead to the expected model server; ask the \
                 operator to check {}",
                match provider {
                    ProviderName::OpenAi => "OPENAI_BASE_URL, which usually ends in /v1",
                    ProviderName::Ollama => "OLLAMA_BASE_URL",
                },
            ),
            Self::FirstTokenTimeout(limit) => write!(
                f,
                "the answer did not begin within {}; the model may still be loading, so try again \
                 in a minute",
                seconds(*limit),
            ),
            Self::IdleTimeout(limit) => write!(
                f,
                "the answer stopped coming for {} and was given up; try again",
                seconds(*limit),
            ),
            Self::Malformed => {
                f.write_str("its server sent something that is not an answer; try again")
            }
            Self::CutOff => f.write_str("the answer broke off before its end; try again"),
            Self::NoAnswer(Some(StopReason::Length)) => f.write_str(
                "the limit on the answer's length was used up before any text came; raise the \
                 agent's max_tokens",
            ),
            Self::NoAnswer(Some(StopReason::ContentFilter)) => {
                f.write_str("a content filter withheld the answer; phrase the message differently")
            }
            Self::NoAnswer(_) => f.write_str(
                "the model gave no answer; the conversation may be too long for it, so start a \
                 new one or send a shorter message",
            ),
            Self::TooLong(limit) => write!(
                f,
                "the answer grew beyond {limit} bytes and was given up; set a lower max_tokens",
            ),
        }
    }
}

/// A length of time in words: `2 s`, `0.3 s`.
fn seconds(time: Duration) -> String {
    format!("{} s", (time.as_secs_f64() * 10.0).round() / 10.0)
}
