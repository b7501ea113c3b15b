//! What a message is, and how the API shows it.

use std::str::FromStr;

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::clock;
use crate::db::{FromRow, Row};
pub use crate::llm::{Role, Usage};

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = MessageStatus)]
pub enum Status {
    /// The model has yet to answer, or is at it.
    Pending,
    /// All of it is there.
    Complete,
    /// The user stopped the model.
    Stopped,
    /// The model gave no answer, or not all of it; the message's `error` says why.
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
            Self::Stopped => "stopped",
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
            Self::Stopped,
            Self::Failed,
            Self::Interrupted,
        ]
        .into_iter()
        .find(|status| status.as_str() == word)
        .ok_or_else(|| format!("`{word}` is no status of a message"))
    }
}

/// Why there is no answer, or not all of it, in a word for the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The provider refused, failed or cannot be reached.
    ProviderFailed,
    /// The provider has too much to do.
    ProviderOverloaded,
    /// The provider took too long.
    ProviderTimeout,
    /// The server ended meanwhile.
    Interrupted,
    /// The database failed us.
    StorageFailed,
    /// The conversation was deleted meanwhile.
    Deleted,
}

impl ErrorCode {
    const ALL: [Self; 6] = [
        Self::ProviderFailed,
        Self::ProviderOverloaded,
        Self::ProviderTimeout,
        Self::Interrupted,
        Self::StorageFailed,
        Self::Deleted,
    ];

    /// The word for it in the database and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProviderFailed => "provider_failed",
            Self::ProviderOverloaded => "provider_overloaded",
            Self::ProviderTimeout => "provider_timeout",
            Self::Interrupted => "interrupted",
            Self::StorageFailed => "storage_failed",
            Self::Deleted => "deleted",
        }
    }

    /// The HTTP status that says the same.
    pub fn status(self) -> StatusCode {
        match self {
            Self::ProviderFailed => StatusCode::BAD_GATEWAY,
            Self::ProviderOverloaded | Self::Interrupted | Self::StorageFailed => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::ProviderTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Deleted => StatusCode::NOT_FOUND,
        }
    }
}

impl FromStr for ErrorCode {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|code| code.as_str() == word)
            .ok_or_else(|| format!("`{word}` is no code of an error"))
    }
}

/// What the user thinks of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rating {
    /// It is good.
    Up,
    /// It is not.
    Down,
}

impl Rating {
    /// The word for it in the database and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl FromStr for Rating {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        [Self::Up, Self::Down]
            .into_iter()
            .find(|rating| rating.as_str() == word)
            .ok_or_else(|| format!("`{word}` is no rating"))
    }
}

/// A message. Its fields are in the order in which they are gathered from the database.
#[derive(Clone, Debug, Deserialize)]
pub struct Message {
    pub id: Uuid,
    pub conversation_id: Uuid,
    /// What the client that sent it calls it.
    pub client_id: Option<String>,
    pub role: Role,
    /// Of an answer that is being written, what was stored of it so far.
    pub content: String,
    pub status: Status,
    /// The model that wrote it; empty if a person did.
    pub model: String,
    /// Why the model stopped, in OpenAI's words.
    pub finish_reason: Option<String>,
    /// Why there is no answer, or not all of it, in a sentence for the user.
    pub error: Option<String>,
    pub error_code: Option<ErrorCode>,
    /// What the model thought before it answered, if it told.
    pub reasoning: Option<String>,
    /// What the provider counted for the whole turn, prompt and answer.
    pub tokens_used: Option<i32>,
    pub prompt_tokens: Option<i32>,
    pub completion_tokens: Option<i32>,
    /// Whether these counts are our own, because the provider gave none.
    pub usage_estimated: bool,
    /// How many older messages the model was not told, because its context is too small.
    pub left_out: Option<i32>,
    pub created_at: DateTime<Utc>,
    /// The message before it; `None` of the first. Versions of a message have the same one.
    pub parent_id: Option<Uuid>,
    /// Whether it is on the path that the conversation shows, and not a version that was replaced or what followed one.
    pub is_active: bool,
    /// When the user gave it the text that it has, if that is not its first.
    pub edited_at: Option<DateTime<Utc>>,
    pub feedback_rating: Option<Rating>,
    /// What the user says about the answer.
    pub feedback_comment: Option<String>,
    /// The model that failed, if `model` was asked instead of it.
    pub fallback_from: Option<String>,
    /// Whether the model thought in between, so that the order of all pieces is no longer known.
    pub is_interleaved: bool,
}

impl Message {
    /// What a user says.
    pub fn question(conversation_id: Uuid, content: String, client_id: Option<String>) -> Self {
        Self {
            id: clock::new_id(),
            conversation_id,
            client_id,
            role: Role::User,
            content,
            status: Status::Complete,
            model: String::new(),
            finish_reason: None,
            error: None,
            error_code: None,
            reasoning: None,
            tokens_used: None,
            prompt_tokens: None,
            completion_tokens: None,
            usage_estimated: false,
            left_out: None,
            created_at: clock::now(),
            parent_id: None,
            is_active: true,
            edited_at: None,
            feedback_rating: None,
            feedback_comment: None,
            fallback_from: None,
            is_interleaved: false,
        }
    }

    /// The place of the answer that `model` is to write to a question.
    pub fn pending_answer(conversation_id: Uuid, question_id: Option<Uuid>, model: String) -> Self {
        Self {
            role: Role::Assistant,
            status: Status::Pending,
            model,
            parent_id: question_id,
            ..Self::question(conversation_id, String::new(), None)
        }
    }

    /// This answer as it was before it began.
    #[must_use]
    pub fn before_it_began(&self) -> Self {
        Self {
            id: self.id,
            created_at: self.created_at,
            ..Self::pending_answer(self.conversation_id, self.parent_id, self.model.clone())
        }
    }

    /// Notes what the answer cost.
    pub fn set_usage(&mut self, usage: Usage, is_estimated: bool) {
        let count = |tokens: u32| Some(i32::try_from(tokens).unwrap_or(i32::MAX));
        self.tokens_used = count(usage.total());
        self.prompt_tokens = count(usage.prompt_tokens);
        self.completion_tokens = count(usage.completion_tokens);
        self.usage_estimated = is_estimated;
    }
}

impl FromRow for Message {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        let unknown = |error: String| sqlx::Error::Decode(error.into());
        Ok(Self {
            id: row.get("id")?,
            conversation_id: row.get("conversation_id")?,
            client_id: row.get("client_id")?,
            role: row
                .get::<&str>("role")?
                .parse()
                .map_err(|_| unknown("no such role".to_owned()))?,
            content: row.get("content")?,
            status: row.get::<&str>("status")?.parse().map_err(unknown)?,
            model: row.get("model")?,
            finish_reason: row.get("finish_reason")?,
            error: row.get("error")?,
            error_code: row
                .get::<Option<&str>>("error_code")?
                .map(str::parse)
                .transpose()
                .map_err(unknown)?,
            reasoning: row.get("reasoning")?,
            tokens_used: row.get("tokens_used")?,
            prompt_tokens: row.get("prompt_tokens")?,
            completion_tokens: row.get("completion_tokens")?,
            usage_estimated: row.get("usage_estimated")?,
            left_out: row.get("left_out")?,
            created_at: row.get("created_at")?,
            parent_id: row.get("parent_id")?,
            is_active: row.get("is_active")?,
            edited_at: row.get("edited_at")?,
            feedback_rating: row
                .get::<Option<&str>>("feedback_rating")?
                .map(str::parse)
                .transpose()
                .map_err(unknown)?,
            feedback_comment: row.get("feedback_comment")?,
            fallback_from: row.get("fallback_from")?,
            is_interleaved: row.get("is_interleaved")?,
        })
    }
}

/// A message in a list for reading page by page: which of how many versions it is.
#[derive(Debug, Deserialize)]
pub struct Listed {
    pub message: Message,
    /// Which one it is, counted from 1.
    pub version: i32,
    pub version_count: i32,
}

impl From<Listed> for Message {
    fn from(listed: Listed) -> Self {
        listed.message
    }
}
