//! Listing, beginning, reading, changing and deleting conversations.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use uuid::Uuid;

use super::model::{
    AgentId, AgentReference, ConversationBody, ConversationChanges, ConversationDetail,
    DEFAULT_TITLE, TITLE,
};
use super::repository;
use crate::agents;
use crate::auth::CurrentUser;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::fields::Form;
use crate::http::page::{List, Pages};
use crate::http::path::Id;
use crate::http::payload::Payload;
use crate::live::Hub;
use crate::messages;

pub async fn list(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    pages: Pages,
) -> Result<Json<List<ConversationBody>>> {
    pages
        .list(|slice| repository::list(&db, user.id, slice))
        .await
        .map(Json)
}

pub async fn create(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    payload: Payload,
) -> Result<(StatusCode, Json<ConversationDetail>)> {
    let mut form = Form::new(payload.fields().await?);
    let title = form.optional("title", &TITLE);
    let agent = agent_field(&mut form, &db, user.id, true).await?;
    let agent = form.complete(agent)?;
    let title = title.as_deref().unwrap_or(DEFAULT_TITLE);
    let conversation = repository::create(&db, user.id, agent.id, title)
        .await
        .map_err(Error::on_missing_reference("agent", agent.does_not_exist()))?;
    Ok((
        StatusCode::CREATED,
        Json(ConversationDetail::new(conversation, Vec::new())),
    ))
}

pub async fn show(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(id): Id,
) -> Result<Json<ConversationDetail>> {
    let conversation = repository::find(&db, user.id, id)
        .await?
        .ok_or(Error::NotFound)?;
    let messages = messages::repository::list_of(&db, user.id, id).await?;
    Ok(Json(ConversationDetail::new(conversation, messages)))
}

pub async fn replace(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(id): Id,
    payload: Payload,
) -> Result<Json<ConversationDetail>> {
    save(&db, user.id, id, payload, true).await
}

pub async fn update(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(id): Id,
    payload: Payload,
) -> Result<Json<ConversationDetail>> {
    save(&db, user.id, id, payload, false).await
}

pub async fn delete(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    State(live): State<Hub>,
    Id(id): Id,
) -> Result<StatusCode> {
    if repository::delete(&db, user.id, id).await? {
        if let Some(turn) = live.running(id).filter(|turn| turn.owner == user.id) {
            turn.stop().cancel();
        }
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
    let agent = agent_field(&mut form, db, owner, is_put).await?;
    form.finish()?;
    let does_not_exist = agent
        .as_ref()
        .map(AgentId::does_not_exist)
        .unwrap_or_default();
    let changes = ConversationChanges {
        agent_id: agent.map(|agent| agent.id),
        title,
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
