//! What the API's document says of requests about conversations, and of answers that several operations share. The rules
//! that requests must follow are where they are read.
#![expect(dead_code, reason = "requests are read field by field")]

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{Ref, RefOr, Response, Schema};
use utoipa::{IntoParams, IntoResponses, OpenApi, PartialSchema, ToResponse, ToSchema};
use uuid::Uuid;

use super::model::{ConversationBody, ConversationDetail};
use super::turn::Exchange;
use crate::chat::History;
use crate::http::cursor::Portion;
use crate::http::openapi::examples::{AGENT, ANSWER, CONVERSATION, QUESTION};
use crate::http::openapi::responses::{Detail, RefusalBody};
use crate::http::page::List;
use crate::messages::MessageBody;

/// The conversation in a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ConversationPath {
    /// The conversation.
    #[param(example = json!(CONVERSATION))]
    id: Uuid,
}

/// The message of a conversation in a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct MessagePath {
    /// The conversation.
    #[param(example = json!(CONVERSATION))]
    id: Uuid,
    /// A message in it.
    #[param(example = json!(ANSWER))]
    message: Uuid,
}

/// The question of a conversation in a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct QuestionPath {
    /// The conversation.
    #[param(example = json!(CONVERSATION))]
    id: Uuid,
    /// What the user said in it.
    #[param(example = json!(QUESTION))]
    message: Uuid,
}

/// The header that makes it safe to repeat a request.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IdempotencyKey {
    /// A name for this request, of 1 to 255 visible ASCII characters. Repeated with the same key, the same request is the
    /// same turn, for a day.
    #[param(
        rename = "Idempotency-Key",
        required = false,
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$"
    )]
    key: String,
}

/// From where to join an answer.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct LastEventId {
    /// The id of the event that was read last. `EventSource` sends it by itself when it connects again.
    #[param(rename = "Last-Event-ID", required = false)]
    id: String,
}

/// The same, for clients that cannot set headers.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LastEventIdInAddress {
    /// The same as the header `Last-Event-ID`, for clients that cannot set headers. The header goes before it.
    #[param(required = false)]
    last_event_id: String,
}

/// What narrows a list of conversations.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListFilters {
    /// Only those that are, or are not, put away.
    #[param(required = false)]
    archived: bool,
    /// Only those that are, or are not, pinned.
    #[param(required = false)]
    pinned: bool,
    /// Only those with this agent.
    #[param(required = false)]
    agent: Uuid,
    /// Only those that have this tag, spelled alike.
    #[param(required = false, max_length = 50)]
    tag: String,
    /// Only those whose title has this text somewhere, in capitals or not.
    #[param(required = false, max_length = 200)]
    q: String,
}

/// How a conversation is to be shown.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShowParameters {
    /// Which of its messages: `all`, which is the default, `none`, or so many of the newest: `last:N`, with N from 1 to 200.
    #[param(
        required = false,
        pattern = "^(all|none|last:([1-9]|[1-9][0-9]|1[0-9][0-9]|200))$",
        example = "last:20"
    )]
    messages: String,
    /// With `ui` the answer is that of `/api/chat/{id}/`. Other values do not matter.
    #[param(required = false)]
    format: String,
}

/// A list of conversations: in pages, or in parts if `cursor` or `limit` are given.
pub struct ConversationList;

#[derive(ToSchema)]
#[serde(untagged)]
enum PageOrPart {
    Page(List<ConversationBody>),
    Part(Portion<ConversationBody>),
}

impl PartialSchema for ConversationList {
    /// What is a page has all of a part, too, so that it is not one or the other.
    fn schema() -> RefOr<Schema> {
        match PageOrPart::schema() {
            RefOr::T(Schema::OneOf(either)) => either
                .items
                .into_iter()
                .fold(AnyOfBuilder::new(), AnyOfBuilder::item)
                .into(),
            other => other,
        }
    }
}

impl ToSchema for ConversationList {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        PageOrPart::schemas(schemas);
    }
}

/// A conversation, or with `?format=ui` a chat.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum ShownConversation {
    Conversation(ConversationDetail),
    Chat(History),
}

/// A conversation that is to be.
#[derive(ToSchema)]
#[schema(example = json!({ "agent": AGENT, "title": "Tea", "tags": ["kitchen"] }))]
pub struct NewConversation {
    /// The agent that is to answer in it.
    agent: Uuid,
    /// `New Conversation` if it is not given, until something is said.
    #[schema(required = false, min_length = 1, max_length = 200)]
    title: String,
    #[schema(required = false)]
    is_pinned: bool,
    #[schema(required = false)]
    is_archived: bool,
    /// Up to 50 characters each. Each is kept once.
    #[schema(required = false, max_items = 20)]
    tags: Vec<String>,
}

/// What is to change of a conversation. What is not given stays.
#[derive(ToSchema)]
#[schema(example = json!({ "is_pinned": true, "tags": ["work", "rust"] }))]
pub struct ConversationChanges {
    /// The agent that is to answer in it.
    #[schema(required = false)]
    agent: Uuid,
    #[schema(required = false, min_length = 1, max_length = 200)]
    title: String,
    #[schema(required = false)]
    is_pinned: bool,
    #[schema(required = false)]
    is_archived: bool,
    /// Replaces all tags. Up to 50 characters each. Each is kept once.
    #[schema(required = false, max_items = 20)]
    tags: Vec<String>,
}

/// Which conversations are to be deleted.
#[derive(ToSchema)]
#[schema(example = json!({ "ids": [CONVERSATION] }))]
pub struct DeletedIds {
    #[schema(min_items = 1, max_items = 500)]
    ids: Vec<Uuid>,
}

/// How to go on in a copy.
#[derive(ToSchema)]
#[schema(example = json!({ "message_id": ANSWER, "title": "Tea, without milk" }))]
pub struct Fork {
    /// The last message of the copy; that of the conversation if it is not given.
    message_id: Option<Uuid>,
    /// That of the conversation with ` (fork)` behind it, if it is not given.
    #[schema(min_length = 1, max_length = 200)]
    title: Option<String>,
}

/// What a user says.
#[derive(ToSchema)]
#[schema(example = json!({ "content": "How long does green tea draw?" }))]
pub struct NewMessage {
    /// Stored as it is sent. Not blank.
    #[schema(min_length = 1)]
    content: String,
    /// Whether to answer with an event stream. If it is not given, the `Accept` header decides.
    #[schema(required = false)]
    stream: bool,
}

/// Another text for a question.
#[derive(ToSchema)]
#[schema(example = json!({ "content": "How long does black tea draw?" }))]
pub struct Edit {
    /// Stored as it is sent. Not blank.
    #[schema(min_length = 1)]
    content: String,
    /// Whether to have it answered at once.
    #[schema(required = false)]
    regenerate: bool,
    /// Whether to answer with an event stream. If it is not given, the `Accept` header decides.
    #[schema(required = false)]
    stream: bool,
}

/// What an edit is answered with: the question, or with `regenerate` the turn.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum Edited {
    Question(Box<MessageBody>),
    Turn(Box<Exchange>),
}

/// How to have a question answered again.
#[derive(ToSchema)]
#[schema(example = json!({ "stream": false }))]
pub struct Regeneration {
    /// Whether to answer with an event stream. If it is not given, the `Accept` header decides.
    #[schema(required = false)]
    stream: bool,
}

/// What is to be stopped.
#[derive(ToSchema)]
#[schema(example = json!({ "message_id": ANSWER }))]
pub struct Stop {
    /// Stop only this answer.
    message_id: Option<Uuid>,
}

/// An answer is being written in the conversation.
#[derive(Serialize, ToSchema)]
pub struct AnsweringBody {
    error: String,
    /// The answer that is being written.
    message_id: Uuid,
}

/// The model gave no answer.
#[derive(Serialize, ToSchema)]
pub struct NoAnswerBody {
    /// What happened, in a sentence for the user.
    error: String,
    /// What was said. It is kept.
    user_message: MessageBody,
}

/// The model gave no answer, or was not asked at all.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum NoAnswerNow {
    NoAnswer(Box<NoAnswerBody>),
    Busy(Detail),
}

/// Why something cannot be changed now.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum ConflictBody {
    Answering(AnsweringBody),
    NotShown(RefusalBody),
}

/// An answer is being written in this conversation: wait for it, join it or stop it.
#[derive(ToResponse)]
#[response(example = json!({
    "error": "An answer is being written in this conversation. Wait for it, or stop it.",
    "message_id": ANSWER,
}))]
pub struct Answering(AnsweringBody);

/// An answer is being written in this conversation; or the message belongs to a version of it that is not shown, and
/// has to be selected first.
#[derive(ToResponse)]
#[response(example = json!({
    "error": "This message belongs to a version of the conversation that is not shown. Select it first.",
}))]
pub struct Conflict(ConflictBody);

/// The `Idempotency-Key` was used for another request.
#[derive(ToResponse)]
#[response(example = json!({ "error": "This Idempotency-Key was used for another request." }))]
pub struct KeyReused(RefusalBody);

/// The provider refused, cannot be reached or sent something broken. The question is kept.
#[derive(ToResponse)]
pub struct ProviderFailed(NoAnswerBody);

/// The provider has too much to do, or the server was stopped before the answer was complete, and the question is kept;
/// or the server or its database is busy, and nothing was stored.
#[derive(ToResponse)]
#[response(headers(("Retry-After" = u32, description = "After how many seconds, where that is known.")))]
pub struct ProviderOverloaded(NoAnswerNow);

/// The provider took too long. The question is kept.
#[derive(ToResponse)]
pub struct ProviderTimeout(NoAnswerBody);

/// Answers that several operations share.
#[derive(OpenApi)]
#[openapi(components(
    schemas(AnsweringBody, NoAnswerBody, NoAnswerNow, ConflictBody),
    responses(
        Answering,
        Conflict,
        KeyReused,
        ProviderFailed,
        ProviderOverloaded,
        ProviderTimeout
    ),
))]
pub struct Shared;

/// What may come of asking a model.
pub struct Unanswered;

impl IntoResponses for Unanswered {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references([
            ("502", "ProviderFailed"),
            ("503", "ProviderOverloaded"),
            ("504", "ProviderTimeout"),
        ])
    }
}

/// What may be in the way of saying something.
pub struct NotSaid;

impl IntoResponses for NotSaid {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references([("409", "Answering"), ("422", "KeyReused")])
    }
}

/// What may be in the way of changing what was said.
pub struct NotChanged;

impl IntoResponses for NotChanged {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references([("409", "Answering")])
    }
}

/// What may be in the way of having something answered again.
pub struct NotAgain;

impl IntoResponses for NotAgain {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references([("409", "Conflict"), ("422", "KeyReused")])
    }
}

fn references<const N: usize>(responses: [(&str, &str); N]) -> BTreeMap<String, RefOr<Response>> {
    responses
        .map(|(status, name)| (status.to_owned(), RefOr::Ref(Ref::from_response_name(name))))
        .into()
}
