//! What a message is, and how the API shows it.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock;
use crate::db::{FromRow, Row};
pub use crate::llm::{Role, Usage};

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The model has yet to answer, or is at it.
    Pending,
    /// All of it is there.
    Complete,
    /// The model gave no answer; the message's `error` says why.
    Failed,
    /// The server ended while the model was at it.
    Interrupted,
}

impl Status {
    /// The word for it in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl FromStr for Status {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        [
            Self::Pending,
            Self::Complete,
            Self::Failed,
            Self::Interrupted,
        ]
        .into_iter()
        .find(|status| status.as_str() == word)
        .ok_or_else(|| format!("`{word}` is no status of a message"))
    }
}

/// A message. Its fields are in the order in which they are gathered from the database.
#[derive(Clone, Debug, Deserialize)]
pub struct Message {
    pub id: Uuid,
    pub conversation_id: Uuid,
    pub role: Role,
    pub content: String,
    pub status: Status,
    /// The model that wrote it; empty if a person did.
    pub model: String,
    /// Why the model stopped, in OpenAI's words.
    pub finish_reason: Option<String>,
    /// Why there is no answer, in a sentence for the user.
    pub error: Option<String>,
    /// What the model thought before it answered, if it told.
    pub reasoning: Option<String>,
    /// What the provider counted for the whole turn, prompt and answer.
    pub tokens_used: Option<i32>,
    pub prompt_tokens: Option<i32>,
    pub completion_tokens: Option<i32>,
    pub created_at: DateTime<Utc>,
}

impl Message {
    /// What a user says.
    pub fn question(conversation_id: Uuid, content: String) -> Self {
        Self {
            id: clock::new_id(),
            conversation_id,
            role: Role::User,
            content,
            status: Status::Complete,
            model: String::new(),
            finish_reason: None,
            error: None,
            reasoning: None,
            tokens_used: None,
            prompt_tokens: None,
            completion_tokens: None,
            created_at: clock::now(),
        }
    }

    /// The place of the answer that `model` is to write.
    pub fn pending_answer(conversation_id: Uuid, model: String) -> Self {
        Self {
            role: Role::Assistant,
            status: Status::Pending,
            model,
            ..Self::question(conversation_id, String::new())
        }
    }
}

impl FromRow for Message {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        let unknown = |error: String| sqlx::Error::Decode(error.into());
        Ok(Self {
            id: row.get("id")?,
            conversation_id: row.get("conversation_id")?,
            role: row
                .get::<&str>("role")?
                .parse()
                .map_err(|_| unknown("no such role".to_owned()))?,
            content: row.get("content")?,
            status: row.get::<&str>("status")?.parse().map_err(unknown)?,
            model: row.get("model")?,
            finish_reason: row.get("finish_reason")?,
            error: row.get("error")?,
            reasoning: row.get("reasoning")?,
            tokens_used: row.get("tokens_used")?,
            prompt_tokens: row.get("prompt_tokens")?,
            completion_tokens: row.get("completion_tokens")?,
            created_at: row.get("created_at")?,
        })
    }
}

/// How a turn ended, as it is written to its answer.
#[derive(Debug)]
pub struct Ending {
    pub status: Status,
    pub content: String,
    pub reasoning: Option<String>,
    pub finish_reason: Option<String>,
    pub error: Option<String>,
    pub usage: Option<Usage>,
}

impl Ending {
    /// Without an answer.
    pub fn without_answer(status: Status, error: String) -> Self {
        Self {
            status,
            content: String::new(),
            reasoning: None,
            finish_reason: None,
            error: Some(error),
            usage: None,
        }
    }
}

/// A message as the API shows it: the contract's seven fields, and what we know beyond them.
#[derive(Debug, Serialize)]
pub struct MessageBody {
    id: Uuid,
    conversation: Uuid,
    role: Role,
    content: String,
    tokens_used: Option<i32>,
    model: String,
    #[serde(serialize_with = "clock::serialize")]
    created_at: DateTime<Utc>,
    status: Status,
    finish_reason: Option<String>,
    error: Option<String>,
    reasoning: Option<String>,
    prompt_tokens: Option<i32>,
    completion_tokens: Option<i32>,
}

impl From<Message> for MessageBody {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            conversation: message.conversation_id,
            role: message.role,
            content: message.content,
            tokens_used: message.tokens_used,
            model: message.model,
            created_at: message.created_at,
            status: message.status,
            finish_reason: message.finish_reason,
            error: message.error,
            reasoning: message.reasoning,
            prompt_tokens: message.prompt_tokens,
            completion_tokens: message.completion_tokens,
        }
    }
}
