//! Changing what was said: other words for a question, other answers to it, choosing among them, and deleting.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::content::read_content;
use super::document::{
    Edit, Edited, IdempotencyKey, MessagePath, NotAgain, NotChanged, QuestionPath, Regeneration,
    Unanswered,
};
use super::live::tell;
use super::turn::idempotency::Key;
use super::turn::{self, Exchange, Opening, Said};
use crate::app::App;
use crate::auth::CurrentUser;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::fields::{Boolean, Form};
use crate::http::openapi::responses::BadWordedBody;
use crate::http::path::Ids;
use crate::http::payload::Payload;
use crate::live::told::EventStream;
use crate::llm::Role;
use crate::messages::{self, Message, MessageBody, tree};

const NO_QUESTION: Error = Error::Refused(
    StatusCode::BAD_REQUEST,
    "Only what a user said can be edited.",
);
const NOTHING_ASKED: Error = Error::Refused(
    StatusCode::BAD_REQUEST,
    "There is no question before this message that could be answered.",
);

/// Gives a question another text.
///
/// It keeps its id and its place, and is now the last message of the conversation. Its former text, with what followed it,
/// becomes another version. A text that says the same changes nothing. With `regenerate` it is answered in the same step.
#[utoipa::path(
    patch,
    path = "/api/conversations/{id}/messages/{message}/",
    tag = "messages",
    params(QuestionPath, IdempotencyKey),
    request_body = Edit,
    responses(
        (
            status = 200,
            description = "The question; or with `regenerate` both messages, or the events of the turn.",
            content((Edited = "application/json"), (EventStream = "text/event-stream")),
        ),
        (status = 400, response = BadWordedBody),
        NotAgain,
        Unanswered,
    ),
)]
pub async fn edit(
    CurrentUser(user): CurrentUser,
    State(app): State<App>,
    Ids(conversation, id): Ids,
    headers: HeaderMap,
    payload: Payload,
) -> Result<Response> {
    let question = find(&app.db, user.id, conversation, id).await?;
    let fields = payload.fields().await?;
    let content = read_content(&fields)?;
    let mut form = Form::new(fields);
    let regenerate = form.optional("regenerate", &Boolean).unwrap_or_default();
    let stream = form.optional("stream", &Boolean);
    form.finish()?;
    if question.role != Role::User {
        return Err(NO_QUESTION);
    }
    if regenerate {
        let key = Key::read(&headers, conversation, &format!("edit {id} {content}"))?;
        let question = Message {
            content,
            ..question
        };
        return answer(&app, user.id, question, key, stream, &headers).await;
    }
    let question = Message {
        content,
        ..question
    };
    let question = tree::edit(&app.db, user.id, &question).await?;
    Ok(Json(MessageBody::from(question)).into_response())
}

/// Has a question answered again.
///
/// It is that of the answer that is named, or a question that has no answer. The first answer, and what followed it,
/// becomes another version.
#[utoipa::path(
    post,
    path = "/api/conversations/{id}/messages/{message}/regenerate/",
    tag = "messages",
    params(MessagePath, IdempotencyKey),
    request_body = Regeneration,
    responses(
        (
            status = 200,
            description = "Both messages, or the events of the turn.",
            content((Exchange = "application/json"), (EventStream = "text/event-stream")),
        ),
        (status = 400, response = BadWordedBody),
        NotAgain,
        Unanswered,
    ),
)]
pub async fn regenerate(
    CurrentUser(user): CurrentUser,
    State(app): State<App>,
    Ids(conversation, id): Ids,
    headers: HeaderMap,
    payload: Payload,
) -> Result<Response> {
    let message = find(&app.db, user.id, conversation, id).await?;
    let mut form = Form::new(payload.fields().await?);
    let stream = form.optional("stream", &Boolean);
    form.finish()?;
    let key = Key::read(&headers, conversation, &format!("regenerate {id}"))?;
    let question = match message.role {
        Role::User => message,
        _ => messages::repository::find_question_of(&app.db, user.id, &message)
            .await?
            .ok_or(NOTHING_ASKED)?,
    };
    answer(&app, user.id, question, key, stream, &headers).await
}

/// Shows the version of the conversation to which a message belongs.
///
/// Of all that ever followed the message, the path is shown to what was written last.
#[utoipa::path(
    post,
    path = "/api/conversations/{id}/messages/{message}/select/",
    tag = "messages",
    params(MessagePath),
    responses((status = 200, description = "The message.", body = MessageBody), NotChanged),
)]
pub async fn select(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Ids(conversation, id): Ids,
) -> Result<Json<MessageBody>> {
    let message = tree::select(&db, user.id, conversation, id).await?;
    Ok(Json(message.into()))
}

/// Deletes a question together with all answers to it, or one answer alone.
///
/// What followed then follows what was before. Other versions stay as they are.
#[utoipa::path(
    delete,
    path = "/api/conversations/{id}/messages/{message}/",
    tag = "messages",
    params(MessagePath),
    responses((status = 204, description = "It is gone for good."), NotChanged),
)]
pub async fn delete(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Ids(conversation, id): Ids,
) -> Result<StatusCode> {
    tree::delete(&db, user.id, conversation, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(db: &Db, owner: Uuid, conversation: Uuid, id: Uuid) -> Result<Message> {
    messages::repository::find_in(db, owner, conversation, id)
        .await?
        .ok_or(Error::NotFound)
}

/// Has the conversation's agent answer a question that is there already, and tells that as it is wanted.
async fn answer(
    app: &App,
    owner: Uuid,
    question: Message,
    key: Option<Key>,
    stream: Option<bool>,
    headers: &HeaderMap,
) -> Result<Response> {
    let conversation = question.conversation_id;
    let place = turn::find_place(&app.db, owner, conversation)
        .await?
        .ok_or(Error::NotFound)?;
    let opening = Opening {
        owner,
        place,
        said: Said::Again {
            question: Box::new(question),
            key,
        },
    };
    let turn = turn::begin(app, opening).await?;
    tell(&turn, stream, headers).await
}
