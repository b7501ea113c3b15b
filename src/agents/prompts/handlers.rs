//! Listing and reading versions of system prompts, and taking one up again.

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use uuid::Uuid;

use super::model::{PromptBody, PromptDetail};
use super::repository;
use crate::agents;
use crate::agents::document::{AgentId, PromptNumber};
use crate::agents::{AgentBody, AgentChanges};
use crate::auth::CurrentUser;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::page::{List, PageParameters, Pages};
use crate::http::path::{Id, parse_uuid};

/// Lists the versions of an agent's system prompt, newest first.
#[utoipa::path(
    get,
    path = "/api/agents/{id}/prompts/",
    tag = "agents",
    operation_id = "list_prompts",
    params(AgentId, PageParameters),
    responses((status = 200, description = "A page of versions.", body = List<PromptBody>)),
)]
pub async fn list(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(agent): Id,
    pages: Pages,
) -> Result<Json<List<PromptBody>>> {
    if !agents::repository::exists(&db, user.id, agent).await? {
        return Err(Error::NotFound);
    }
    pages
        .list(|slice| repository::list(&db, user.id, agent, slice))
        .await
        .map(Json)
}

/// The agent and the number of a version in the path; 404 if they are none.
pub struct Version {
    agent: Uuid,
    number: i32,
}

impl<S: Send + Sync> FromRequestParts<S> for Version {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Path((agent, number)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|_| Error::NotFound)?;
        Ok(Self {
            agent: parse_uuid(&agent).ok_or(Error::NotFound)?,
            number: number.parse().map_err(|_| Error::NotFound)?,
        })
    }
}

/// Shows a version, and how it differs from the one before.
#[utoipa::path(
    get,
    path = "/api/agents/{id}/prompts/{number}/",
    tag = "agents",
    operation_id = "show_prompt",
    params(AgentId, PromptNumber),
    responses((status = 200, description = "The version.", body = PromptDetail)),
)]
pub async fn show(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Version { agent, number }: Version,
) -> Result<Json<PromptDetail>> {
    let mut found = repository::find_with_previous(&db, user.id, agent, number)
        .await?
        .into_iter();
    let prompt = found
        .next()
        .filter(|prompt| prompt.number == number)
        .ok_or(Error::NotFound)?;
    let previous = found.next();
    // Long prompts take a while to compare.
    let detail = tokio::task::spawn_blocking(|| PromptDetail::new(prompt, previous)).await;
    detail
        .map(Json)
        .map_err(|error| Error::Internal(error.into()))
}

/// Makes a version the agent's prompt again, as a new version.
#[utoipa::path(
    post,
    path = "/api/agents/{id}/prompts/{number}/restore/",
    tag = "agents",
    operation_id = "restore_prompt",
    params(AgentId, PromptNumber),
    responses((status = 200, description = "The agent as it is now.", body = AgentBody)),
)]
pub async fn restore(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Version { agent, number }: Version,
) -> Result<Json<AgentBody>> {
    let mut tx = db.begin().await?;
    let prompt = repository::find(&mut tx, user.id, agent, number)
        .await?
        .ok_or(Error::NotFound)?;
    let changes = AgentChanges {
        system_prompt: Some(prompt.system_prompt),
        ..AgentChanges::default()
    };
    let agent = agents::repository::update(&mut tx, user.id, agent, changes)
        .await?
        .ok_or(Error::NotFound)?;
    tx.commit().await?;
    Ok(Json(agent.into()))
}
