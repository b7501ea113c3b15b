//! What pages of the AI SDK ask for.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::document::{ChatPath, ChatRequest, ChatStream, MissingFromChat};
use super::history::History;
use super::name::ChatName;
use super::request::Request;
use super::{repository, stream, turns};
use crate::app::App;
use crate::auth::CurrentUser;
use crate::conversations::document::{Conflict, Stop};
use crate::conversations::{Stopped, stop_in};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::openapi::responses::BadWordedBody;
use crate::http::payload::Payload;
use crate::messages;

/// Says something, changes it or has it answered again, as the AI SDK's `useChat` does.
///
/// The server owns the history: of what a page sends, the last message alone is looked at. Once the stream has begun, a
/// model that fails is an `error` chunk.
#[utoipa::path(
    post,
    path = "/api/chat/",
    tag = "chat",
    request_body = ChatRequest,
    responses(
        (
            status = 200,
            description = "The answer as it comes.",
            body = ChatStream,
            content_type = "text/event-stream",
            headers(("X-Vercel-AI-UI-Message-Stream" = String, description = "Always `v1`.")),
        ),
        (status = 400, response = BadWordedBody),
        (status = 404, description = "`messageId` names nothing.", body = MissingFromChat),
        (status = 409, response = Conflict),
    ),
)]
pub async fn send(
    CurrentUser(user): CurrentUser,
    State(app): State<App>,
    payload: Payload,
) -> Result<Response> {
    let request = Request::read(payload.fields().await?)?;
    let turn = turns::find_or_begin(&app, user.id, request).await?;
    Ok(stream::response(turn.reader()))
}

/// Joins the running answer.
///
/// Pages ask this of every chat when they open it, new ones included.
#[utoipa::path(
    get,
    path = "/api/chat/{id}/stream/",
    tag = "chat",
    params(ChatPath),
    responses(
        (
            status = 200,
            description = "The answer from its beginning.",
            body = ChatStream,
            content_type = "text/event-stream",
            headers(("X-Vercel-AI-UI-Message-Stream" = String, description = "Always `v1`.")),
        ),
        (status = 204, description = "Nothing runs, or there is no such chat yet."),
    ),
)]
pub async fn stream(
    CurrentUser(user): CurrentUser,
    State(app): State<App>,
    chat: ChatName,
) -> Result<Response> {
    let turn = match repository::find(&app.db, user.id, &chat).await? {
        Some(conversation) => app.live.join(user.id, conversation.id).await?,
        None => None,
    };
    Ok(match turn {
        Some(turn) => stream::response(turn.reader()),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Stops the running answer and keeps its text.
///
/// Hanging up does not: the page may come back.
#[utoipa::path(
    post,
    path = "/api/chat/{id}/stop/",
    tag = "chat",
    params(ChatPath),
    request_body = Stop,
    responses((status = 200, description = "What came of it, once the answer is stored.", body = Stopped)),
)]
pub async fn stop(
    CurrentUser(user): CurrentUser,
    State(app): State<App>,
    chat: ChatName,
    payload: Payload,
) -> Result<Json<Stopped>> {
    let conversation = repository::find(&app.db, user.id, &chat)
        .await?
        .ok_or(Error::NotFound)?;
    stop_in(&app, user.id, conversation.id, payload).await
}

/// Shows what was said so far, without the running answer.
#[utoipa::path(
    get,
    path = "/api/chat/{id}/",
    tag = "chat",
    params(ChatPath),
    responses((status = 200, description = "The chat.", body = History)),
)]
pub async fn show(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    chat: ChatName,
) -> Result<Json<History>> {
    let conversation = repository::find(&db, user.id, &chat)
        .await?
        .ok_or(Error::NotFound)?;
    let messages = messages::repository::list_of(&db, user.id, conversation.id).await?;
    Ok(Json(History::new(conversation, messages)))
}
