//! What pages of the AI SDK ask for.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::history::History;
use super::name::ChatName;
use super::request::Request;
use super::{repository, stream, turns};
use crate::app::App;
use crate::auth::CurrentUser;
use crate::conversations::turn;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::fields::{Form, Reference};
use crate::http::payload::Payload;
use crate::messages::{self, MessageBody, Status};

/// Says something, or has something answered again, and tells the answer as it comes.
pub async fn send(
    CurrentUser(user): CurrentUser,
    State(app): State<App>,
    payload: Payload,
) -> Result<Response> {
    let request = Request::read(payload.fields().await?)?;
    let turn = turns::find_or_begin(&app, user.id, request).await?;
    Ok(stream::response(turn.reader()))
}

/// Tells the running answer from its beginning. Pages ask this of every chat when they open it, new ones included.
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

/// What a request to stop came to.
#[derive(Serialize)]
pub struct Stopped {
    /// Whether this stopped an answer.
    stopped: bool,
    /// The answer as it is now.
    message: Option<MessageBody>,
}

/// Stops the running answer and keeps its text. Hanging up does not: the page may come back.
pub async fn stop(
    CurrentUser(user): CurrentUser,
    State(app): State<App>,
    chat: ChatName,
    payload: Payload,
) -> Result<Json<Stopped>> {
    let conversation = repository::find(&app.db, user.id, &chat)
        .await?
        .ok_or(Error::NotFound)?;
    let mut form = Form::new(payload.fields().await?);
    let message = form.nullable("message_id", &Reference).flatten();
    form.finish()?;
    let end = turn::stop(&app, user.id, conversation.id, message).await?;
    Ok(Json(Stopped {
        stopped: end
            .as_ref()
            .is_some_and(|end| end.answer.status == Status::Stopped),
        message: end.map(|end| Arc::unwrap_or_clone(end).answer.into()),
    }))
}

/// What was said so far, without the running answer.
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
