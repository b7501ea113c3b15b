//! What the API's document says of requests about messages. The rules that they must follow are where they are read.
#![expect(dead_code, reason = "requests are read field by field")]

use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::body::{ListedBody, MessageBody};
use super::model::Rating;
use crate::http::openapi::examples::ANSWER;
use crate::http::page::List;

/// The message in a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct MessagePath {
    /// The message.
    #[param(example = json!(ANSWER))]
    id: Uuid,
}

/// What narrows the list of all messages.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListFilters {
    /// Only those of this conversation.
    #[param(required = false)]
    conversation: Uuid,
    /// With this parameter, whatever its value, `conversation` is passed over, as the original did.
    #[param(required = false)]
    role: String,
    /// Only so many of the conversation's newest messages, as a bare list.
    #[param(required = false, minimum = 1, maximum = 200)]
    limit: u8,
    /// Only the conversation's newest messages before this one, as a bare list.
    #[param(required = false)]
    before: Uuid,
}

/// A page of all messages, or the newest ones of a conversation.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum MessageList {
    Page(List<MessageBody>),
    Newest(Vec<ListedBody>),
}

/// Which messages of a conversation.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExcerptParameters {
    /// How many; 50 if it is not given.
    #[param(required = false, minimum = 1, maximum = 200)]
    limit: u8,
    /// The messages before this one: the `before` of an answer leads to what is older.
    #[param(required = false)]
    before: Uuid,
    /// The first messages after this one: the `after` of an answer leads to what was said since. Not together with
    /// `before`.
    #[param(required = false)]
    after: Uuid,
}

/// What the user thinks of an answer.
#[derive(ToSchema)]
#[schema(example = json!({ "rating": "up", "comment": "Just right." }))]
pub struct NewFeedback {
    /// Null takes it back.
    #[schema(required)]
    rating: Option<Rating>,
    #[schema(max_length = 2000)]
    comment: Option<String>,
}
