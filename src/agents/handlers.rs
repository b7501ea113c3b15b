//! Listing, making, reading, changing and deleting agents.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::document::{AgentFields, AgentId};
use super::model::{AgentBody, AgentChanges};
use super::repository;
use super::templates::Templates;
use crate::auth::CurrentUser;
use crate::config::Config;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::page::{List, PageParameters, Pages};
use crate::http::path::Id;
use crate::http::payload::Payload;
use crate::live::{self, Hub};

/// Lists one's agents, newest first.
#[utoipa::path(
    get,
    path = "/api/agents/",
    tag = "agents",
    params(PageParameters),
    responses((status = 200, description = "A page of agents.", body = List<AgentBody>)),
)]
pub async fn list(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    pages: Pages,
) -> Result<Json<List<AgentBody>>> {
    pages
        .list(|slice| repository::list(&db, user.id, slice))
        .await
        .map(Json)
}

/// Makes an agent.
#[utoipa::path(
    post,
    path = "/api/agents/",
    tag = "agents",
    request_body = AgentFields,
    responses((status = 201, description = "The agent was made.", body = AgentBody)),
)]
pub async fn create(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    State(config): State<Arc<Config>>,
    payload: Payload,
) -> Result<(StatusCode, Json<AgentBody>)> {
    let agent = AgentChanges::read(payload.fields().await?)?.into_new(&config.agents);
    let mut tx = db.begin().await?;
    let agent = repository::create(&mut tx, user.id, agent).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(agent.into())))
}

/// Shows an agent.
#[utoipa::path(
    get,
    path = "/api/agents/{id}/",
    tag = "agents",
    params(AgentId),
    responses((status = 200, description = "The agent.", body = AgentBody)),
)]
pub async fn show(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(id): Id,
) -> Result<Json<AgentBody>> {
    let agent = repository::find(&db, user.id, id)
        .await?
        .ok_or(Error::NotFound)?;
    Ok(Json(agent.into()))
}

/// Shows the default agent. If there is none, the one called `Bruno` becomes it; if there is no `Bruno`, he is made.
#[utoipa::path(
    get,
    path = "/api/agents/default/",
    tag = "agents",
    responses((status = 200, description = "The agent.", body = AgentBody)),
)]
pub async fn show_default(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    State(config): State<Arc<Config>>,
) -> Result<Json<AgentBody>> {
    let agent = repository::find_or_make_default(&db, user.id, &config.agents).await?;
    Ok(Json(agent.into()))
}

/// Changes an agent. PUT and PATCH are the same, because no field is required.
#[utoipa::path(
    method(put, patch),
    path = "/api/agents/{id}/",
    tag = "agents",
    params(AgentId),
    request_body = AgentFields,
    responses((status = 200, description = "The agent as it is now.", body = AgentBody)),
)]
pub async fn update(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(id): Id,
    payload: Payload,
) -> Result<Json<AgentBody>> {
    if !repository::exists(&db, user.id, id).await? {
        return Err(Error::NotFound);
    }
    let changes = AgentChanges::read(payload.fields().await?)?;
    let mut tx = db.begin().await?;
    let agent = repository::update(&mut tx, user.id, id, changes)
        .await?
        .ok_or(Error::NotFound)?;
    tx.commit().await?;
    Ok(Json(agent.into()))
}

/// Deletes an agent and its conversations.
///
/// Answers that are being written in them are stopped.
#[utoipa::path(
    delete,
    path = "/api/agents/{id}/",
    tag = "agents",
    params(AgentId),
    responses((status = 204, description = "The agent is gone.")),
)]
pub async fn delete(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    State(live): State<Hub>,
    Id(id): Id,
) -> Result<StatusCode> {
    let mut tx = db.begin().await?;
    if !repository::delete(&mut tx, user.id, id).await? {
        return Err(Error::NotFound);
    }
    tx.commit().await?;
    live::stop_deleted(&db, &live, user.id).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a copy under another name.
#[utoipa::path(
    post,
    path = "/api/agents/{id}/duplicate/",
    tag = "agents",
    params(AgentId),
    responses((status = 201, description = "The copy.", body = AgentBody)),
)]
pub async fn duplicate(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(id): Id,
) -> Result<(StatusCode, Json<AgentBody>)> {
    let mut tx = db.begin().await?;
    let agent = repository::duplicate(&mut tx, user.id, id)
        .await?
        .ok_or(Error::NotFound)?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(agent.into())))
}

/// Lists personalities to begin with. All but `key` are fields of an agent.
#[utoipa::path(
    get,
    path = "/api/agents/templates/",
    tag = "agents",
    responses((status = 200, description = "All of them.", body = Templates)),
)]
pub async fn list_templates() -> Json<Templates> {
    Json(Templates::default())
}
