//! Listing, beginning, finding, reading, changing and deleting conversations.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::document::{
    ConversationChanges as Changes, ConversationList, ConversationPath, ListFilters,
    NewConversation, ShowParameters, ShownConversation,
};
use super::filters::Filters;
use super::marks::Marks;
use super::model::{
    AgentId, AgentReference, Conversation, ConversationBody, ConversationChanges,
    ConversationDetail, DEFAULT_TITLE, TITLE,
};
use super::repository;
use crate::agents;
use crate::auth::CurrentUser;
use crate::chat::History;
use crate::config::Config;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::cursor::{Cursor, Portion, WindowParameters};
use crate::http::fields::Form;
use crate::http::openapi::responses::BodyErrors;
use crate::http::page::{List, PageParameters, Pages};
use crate::http::path::{Id, query_value};
use crate::http::payload::Payload;
use crate::live::{self, Hub};
use crate::messages::repository::{Position, Stretch};
use crate::messages::{self, Message};

/// Lists conversations by latest activity, archived ones, too.
///
/// Its parameters narrow it, all of them together; others are passed over. With `cursor` or `limit` it is told in parts,
/// whose `next` is the `cursor` of the next one: deep parts cost what the first one costs, and there is no count.
#[utoipa::path(
    get,
    path = "/api/conversations/",
    tag = "conversations",
    params(PageParameters, ListFilters, WindowParameters),
    responses(
        (status = 200, description = "A page of the list, or a part of it.", body = ConversationList),
        (status = 400, description = "A parameter is not good.", body = BodyErrors),
    ),
)]
pub async fn list(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    uri: Uri,
    pages: Pages,
) -> Result<Response> {
    let (filters, window) = Filters::read(&uri)?;
    if let Some(window) = window {
        let rows = repository::list_from(&db, user.id, &filters, window).await?;
        let place = |last: &Conversation| Cursor {
            at: last.updated_at,
            id: last.id,
        };
        let portion: Portion<ConversationBody> = window.show(rows, place);
        return Ok(Json(portion).into_response());
    }
    let list: List<ConversationBody> = pages
        .list(|slice| repository::list(&db, user.id, &filters, slice))
        .await?;
    Ok(Json(list).into_response())
}

/// Begins a conversation.
#[utoipa::path(
    post,
    path = "/api/conversations/",
    tag = "conversations",
    request_body = NewConversation,
    responses((status = 201, description = "The conversation, without messages.", body = ConversationDetail)),
)]
pub async fn create(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    payload: Payload,
) -> Result<(StatusCode, Json<ConversationDetail>)> {
    let mut form = Form::new(payload.fields().await?);
    let title = form.optional("title", &TITLE);
    let marks = Marks::read(&mut form);
    let agent = agent_field(&mut form, &db, user.id, true).await?;
    let agent = form.complete(agent)?;
    let title = title.as_deref().unwrap_or(DEFAULT_TITLE);
    let conversation = repository::create(&db, user.id, agent.id, title, &marks)
        .await
        .map_err(Error::on_missing_reference("agent", agent.does_not_exist()))?;
    Ok((
        StatusCode::CREATED,
        Json(ConversationDetail::new(conversation, Vec::new())),
    ))
}

/// A conversation to go on with.
#[derive(Serialize, ToSchema)]
#[schema(as = ConversationToGoOnWith)]
pub struct Found {
    conversation: ConversationDetail,
    /// Whether there was none.
    created: bool,
}

/// Shows the conversation to go on with, or begins it.
///
/// It is the one with the latest activity of those that are not archived, with all its messages, or else a new one with
/// the default agent. Requests at the same time get the same one.
#[utoipa::path(
    get,
    path = "/api/conversations/get_or_create/",
    tag = "conversations",
    responses((status = 200, description = "The conversation.", body = Found)),
)]
pub async fn get_or_create(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    State(config): State<Arc<Config>>,
) -> Result<Json<Found>> {
    find_or_create(&db, user.id, &config).await
}

/// Shows the conversation to go on with, or begins it. The same as with GET; a body is not looked at.
#[utoipa::path(
    post,
    path = "/api/conversations/get_or_create/",
    tag = "conversations",
    responses((status = 200, description = "The conversation.", body = Found)),
)]
pub async fn post_get_or_create(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    State(config): State<Arc<Config>>,
) -> Result<Json<Found>> {
    find_or_create(&db, user.id, &config).await
}

async fn find_or_create(db: &Db, owner: Uuid, config: &Config) -> Result<Json<Found>> {
    let (conversation, created) = match repository::find_latest(db, owner).await? {
        Some(latest) => (latest, false),
        None => begin_first(db, owner, config).await?,
    };
    let messages = if created {
        Vec::new()
    } else {
        messages::repository::list_of(db, owner, conversation.id).await?
    };
    Ok(Json(Found {
        conversation: ConversationDetail::new(conversation, messages),
        created,
    }))
}

/// Begins a conversation with the default agent, unless another request has done so meanwhile; tells whether it did.
async fn begin_first(db: &Db, owner: Uuid, config: &Config) -> Result<(Conversation, bool)> {
    let agent = agents::repository::find_or_make_default(db, owner, &config.agents).await?;
    let mut tx = db.begin().await?;
    agents::repository::lock(&mut tx, owner).await?;
    if let Some(latest) = repository::find_latest(&mut tx, owner).await? {
        return Ok((latest, false));
    }
    let marks = Marks::default();
    let made = repository::create(&mut tx, owner, agent.id, DEFAULT_TITLE, &marks).await?;
    tx.commit().await?;
    Ok((made, true))
}

/// Shows a conversation with its messages.
#[utoipa::path(
    get,
    path = "/api/conversations/{id}/",
    tag = "conversations",
    params(ConversationPath, ShowParameters),
    responses(
        (status = 200, description = "The conversation.", body = ShownConversation),
        (status = 400, description = "A parameter is not good.", body = BodyErrors),
    ),
)]
pub async fn show(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(id): Id,
    uri: Uri,
) -> Result<Response> {
    let conversation = repository::find(&db, user.id, id)
        .await?
        .ok_or(Error::NotFound)?;
    let (messages, is_whole) = match read_wanted(&uri)? {
        Wanted::All => (messages::repository::list_of(&db, user.id, id).await?, true),
        Wanted::None => (Vec::new(), false),
        Wanted::Last(number) => {
            let last = Stretch::Before(Position::END);
            let last = messages::repository::list_stretch(&db, user.id, id, last, number).await?;
            (last.into_iter().map(Message::from).collect(), false)
        }
    };
    Ok(if query_value(&uri, "format").as_deref() == Some("ui") {
        Json(History::new(conversation, messages)).into_response()
    } else if is_whole {
        Json(ConversationDetail::new(conversation, messages)).into_response()
    } else {
        Json(ConversationDetail::excerpt(conversation, messages)).into_response()
    })
}

/// Which messages a conversation is to be shown with.
enum Wanted {
    All,
    None,
    /// So many of the newest.
    Last(i64),
}

/// The parameter `messages`: `all`, `none` or `last:N`.
fn read_wanted(uri: &Uri) -> Result<Wanted> {
    let Some(wanted) = query_value(uri, "messages") else {
        return Ok(Wanted::All);
    };
    let last = wanted.strip_prefix("last:").and_then(|number| {
        let number = number.parse().ok()?;
        (1..=messages::MOST).contains(&number).then_some(number)
    });
    match (wanted.as_str(), last) {
        ("all", _) => Ok(Wanted::All),
        ("none", _) => Ok(Wanted::None),
        (_, Some(number)) => Ok(Wanted::Last(number)),
        _ => Err(Error::field(
            "messages",
            format!(
                "Must be all, none or last:N, with N from 1 to {}.",
                messages::MOST
            ),
        )),
    }
}

/// Changes a conversation.
///
/// What is not sent stays, but the agent must be.
#[utoipa::path(
    put,
    path = "/api/conversations/{id}/",
    tag = "conversations",
    params(ConversationPath),
    request_body = NewConversation,
    responses((status = 200, description = "The conversation as it is now.", body = ConversationDetail)),
)]
pub async fn replace(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(id): Id,
    payload: Payload,
) -> Result<Json<ConversationDetail>> {
    save(&db, user.id, id, payload, true).await
}

/// Changes some of a conversation.
///
/// A change of `is_pinned`, `is_archived` and `tags` alone is no activity: `updated_at` stays as it is.
#[utoipa::path(
    patch,
    path = "/api/conversations/{id}/",
    tag = "conversations",
    params(ConversationPath),
    request_body = Changes,
    responses((status = 200, description = "The conversation as it is now.", body = ConversationDetail)),
)]
pub async fn update(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(id): Id,
    payload: Payload,
) -> Result<Json<ConversationDetail>> {
    save(&db, user.id, id, payload, false).await
}

/// Deletes a conversation with its messages.
///
/// An answer that is being written in it is stopped.
#[utoipa::path(
    delete,
    path = "/api/conversations/{id}/",
    tag = "conversations",
    params(ConversationPath),
    responses((status = 204, description = "It is gone.")),
)]
pub async fn delete(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    State(live): State<Hub>,
    Id(id): Id,
) -> Result<StatusCode> {
    if repository::delete(&db, user.id, id).await? {
        live::stop_deleted(&db, &live, user.id).await;
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::NotFound)
    }
}

/// Writes what was sent; PUT also wants what is required to be there.
async fn save(
    db: &Db,
    owner: Uuid,
    id: Uuid,
    payload: Payload,
    is_put: bool,
) -> Result<Json<ConversationDetail>> {
    repository::find(db, owner, id)
        .await?
        .ok_or(Error::NotFound)?;
    let mut form = Form::new(payload.fields().await?);
    let title = form.optional("title", &TITLE);
    let marks = Marks::read(&mut form);
    let agent = agent_field(&mut form, db, owner, is_put).await?;
    form.finish()?;
    let does_not_exist = agent
        .as_ref()
        .map(AgentId::does_not_exist)
        .unwrap_or_default();
    let changes = ConversationChanges {
        agent_id: agent.map(|agent| agent.id),
        title,
        marks,
    };
    let conversation = repository::update(db, owner, id, changes)
        .await
        .map_err(Error::on_missing_reference("agent", does_not_exist))?
        .ok_or(Error::NotFound)?;
    let messages = messages::repository::list_of(db, owner, id).await?;
    Ok(Json(ConversationDetail::new(conversation, messages)))
}

/// The field `agent`: one of the user's. Somebody else's is told as one that does not exist. Where nothing else is
/// wrong that is left to the database, which will not take a reference to an agent that the user does not have.
async fn agent_field(
    form: &mut Form,
    db: &Db,
    owner: Uuid,
    is_required: bool,
) -> Result<Option<AgentId>> {
    let agent = form.field("agent", &AgentReference, is_required);
    if let Some(agent) = &agent
        && form.is_faulty()
        && !agents::repository::exists(db, owner, agent.id).await?
    {
        form.reject("agent", agent.does_not_exist());
    }
    Ok(agent)
}
