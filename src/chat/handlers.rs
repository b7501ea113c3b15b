//! What pages of the AI SDK ask for.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::history::History;
use super::name::ChatName;
use super::request::Request;
use super::{repository, stream, turns};
use crate::app::App;
use crate::auth::CurrentUser;
use crate::conversations::{Stopped, stop_in};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::payload::Payload;
use crate::messages;

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
    stop_in(&app, user.id, conversation.id, payload).await
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
