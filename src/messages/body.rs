//! Messages as the API shows them.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::model::{ErrorCode, Listed, Message, Rating, Role, Status};
use crate::clock;

/// A message as the API shows it: the contract's seven fields, and what we know beyond them.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Message)]
pub struct MessageBody {
    id: Uuid,
    conversation: Uuid,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required, nullable = false)]
    content: Option<String>,
    /// The sum of `prompt_tokens` and `completion_tokens`.
    #[schema(required)]
    tokens_used: Option<i32>,
    /// The model that wrote it; empty if a person did.
    model: String,
    #[serde(serialize_with = "clock::serialize")]
    created_at: DateTime<Utc>,
    status: Status,
    /// Why the model stopped: `stop`, `length` (the limit `max_tokens` was reached), `content_filter` or the provider's
    /// own word.
    #[schema(required)]
    finish_reason: Option<String>,
    /// Why there is no answer, or not all of it, in a sentence for the user.
    #[schema(required)]
    error: Option<String>,
    #[schema(required)]
    error_code: Option<ErrorCode>,
    /// What the model thought before it answered, if it told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required, value_type = Option<String>)]
    reasoning: Option<Option<String>>,
    /// The provider's count of what it was told.
    #[schema(required)]
    prompt_tokens: Option<i32>,
    /// The provider's count of what it said.
    #[schema(required)]
    completion_tokens: Option<i32>,
    /// Whether these counts are the server's own, because the provider gave none.
    usage_estimated: bool,
    /// How many older messages the model was not told, because its context is too small; null if it was told all.
    #[schema(required)]
    left_out: Option<i32>,
    /// The message before it; null of the first. Versions of a message have the same one.
    #[schema(required)]
    parent_id: Option<Uuid>,
    /// Whether the conversation shows it, and not another version.
    is_active: bool,
    /// When the user gave it the text that it has, if that is not its first.
    #[serde(serialize_with = "clock::serialize_optional")]
    #[schema(required)]
    edited_at: Option<DateTime<Utc>>,
    #[schema(required)]
    feedback: Option<FeedbackBody>,
    /// The model that failed, if `model` was asked instead of it.
    #[schema(required)]
    fallback_from: Option<String>,
}

/// What the user thinks of an answer; not there at all if they said nothing.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Feedback)]
struct FeedbackBody {
    #[schema(required)]
    rating: Option<Rating>,
    #[schema(required)]
    comment: Option<String>,
}

impl FeedbackBody {
    fn new(rating: Option<Rating>, comment: Option<String>) -> Option<Self> {
        (rating.is_some() || comment.is_some()).then_some(Self { rating, comment })
    }
}

impl MessageBody {
    /// Without content and reasoning, for those who have read them already: a [`ToldMessage`].
    #[must_use]
    pub fn without_text(mut self) -> Self {
        self.content = None;
        self.reasoning = None;
        self
    }
}

/// How the API's document shows [`MessageBody::without_text`].
pub struct ToldMessage;

impl PartialSchema for ToldMessage {
    fn schema() -> RefOr<Schema> {
        let mut schema = MessageBody::schema();
        if let RefOr::T(Schema::Object(message)) = &mut schema {
            message.description = Some(
                "A message without the fields `content` and `reasoning`, which were told."
                    .to_owned(),
            );
            for told in ["content", "reasoning"] {
                message.properties.remove(told);
                message.required.retain(|name| name != told);
            }
        }
        schema
    }
}

impl ToSchema for ToldMessage {
    fn name() -> Cow<'static, str> {
        "ToldMessage".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        MessageBody::schemas(schemas);
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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListedMessage)]
pub struct ListedBody {
    #[serde(flatten)]
    #[schema(inline)]
    message: MessageBody,
    /// Which of its versions it is, counted from 1.
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
