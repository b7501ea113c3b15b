//! Messages as the API shows them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::model::{ErrorCode, Listed, Message, Rating, Role, Status};
use crate::clock;

/// A message as the API shows it: the contract's seven fields, and what we know beyond them.
#[derive(Clone, Debug, Serialize)]
pub struct MessageBody {
    id: Uuid,
    conversation: Uuid,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    tokens_used: Option<i32>,
    model: String,
    #[serde(serialize_with = "clock::serialize")]
    created_at: DateTime<Utc>,
    status: Status,
    finish_reason: Option<String>,
    error: Option<String>,
    error_code: Option<ErrorCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Option<String>>,
    prompt_tokens: Option<i32>,
    completion_tokens: Option<i32>,
    usage_estimated: bool,
    left_out: Option<i32>,
    parent_id: Option<Uuid>,
    is_active: bool,
    #[serde(serialize_with = "clock::serialize_optional")]
    edited_at: Option<DateTime<Utc>>,
    feedback: Option<FeedbackBody>,
    fallback_from: Option<String>,
}

/// What the user thinks of an answer; not there at all if they said nothing.
#[derive(Clone, Debug, Serialize)]
struct FeedbackBody {
    rating: Option<Rating>,
    comment: Option<String>,
}

impl FeedbackBody {
    fn new(rating: Option<Rating>, comment: Option<String>) -> Option<Self> {
        (rating.is_some() || comment.is_some()).then_some(Self { rating, comment })
    }
}

impl MessageBody {
    /// Without content and reasoning, for those who have read them already.
    #[must_use]
    pub fn without_text(mut self) -> Self {
        self.content = None;
        self.reasoning = None;
        self
    }
}

impl From<Message> for MessageBody {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            conversation: message.conversation_id,
            role: message.role,
            content: Some(message.content),
            tokens_used: message.tokens_used,
            model: message.model,
            created_at: message.created_at,
            status: message.status,
            finish_reason: message.finish_reason,
            error: message.error,
            error_code: message.error_code,
            reasoning: Some(message.reasoning),
            prompt_tokens: message.prompt_tokens,
            completion_tokens: message.completion_tokens,
            usage_estimated: message.usage_estimated,
            left_out: message.left_out,
            parent_id: message.parent_id,
            is_active: message.is_active,
            edited_at: message.edited_at,
            feedback: FeedbackBody::new(message.feedback_rating, message.feedback_comment),
            fallback_from: message.fallback_from,
        }
    }
}

/// A message in a list for reading page by page, as the API shows it.
#[derive(Debug, Serialize)]
pub struct ListedBody {
    #[serde(flatten)]
    message: MessageBody,
    version: i32,
    version_count: i32,
}

impl From<Listed> for ListedBody {
    fn from(listed: Listed) -> Self {
        Self {
            message: listed.message.into(),
            version: listed.version,
            version_count: listed.version_count,
        }
    }
}
