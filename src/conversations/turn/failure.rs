//! Why there is no answer, or not all of it.

use std::time::Duration;

use crate::live::INTERRUPTED;
use crate::llm::{self, Category};
use crate::messages::{ErrorCode, Status};

/// Why there is no answer, or not all of it.
pub enum Failure {
    /// The provider gave none.
    Provider(llm::Error),
    /// The question alone is too much for the model.
    DoesNotFit(llm::DoesNotFit),
    /// The agent has a provider that this version does not know.
    UnknownProvider(String),
    /// The server ends.
    Interrupted,
    /// What was said before cannot be read.
    NotRead,
    /// The answer cannot be stored.
    NotStored,
    /// The program has a mistake.
    Broken,
}

impl From<llm::Error> for Failure {
    fn from(error: llm::Error) -> Self {
        Self::Provider(error)
    }
}

impl From<llm::DoesNotFit> for Failure {
    fn from(error: llm::DoesNotFit) -> Self {
        Self::DoesNotFit(error)
    }
}

impl Failure {
    /// What the answer's status becomes.
    pub fn status(&self) -> Status {
        match self {
            Self::Interrupted => Status::Interrupted,
            _ => Status::Failed,
        }
    }

    /// What happened, in a sentence for the user.
    pub fn text(&self) -> String {
        match self {
            Self::Provider(error) => error.to_string(),
            Self::DoesNotFit(error) => error.to_string(),
            Self::UnknownProvider(name) => {
                format!(
                    "This agent's provider \"{name}\" is not known here. Change it to openai or ollama."
                )
            }
            Self::Interrupted => INTERRUPTED.to_owned(),
            Self::NotRead => {
                "The conversation could not be read. Send the message again.".to_owned()
            }
            Self::NotStored => {
                "The answer came but could not be stored. Send the message again.".to_owned()
            }
            Self::Broken => "Something went wrong here. Send the message again.".to_owned(),
        }
    }

    /// What happened, for the log.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Provider(error) => error.detail(),
            _ => None,
        }
    }

    /// What happened, in a word for the program.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Provider(error) => match error.category() {
                Category::BadGateway => ErrorCode::ProviderFailed,
                Category::Overloaded => ErrorCode::ProviderOverloaded,
                Category::Timeout => ErrorCode::ProviderTimeout,
            },
            Self::DoesNotFit(_) | Self::UnknownProvider(_) => ErrorCode::ProviderFailed,
            Self::Interrupted => ErrorCode::Interrupted,
            Self::NotRead | Self::NotStored | Self::Broken => ErrorCode::StorageFailed,
        }
    }

    /// Whether another model may do better.
    pub fn is_the_models(&self) -> bool {
        matches!(self, Self::Provider(_) | Self::UnknownProvider(_))
    }

    /// When another try may help, if the provider told.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Provider(error) if error.category() == Category::Overloaded => {
                error.retry_after()
            }
            _ => None,
        }
    }
}
