//! Saying something in a conversation, watching the answer, and stopping it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::content::read_content;
use super::document::{
    ConversationPath, IdempotencyKey, LastEventId, LastEventIdInAddress, NewMessage, NotSaid, Stop,
    Unanswered,
};
use super::repository;
use super::turn::idempotency::Key;
use super::turn::{self, Exchange, Opening, Said};
use crate::app::App;
use crate::auth::CurrentUser;
use crate::error::{Error, Result};
use crate::http::accept::accepts_events;
use crate::http::fields::{Boolean, Form, Reference};
use crate::http::openapi::responses::BadWordedBody;
use crate::http::path::{Id, query_value};
use crate::http::payload::Payload;
use crate::live::told::EventStream;
use crate::live::{Turn, sse};
use crate::messages::MessageBody;

/// Says something and has it answered.
///
/// The agent's model is asked, and question and answer are stored. The answer to the request comes when that of the model
/// is complete; with `stream` in the body or `Accept: text/event-stream` it begins at once and tells what happens. The
/// turn goes on whoever leaves.
#[utoipa::path(
    post,
    path = "/api/conversations/{id}/send_message/",
    tag = "conversations",
    params(ConversationPath, IdempotencyKey),
    request_body = NewMessage,
    responses(
        (
            status = 200,
            description = "Both messages, or the events of the turn.",
            content((Exchange = "application/json"), (EventStream = "text/event-stream")),
        ),
        (status = 400, response = BadWordedBody),
        NotSaid,
        Unanswered,
    ),
)]
pub async fn send_message(
    CurrentUser(user): CurrentUser,
    State(app): State<App>,
    Id(id): Id,
    headers: HeaderMap,
    payload: Payload,
) -> Result<Response> {
    let place = turn::find_place(&app.db, user.id, id)
        .await?
        .ok_or(Error::NotFound)?;
    let fields = payload.fields().await?;
    let content = read_content(&fields)?;
    let mut form = Form::new(fields);
    let stream = form.optional("stream", &Boolean);
    form.finish()?;
    let key = Key::read(&headers, id, &content)?;

    let opening = Opening {
        owner: user.id,
        place,
        said: Said::New {
            content,
            client_id: None,
            key,
        },
    };
    let turn = turn::begin(&app, opening).await?;
    tell(&turn, stream, &headers).await
}

/// Tells a turn as it comes, or at its end. `stream` is what the client said about that; else its headers do.
pub async fn tell(turn: &Arc<Turn>, stream: Option<bool>, headers: &HeaderMap) -> Result<Response> {
    if stream.unwrap_or_else(|| accepts_events(headers)) {
        Ok(sse::response(sse::events(turn.reader())))
    } else {
        turn::exchange(turn)
            .await
            .map(|exchange| Json(exchange).into_response())
    }
}

/// Joins the running answer.
///
/// Its events are told from the beginning, or from after the event that was read last. An id that is none of this turn's
/// stands for its beginning.
#[utoipa::path(
    get,
    path = "/api/conversations/{id}/stream/",
    tag = "conversations",
    params(ConversationPath, LastEventId, LastEventIdInAddress),
    responses(
        (status = 200, description = "The events of the turn.", body = EventStream, content_type = "text/event-stream"),
        (status = 204, description = "Nothing runs: read the conversation."),
    ),
)]
pub async fn stream(
    CurrentUser(user): CurrentUser,
    State(app): State<App>,
    Id(id): Id,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response> {
    let Some(turn) = app.live.join(user.id, id).await? else {
        repository::find(&app.db, user.id, id)
            .await?
            .ok_or(Error::NotFound)?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    // In the address for clients that cannot set headers when they connect for the first time.
    let last = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok().map(str::to_owned))
        .or_else(|| query_value(&uri, "last_event_id"))
        .and_then(|id| id.trim().parse().ok());
    let reader = match last {
        Some(last) => turn.reader_after(last),
        None => turn.reader(),
    };
    Ok(sse::response(sse::events(reader)))
}

/// What a request to stop came to.
#[derive(Serialize, ToSchema)]
pub struct Stopped {
    /// Whether this stopped an answer.
    stopped: bool,
    /// The answer as it is now; null if none was running, or another one than was meant.
    #[schema(required)]
    message: Option<MessageBody>,
}

/// Stops the running answer and keeps its text.
///
/// If there is none, or another one than was meant, nothing happens.
#[utoipa::path(
    post,
    path = "/api/conversations/{id}/stop/",
    tag = "conversations",
    params(ConversationPath),
    request_body = Stop,
    responses((status = 200, description = "What came of it, once the answer is stored.", body = Stopped)),
)]
pub async fn stop(
    CurrentUser(user): CurrentUser,
    State(app): State<App>,
    Id(id): Id,
    payload: Payload,
) -> Result<Json<Stopped>> {
    repository::find(&app.db, user.id, id)
        .await?
        .ok_or(Error::NotFound)?;
    stop_in(&app, user.id, id, payload).await
}

/// The same in a conversation that is known to be the user's. The body may say in `message_id` which answer is meant.
///
/// # Errors
/// The body is not readable.
pub async fn stop_in(
    app: &App,
    owner: Uuid,
    conversation: Uuid,
    payload: Payload,
) -> Result<Json<Stopped>> {
    let mut form = Form::new(payload.fields().await?);
    let message = form.nullable("message_id", &Reference).flatten();
    form.finish()?;
    let end = turn::stop(app, owner, conversation, message).await?;
    Ok(Json(Stopped {
        stopped: end.as_ref().is_some_and(|end| end.is_stopped()),
        message: end.map(|end| Arc::unwrap_or_clone(end).answer.into()),
    }))
}
