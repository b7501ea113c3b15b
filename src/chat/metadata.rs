//! What a page is told about a message beside its text.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock;
use crate::messages::{Message, Status};

/// What is known about a message. What is not known is absent: the library refuses null in places, so it is nowhere.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChatMetadata)]
pub struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<DateTime<Utc>>)]
    created_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    finish_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    left_out: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    fallback_from: Option<&'a str>,
}

#[derive(Serialize)]
struct Time(#[serde(serialize_with = "clock::serialize")] DateTime<Utc>);

/// What a turn cost, in tokens.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChatUsage)]
struct Usage {
    prompt_tokens: i32,
    completion_tokens: i32,
    total_tokens: i32,
    /// Whether these counts are the server's own, because the provider gave none.
    estimated: bool,
}

impl<'a> Metadata<'a> {
    /// All that is known about a message that is stored.
    pub fn of(message: &'a Message) -> Self {
        Self {
            created_at: Some(Time(message.created_at)),
            error: message.error.as_deref(),
            ..Self::of_end(message)
        }
    }

    /// What is known when an answer begins.
    pub fn of_beginning(answer: &'a Message) -> Self {
        Self {
            created_at: Some(Time(answer.created_at)),
            status: None,
            model: model(answer),
            error: None,
            finish_reason: None,
            usage: None,
            left_out: None,
            fallback_from: None,
        }
    }

    /// What is known in addition when it ends.
    pub fn of_end(answer: &'a Message) -> Self {
        Self {
            created_at: None,
            status: Some(answer.status),
            model: model(answer),
            error: None,
            finish_reason: answer.finish_reason.as_deref(),
            usage: usage(answer),
            left_out: answer.left_out,
            fallback_from: answer.fallback_from.as_deref(),
        }
    }
}

fn model(message: &Message) -> Option<&str> {
    Some(message.model.as_str()).filter(|model| !model.is_empty())
}

fn usage(answer: &Message) -> Option<Usage> {
    Some(Usage {
        prompt_tokens: answer.prompt_tokens?,
        completion_tokens: answer.completion_tokens?,
        total_tokens: answer.tokens_used?,
        estimated: answer.usage_estimated,
    })
}
