//! Listing and reading messages, their versions, and what users think of them.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::{ListedBody, MessageBody};
use super::document::{ExcerptParameters, ListFilters, MessageList, MessagePath, NewFeedback};
use super::excerpt::{Excerpt, ExcerptBody};
use super::model::{Rating, Role};
use super::repository;
use crate::auth::CurrentUser;
use crate::conversations::document::{ConversationPath, MessagePath as MessageOfConversation};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::fields::{Choice, Form, REQUIRED, Reference, Text};
use crate::http::openapi::responses::{BadWordedBody, BodyErrors};
use crate::http::page::{PageParameters, Pages};
use crate::http::path::{Id, Ids};
use crate::http::payload::Payload;

/// The comment on an answer.
const COMMENT: Text = Text {
    may_be_blank: true,
    ..Text::new(2000)
};

/// Lists all messages that are shown, oldest first, or those of one conversation.
///
/// With `limit` or `before` the latter come as a bare list: the newest ones, oldest first. A conversation that there is
/// not has none.
#[utoipa::path(
    get,
    path = "/api/messages/",
    tag = "messages",
    params(PageParameters, ListFilters),
    responses(
        (status = 200, description = "The messages.", body = MessageList),
        (status = 400, description = "A parameter is not good.", body = BodyErrors),
    ),
)]
pub async fn list(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    uri: Uri,
    pages: Pages,
) -> Result<Response> {
    let mut form = Form::of_query(&uri);
    // The contract has this list not filtered for clients that ask for a conversation and a role.
    if !form.has("conversation") || form.has("role") {
        let list = pages.list::<_, MessageBody, _>(|slice| repository::list(&db, user.id, slice));
        return Ok(Json(list.await?).into_response());
    }
    let conversation = form.optional("conversation", &Reference);
    let is_excerpt = form.has("limit") || form.has("before");
    let asked = is_excerpt.then(|| Excerpt::read_before(&mut form));
    let conversation = form.complete(conversation)?;
    let Some(asked) = asked else {
        let list = pages.list::<_, MessageBody, _>(|slice| {
            repository::list_in(&db, user.id, conversation, slice)
        });
        return Ok(Json(list.await?).into_response());
    };
    // As of any filter that nothing fits.
    let results = match asked.fetch(&db, user.id, conversation).await {
        Ok((results, _)) => results,
        Err(Error::NotFound) => Vec::new(),
        Err(error) => return Err(error),
    };
    let results: Vec<ListedBody> = results.into_iter().map(ListedBody::from).collect();
    Ok(Json(results).into_response())
}

/// Lists the newest messages of a conversation, oldest first, and the way to more.
///
/// However far back a part is, it costs the same. A cursor may be a message that is no longer shown.
#[utoipa::path(
    get,
    path = "/api/conversations/{id}/messages/",
    tag = "messages",
    params(ConversationPath, ExcerptParameters),
    responses(
        (status = 200, description = "The messages.", body = ExcerptBody),
        (status = 400, description = "A parameter is not good.", body = BodyErrors),
    ),
)]
pub async fn list_by_cursor(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(conversation): Id,
    uri: Uri,
) -> Result<Json<ExcerptBody>> {
    let mut form = Form::of_query(&uri);
    let asked = Excerpt::read(&mut form);
    form.finish()?;
    let (results, has_more) = asked.fetch(&db, user.id, conversation).await?;
    Ok(Json(asked.body(results, has_more)))
}

/// Shows a message, whether its conversation shows it or not.
#[utoipa::path(
    get,
    path = "/api/messages/{id}/",
    tag = "messages",
    params(MessagePath),
    responses((status = 200, description = "The message.", body = MessageBody)),
)]
pub async fn show(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(id): Id,
) -> Result<Json<MessageBody>> {
    let message = repository::find(&db, user.id, id)
        .await?
        .ok_or(Error::NotFound)?;
    Ok(Json(message.into()))
}

/// All versions of a message.
#[derive(Serialize, ToSchema)]
pub struct Versions {
    /// In the order in which they were written, the newest 200.
    results: Vec<MessageBody>,
}

/// Lists all versions of a message.
///
/// They are messages of the same role after the same message. The one that is shown has `is_active`.
#[utoipa::path(
    get,
    path = "/api/conversations/{id}/messages/{message}/versions/",
    tag = "messages",
    params(MessageOfConversation),
    responses((status = 200, description = "The versions.", body = Versions)),
)]
pub async fn versions(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Ids(conversation, id): Ids,
) -> Result<Json<Versions>> {
    let message = repository::find_in(&db, user.id, conversation, id)
        .await?
        .ok_or(Error::NotFound)?;
    let versions = repository::list_versions(&db, user.id, &message).await?;
    Ok(Json(Versions {
        results: versions.into_iter().map(MessageBody::from).collect(),
    }))
}

/// Notes what the user thinks of an answer, in place of what was noted before.
#[utoipa::path(
    put,
    path = "/api/conversations/{id}/messages/{message}/feedback/",
    tag = "messages",
    params(MessageOfConversation),
    request_body = NewFeedback,
    responses(
        (status = 200, description = "The answer.", body = MessageBody),
        (status = 400, response = BadWordedBody),
    ),
)]
pub async fn give_feedback(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Ids(conversation, id): Ids,
    payload: Payload,
) -> Result<Json<MessageBody>> {
    let mut answer = repository::find_in(&db, user.id, conversation, id)
        .await?
        .ok_or(Error::NotFound)?;
    let mut form = Form::new(payload.fields().await?);
    let rating = form.nullable("rating", &Choice(|word| word.parse::<Rating>().ok()));
    if !form.has("rating") {
        form.reject("rating", REQUIRED);
    }
    let comment = form.nullable("comment", &COMMENT).flatten();
    form.finish()?;
    if answer.role != Role::Assistant {
        const NO_ANSWER: Error =
            Error::Refused(StatusCode::BAD_REQUEST, "Only answers can be rated.");
        return Err(NO_ANSWER);
    }
    answer.feedback_rating = rating.flatten();
    answer.feedback_comment = comment.filter(|comment| !comment.is_empty());
    let (rating, comment) = (answer.feedback_rating, answer.feedback_comment.as_deref());
    if repository::set_feedback(&db, user.id, conversation, id, rating, comment).await? {
        Ok(Json(answer.into()))
    } else {
        Err(Error::NotFound)
    }
}
