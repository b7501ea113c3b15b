//! Listing, making, reading, changing and deleting agents.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::model::{AgentBody, AgentChanges};
use super::repository;
use super::templates::Templates;
use crate::auth::CurrentUser;
use crate::config::Config;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::page::{List, Pages};
use crate::http::path::Id;
use crate::http::payload::Payload;

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

pub async fn show_default(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    State(config): State<Arc<Config>>,
) -> Result<Json<AgentBody>> {
    let agent = repository::find_or_make_default(&db, user.id, &config.agents).await?;
    Ok(Json(agent.into()))
}

/// PUT and PATCH are the same, because no field is required.
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

pub async fn delete(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(id): Id,
) -> Result<StatusCode> {
    let mut tx = db.begin().await?;
    if !repository::delete(&mut tx, user.id, id).await? {
        return Err(Error::NotFound);
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a copy under another name.
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

/// What one may begin with.
pub async fn list_templates() -> Json<Templates> {
    Json(Templates::default())
}
