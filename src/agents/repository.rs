//! All SQL about agents. Every statement is limited to its owner's.

use std::collections::HashSet;

use uuid::Uuid;

use super::model::{Agent, AgentChanges, NewAgent, Origin};
use super::name::{common_start, free_name};
use super::prompts;
use crate::clock;
use crate::config::AgentDefaults;
use crate::db::{Db, Executor, FromRow, Page, Row, Slice, Tx};
use crate::error::{Error, Result};
use crate::llm::Parameters;

const NAME_TAKEN: &str = "Agent with this name already exists.";

/// The user's agents, newest first.
pub async fn list(db: impl Executor<'_>, owner: Uuid, slice: Slice) -> sqlx::Result<Page<Agent>> {
    db.query(
        "SELECT id, name, description, llm_provider, model, temperature, max_tokens, context_window, system_prompt,
                is_default, is_active, created_at, updated_at, parameters, fallback_agent_id, fallback_model, title_model,
                (SELECT COUNT(*) FROM agents WHERE user_id = $1) AS total
         FROM agents
         WHERE user_id = $1
         ORDER BY created_at DESC, id DESC
         LIMIT $2 + 0 OFFSET $3",
    )
    .bind(owner)
    .bind(slice.limit)
    .bind(slice.offset)
    .fetch_page()
    .await
}

/// The user's agent with this id.
pub async fn find(db: impl Executor<'_>, owner: Uuid, id: Uuid) -> sqlx::Result<Option<Agent>> {
    db.query("SELECT * FROM agents WHERE user_id = $1 AND id = $2")
        .bind(owner)
        .bind(id)
        .fetch_optional()
        .await
}

/// Whether the user has an agent with this id.
pub async fn exists(db: impl Executor<'_>, owner: Uuid, id: Uuid) -> sqlx::Result<bool> {
    let found: Option<Found> = db
        .query("SELECT id FROM agents WHERE user_id = $1 AND id = $2")
        .bind(owner)
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

struct Found;

impl FromRow for Found {
    fn from_row(_: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self)
    }
}

/// Makes an agent. If it is to be the default, no other one is any longer.
pub async fn create(tx: &mut Tx, owner: Uuid, agent: NewAgent) -> Result<Agent> {
    if agent.is_default || agent.fallback_agent.is_some() {
        lock(tx, owner).await?;
    }
    if agent.is_default {
        clear_default(tx, owner).await?;
    }
    let made = insert(tx, owner, agent, false)
        .await?
        .ok_or_else(|| Error::field("name", NAME_TAKEN))?;
    check(tx, owner, &made).await?;
    prompts::repository::keep(tx, owner, &made).await?;
    Ok(made)
}

/// Makes a copy of an agent under a name that is free; `None` if the user has none with this id. The copy is not the
/// default.
pub async fn duplicate(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<Option<Agent>> {
    lock(tx, owner).await?;
    let Some(agent) = find(&mut *tx, owner, id).await? else {
        return Ok(None);
    };
    let copies = list_names(tx, owner, &common_start(&agent.name)).await?;
    let name = free_name(&agent.name, &copies);
    let made: Option<Agent> = tx
        .query(
            "INSERT INTO agents (user_id, id, name, description, llm_provider, model, temperature, max_tokens,
                                 context_window, system_prompt, is_default, is_active, created_at, updated_at,
                                 parameters, fallback_agent_id, fallback_model, title_model)
             SELECT user_id, $3, $4, description, llm_provider, model, temperature, max_tokens, context_window,
                    system_prompt, FALSE, is_active, $5, $5, parameters, fallback_agent_id, fallback_model, title_model
             FROM agents
             WHERE user_id = $1 AND id = $2
             RETURNING *",
        )
        .bind(owner)
        .bind(id)
        .bind(clock::new_id())
        .bind(name)
        .bind(clock::now())
        .fetch_optional()
        .await
        .map_err(Error::on_unique("name", NAME_TAKEN))?;
    if let Some(made) = &made {
        prompts::repository::keep(tx, owner, made).await?;
    }
    Ok(made)
}

/// The names of the user's agents that begin so.
async fn list_names(tx: &mut Tx, owner: Uuid, start: &str) -> sqlx::Result<HashSet<String>> {
    let length = i32::try_from(start.chars().count()).unwrap_or(i32::MAX);
    let names: Vec<Name> = tx
        .query("SELECT name FROM agents WHERE user_id = $1 AND substr(name, 1, $2) = $3")
        .bind(owner)
        .bind(length)
        .bind(start)
        .fetch_all()
        .await?;
    Ok(names.into_iter().map(|Name(name)| name).collect())
}

struct Name(String);

impl FromRow for Name {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("name").map(Self)
    }
}

/// Makes an agent. If the user has one of this name already, that one becomes the default and is returned if
/// `may_promote`, else nothing happens.
async fn insert(
    tx: &mut Tx,
    owner: Uuid,
    agent: NewAgent,
    may_promote: bool,
) -> sqlx::Result<Option<Agent>> {
    let origin = agent.origin.unwrap_or_else(|| {
        let now = clock::now();
        Origin {
            id: clock::new_id(),
            created_at: now,
            updated_at: now,
        }
    });
    tx.query(
        "INSERT INTO agents (user_id, id, name, description, llm_provider, model, temperature, max_tokens,
                             context_window, system_prompt, is_default, is_active, created_at, updated_at,
                             parameters, fallback_agent_id, fallback_model, title_model)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $19, $15, $16, $17, $18)
         ON CONFLICT (user_id, name) DO UPDATE SET is_default = TRUE WHERE $14
         RETURNING *",
    )
    .bind(owner)
    .bind(origin.id)
    .bind(agent.name)
    .bind(agent.description)
    .bind(agent.llm_provider.as_str())
    .bind(agent.model)
    .bind(agent.temperature)
    .bind(agent.max_tokens)
    .bind(agent.context_window)
    .bind(agent.system_prompt)
    .bind(agent.is_default)
    .bind(agent.is_active)
    .bind(origin.created_at)
    .bind(may_promote)
    .bind(stored(&agent.parameters)?)
    .bind(agent.fallback_agent)
    .bind(agent.fallback_model)
    .bind(agent.title_model)
    .bind(origin.updated_at)
    .fetch_optional()
    .await
}

/// Parameters as they are stored.
fn stored(parameters: &Parameters) -> sqlx::Result<String> {
    serde_json::to_string(parameters).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Refuses an agent that was just written and cannot be so.
async fn check(tx: &mut Tx, owner: Uuid, agent: &Agent) -> Result<()> {
    agent.check()?;
    match agent.fallback_agent {
        Some(fallback) if !exists(tx, owner, fallback).await? => Err(Error::field(
            "fallback_agent",
            format!("Invalid pk \"{fallback}\" - object does not exist."),
        )),
        _ => Ok(()),
    }
}

/// Changes an agent; `None` if the user has none with this id. If it is to be the default, no other one is any longer.
pub async fn update(
    tx: &mut Tx,
    owner: Uuid,
    id: Uuid,
    changes: AgentChanges,
) -> Result<Option<Agent>> {
    let becomes_default = changes.is_default == Some(true);
    if becomes_default || matches!(changes.fallback_agent, Some(Some(_))) {
        lock(tx, owner).await?;
    }
    if becomes_default {
        clear_default(tx, owner).await?;
    }
    let Some(before) = hold(tx, owner, id).await? else {
        return Ok(None);
    };
    let parameters = changes.parameters.onto(before.parameters);
    let changed: Option<Agent> = tx
        .query(
            "UPDATE agents
             SET name = COALESCE($3, name),
                 description = COALESCE($4, description),
                 llm_provider = COALESCE($5, llm_provider),
                 model = COALESCE($6, model),
                 temperature = COALESCE($7, temperature),
                 max_tokens = COALESCE($8, max_tokens),
                 context_window = CASE WHEN $9 THEN $10 ELSE context_window END,
                 system_prompt = COALESCE($11, system_prompt),
                 is_default = COALESCE($12, is_default),
                 is_active = COALESCE($13, is_active),
                 updated_at = $14,
                 parameters = $15,
                 fallback_agent_id = CASE WHEN $16 THEN $17 ELSE fallback_agent_id END,
                 fallback_model = CASE WHEN $18 THEN $19 ELSE fallback_model END,
                 title_model = CASE WHEN $20 THEN $21 ELSE title_model END
             WHERE user_id = $1 AND id = $2
             RETURNING *",
        )
        .bind(owner)
        .bind(id)
        .bind(changes.name)
        .bind(changes.description)
        .bind(changes.llm_provider.map(|provider| provider.as_str()))
        .bind(changes.model)
        .bind(changes.temperature)
        .bind(changes.max_tokens)
        .bind(changes.context_window.is_some())
        .bind(changes.context_window.flatten())
        .bind(changes.system_prompt)
        .bind(changes.is_default)
        .bind(changes.is_active)
        .bind(clock::now())
        .bind(stored(&parameters)?)
        .bind(changes.fallback_agent.is_some())
        .bind(changes.fallback_agent.flatten())
        .bind(changes.fallback_model.is_some())
        .bind(changes.fallback_model.flatten())
        .bind(changes.title_model.is_some())
        .bind(changes.title_model.flatten())
        .fetch_optional()
        .await
        .map_err(Error::on_unique("name", NAME_TAKEN))?;
    if let Some(changed) = &changed {
        check(tx, owner, changed).await?;
        prompts::repository::keep(tx, owner, changed).await?;
    }
    Ok(changed)
}

/// The user's agent with this id, which nobody else changes until the transaction ends.
async fn hold(tx: &mut Tx, owner: Uuid, id: Uuid) -> sqlx::Result<Option<Agent>> {
    tx.query("UPDATE agents SET updated_at = updated_at WHERE user_id = $1 AND id = $2 RETURNING *")
        .bind(owner)
        .bind(id)
        .fetch_optional()
        .await
}

/// Holds off other changes of which agent of the user's is the default, or another's fallback, until the transaction
/// ends.
pub async fn lock(tx: &mut Tx, owner: Uuid) -> sqlx::Result<()> {
    tx.query("UPDATE users SET updated_at = updated_at WHERE id = $1")
        .bind(owner)
        .execute()
        .await?;
    Ok(())
}

/// Takes the flag from whichever agent has it.
async fn clear_default(tx: &mut Tx, owner: Uuid) -> sqlx::Result<()> {
    tx.query("UPDATE agents SET is_default = FALSE WHERE user_id = $1 AND is_default")
        .bind(owner)
        .execute()
        .await?;
    Ok(())
}

/// The user's default agent, if there is one.
pub async fn find_default(db: impl Executor<'_>, owner: Uuid) -> sqlx::Result<Option<Agent>> {
    db.query("SELECT * FROM agents WHERE user_id = $1 AND is_default")
        .bind(owner)
        .fetch_optional()
        .await
}

/// The user's default agent. If there is none, the one called `Bruno` becomes it; if there is no `Bruno`, he is made.
pub async fn find_or_make_default(db: &Db, owner: Uuid, defaults: &AgentDefaults) -> Result<Agent> {
    if let Some(agent) = find_default(db, owner).await? {
        return Ok(agent);
    }
    let mut tx = db.begin().await?;
    lock(&mut tx, owner).await?;
    if let Some(made_meanwhile) = find_default(&mut tx, owner).await? {
        return Ok(made_meanwhile);
    }
    let bruno = NewAgent {
        is_default: true,
        ..NewAgent::with_defaults(defaults)
    };
    let made = insert(&mut tx, owner, bruno, true).await?;
    let agent = made.ok_or_else(|| Error::field("name", NAME_TAKEN))?;
    prompts::repository::keep(&mut tx, owner, &agent).await?;
    tx.commit().await?;
    Ok(agent)
}

/// Names whom to ask instead of an agent whose model fails, if the user has both agents.
pub async fn set_fallback(tx: &mut Tx, owner: Uuid, id: Uuid, fallback: Uuid) -> sqlx::Result<()> {
    tx.query(
        "UPDATE agents
         SET fallback_agent_id = $3
         WHERE user_id = $1 AND id = $2 AND $2 <> $3 AND fallback_model IS NULL
           AND EXISTS (SELECT 1 FROM agents AS other WHERE other.user_id = $1 AND other.id = $3)",
    )
    .bind(owner)
    .bind(id)
    .bind(fallback)
    .execute()
    .await
    .map(drop)
}

/// Deletes an agent with its conversations; `false` if the user has none with this id. Where it was the fallback there is
/// none any longer.
pub async fn delete(tx: &mut Tx, owner: Uuid, id: Uuid) -> sqlx::Result<bool> {
    lock(tx, owner).await?;
    tx.query(
        "UPDATE agents SET fallback_agent_id = NULL WHERE user_id = $1 AND fallback_agent_id = $2",
    )
    .bind(owner)
    .bind(id)
    .execute()
    .await?;
    let deleted = tx
        .query("DELETE FROM agents WHERE user_id = $1 AND id = $2")
        .bind(owner)
        .bind(id)
        .execute()
        .await?;
    Ok(deleted > 0)
}
