//! Going on from somewhere in a conversation in another one.

mod repository;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::document::{ConversationPath, Fork};
use super::model::{ConversationDetail, TITLE};
use crate::auth::CurrentUser;
use crate::clock;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::fields::{Form, Reference};
use crate::http::path::Id;
use crate::http::payload::Payload;
use crate::messages;

const SUFFIX: &str = " (fork)";

/// Goes on in a copy.
///
/// Begins a conversation with copies of what is shown of this one, up to and with the message named in `message_id`, or of
/// all of it. They have ids of their own and keep everything else but feedback. An answer that is being written is left
/// out. Agent and tags are the same.
#[utoipa::path(
    post,
    path = "/api/conversations/{id}/fork/",
    tag = "conversations",
    params(ConversationPath),
    request_body = Fork,
    responses((status = 201, description = "The copy.", body = ConversationDetail)),
)]
pub async fn fork(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(id): Id,
    payload: Payload,
) -> Result<(StatusCode, Json<ConversationDetail>)> {
    let origin = super::repository::find(&db, user.id, id)
        .await?
        .ok_or(Error::NotFound)?;
    let mut form = Form::new(payload.fields().await?);
    let message = form.nullable("message_id", &Reference).flatten();
    let title = form.nullable("title", &TITLE).flatten();
    form.finish()?;
    let until = match message {
        Some(message) => {
            let said_at = repository::find_time(&db, user.id, id, message).await?;
            Some(said_at.ok_or_else(|| {
                Error::field(
                    "message_id",
                    "There is no such message in what is shown of this conversation.",
                )
            })?)
        }
        None => None,
    };
    let is_chosen = title.is_some();
    let title = title.unwrap_or_else(|| title_of_fork(&origin.title));
    // Not before what is copied, whatever clock that has its times from.
    let at = clock::now_after(origin.updated_at);
    let made = repository::fork(&db, user.id, id, until, &title, is_chosen, at)
        .await?
        .ok_or(Error::NotFound)?;
    let messages = messages::repository::list_of(&db, user.id, made.id).await?;
    Ok((
        StatusCode::CREATED,
        Json(ConversationDetail::new(made, messages)),
    ))
}

fn title_of_fork(title: &str) -> String {
    let room = TITLE.max - SUFFIX.len();
    title
        .trim_end_matches(SUFFIX)
        .chars()
        .take(room)
        .chain(SUFFIX.chars())
        .collect()
}
