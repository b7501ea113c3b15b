//! All SQL about agents. Every statement is limited to its owner's.

use uuid::Uuid;

use super::model::{Agent, AgentChanges, NewAgent};
use crate::clock;
use crate::config::AgentDefaults;
use crate::db::{Db, Executor, FromRow, Page, Row, Slice, Tx};
use crate::error::{Error, Result};

const NAME_TAKEN: &str = "Agent with this name already exists.";

/// The user's agents, newest first.
pub async fn list(db: impl Executor<'_>, owner: Uuid, slice: Slice) -> sqlx::Result<Page<Agent>> {
    db.query(
        "SELECT id, name, description, llm_provider, model, temperature, max_tokens, context_window, system_prompt,
                is_default, is_active, title_model, created_at, updated_at,
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

/// The agent with whom the user's conversation is.
pub async fn find_by_conversation(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
) -> sqlx::Result<Option<Agent>> {
    db.query(
        "SELECT agents.*
         FROM conversations
         JOIN agents ON agents.user_id = conversations.user_id AND agents.id = conversations.agent_id
         WHERE conversations.user_id = $1 AND conversations.id = $2",
    )
    .bind(owner)
    .bind(conversation)
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
    if agent.is_default {
        lock(tx, owner).await?;
        clear_default(tx, owner).await?;
    }
    let made = insert(tx, owner, agent, false).await?;
    made.ok_or_else(|| Error::field("name", NAME_TAKEN))
}

/// Makes an agent. If the user has one of this name already, that one becomes the default and is returned if
/// `may_promote`, else nothing happens.
async fn insert(
    tx: &mut Tx,
    owner: Uuid,
    agent: NewAgent,
    may_promote: bool,
) -> sqlx::Result<Option<Agent>> {
    tx.query(
        "INSERT INTO agents (user_id, id, name, description, llm_provider, model, temperature, max_tokens,
                             context_window, system_prompt, is_default, is_active, created_at, updated_at, title_model)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $15)
         ON CONFLICT (user_id, name) DO UPDATE SET is_default = TRUE WHERE $14
         RETURNING *",
    )
    .bind(owner)
    .bind(clock::new_id())
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
    .bind(clock::now())
    .bind(may_promote)
    .bind(agent.title_model)
    .fetch_optional()
    .await
}

/// Changes an agent; `None` if the user has none with this id. If it is to be the default, no other one is any longer.
pub async fn update(
    tx: &mut Tx,
    owner: Uuid,
    id: Uuid,
    changes: AgentChanges,
) -> Result<Option<Agent>> {
    if changes.is_default == Some(true) {
        lock(tx, owner).await?;
        clear_default(tx, owner).await?;
    }
    tx.query(
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
             title_model = CASE WHEN $15 THEN $16 ELSE title_model END
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
    .bind(changes.title_model.is_some())
    .bind(changes.title_model.flatten())
    .fetch_optional()
    .await
    .map_err(Error::on_unique("name", NAME_TAKEN))
}

/// Holds off others that lock the same user, as changes of the default agent do, until the transaction ends.
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
    tx.commit().await?;
    Ok(agent)
}

/// Deletes an agent with its conversations; `false` if the user has none with this id.
pub async fn delete(db: impl Executor<'_>, owner: Uuid, id: Uuid) -> sqlx::Result<bool> {
    let deleted = db
        .query("DELETE FROM agents WHERE user_id = $1 AND id = $2")
        .bind(owner)
        .bind(id)
        .execute()
        .await?;
    Ok(deleted > 0)
}
