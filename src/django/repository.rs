//! All SQL on our own database that an import needs beside that of the rooms. It is for all users.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::convert::User;
use crate::agents::Agent;
use crate::archive::model::{ConversationRecord, MessageRecord};
use crate::db::{Executor, FromRow, Row, Sql, Tx};
use crate::users::email_key;

impl FromRow for User {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            email: row.get("email")?,
            name: row.get("name")?,
            password: row.get("password")?,
            avatar_url: row.get("avatar_url")?,
            is_active: row.get("is_active")?,
            is_staff: row.get("is_staff")?,
            is_superuser: row.get("is_superuser")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// The account with this id.
pub async fn find_user(db: impl Executor<'_>, id: Uuid) -> sqlx::Result<Option<User>> {
    db.query(
        "SELECT id, email, name, password, avatar_url, is_active, is_staff, is_superuser, created_at, updated_at
         FROM users
         WHERE id = $1",
    )
    .bind(id)
    .fetch_optional()
    .await
}

/// Makes an account.
pub async fn insert_user(tx: &mut Tx, user: &User) -> sqlx::Result<()> {
    tx.query(
        "INSERT INTO users (id, email, email_key, name, password, avatar_url, is_active, is_staff, is_superuser,
                            created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(user.id)
    .bind(user.email.as_str())
    .bind(email_key(&user.email))
    .bind(user.name.as_str())
    .bind(user.password.as_str())
    .bind(user.avatar_url.as_deref())
    .bind(user.is_active)
    .bind(user.is_staff)
    .bind(user.is_superuser)
    .bind(user.created_at)
    .bind(user.updated_at)
    .execute()
    .await
    .map(drop)
}

/// All agents of a user's.
pub async fn agents_of(db: impl Executor<'_>, owner: Uuid) -> sqlx::Result<Vec<Agent>> {
    db.query("SELECT * FROM agents WHERE user_id = $1 ORDER BY created_at, id")
        .bind(owner)
        .fetch_all()
        .await
}

/// Makes an agent, with its prompt as the first version.
pub async fn insert_agent(tx: &mut Tx, owner: Uuid, agent: &Agent) -> sqlx::Result<()> {
    tx.query(
        "INSERT INTO agents (user_id, id, name, description, llm_provider, model, temperature, max_tokens, system_prompt,
                             is_default, is_active, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(owner)
    .bind(agent.id)
    .bind(agent.name.as_str())
    .bind(agent.description.as_str())
    .bind(agent.llm_provider.as_str())
    .bind(agent.model.as_str())
    .bind(agent.temperature)
    .bind(agent.max_tokens)
    .bind(agent.system_prompt.as_str())
    .bind(agent.is_default)
    .bind(agent.is_active)
    .bind(agent.created_at)
    .bind(agent.updated_at)
    .execute()
    .await?;
    tx.query(
        "INSERT INTO agent_prompts (user_id, agent_id, number, author_id, created_at, system_prompt)
         VALUES ($1, $2, 1, $1, $3, $4)",
    )
    .bind(owner)
    .bind(agent.id)
    .bind(agent.updated_at)
    .bind(agent.system_prompt.as_str())
    .execute()
    .await
    .map(drop)
}

/// The user's conversation with this id.
pub async fn find_conversation(
    db: impl Executor<'_>,
    owner: Uuid,
    id: Uuid,
) -> sqlx::Result<Option<ConversationRecord>> {
    db.query("SELECT * FROM conversations WHERE user_id = $1 AND id = $2")
        .bind(owner)
        .bind(id)
        .fetch_optional()
        .await
}

/// A message, and the conversation that it is in.
pub struct Placed {
    pub conversation_id: Uuid,
    pub message: MessageRecord,
}

impl FromRow for Placed {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            conversation_id: row.get("conversation_id")?,
            message: MessageRecord::from_row(row)?,
        })
    }
}

/// Those of these messages that the user has.
pub async fn find_messages(
    db: impl Executor<'_>,
    owner: Uuid,
    ids: &[Uuid],
) -> sqlx::Result<HashMap<Uuid, Placed>> {
    const FIND: Sql = Sql {
        sqlite: "SELECT * FROM messages
                 WHERE user_id = $1 AND id IN (SELECT unhex(value, '-') FROM json_each($2))",
        postgres: "SELECT * FROM messages
                   WHERE user_id = $1
                     AND id IN (SELECT CAST(value AS UUID) FROM json_array_elements_text(CAST($2 AS JSON)) AS value)",
    };
    let list = serde_json::to_string(ids).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let found: Vec<Placed> = db.query(FIND).bind(owner).bind(list).fetch_all().await?;
    Ok(found
        .into_iter()
        .map(|placed| (placed.message.id, placed))
        .collect())
}

/// The last message that the user's conversation shows.
pub async fn find_last_message(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
) -> sqlx::Result<Option<Uuid>> {
    let last: Option<Id> = db
        .query(
            "SELECT id FROM messages
             WHERE user_id = $1 AND conversation_id = $2 AND is_active
             ORDER BY created_at DESC, id DESC
             LIMIT 1",
        )
        .bind(owner)
        .bind(conversation)
        .fetch_optional()
        .await?;
    Ok(last.map(|Id(id)| id))
}

struct Id(Uuid);

impl FromRow for Id {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("id").map(Self)
    }
}

/// What an earlier run brought in.
pub struct Imported {
    /// When the last message that it looked at was said, of a conversation that had any.
    pub until: Option<DateTime<Utc>>,
}

impl FromRow for Imported {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            until: row.get("until")?,
        })
    }
}

/// What an earlier run noted of a row; `None` if it brought in no such row.
pub async fn find_imported(
    db: impl Executor<'_>,
    kind: &str,
    id: Uuid,
) -> sqlx::Result<Option<Imported>> {
    db.query("SELECT until FROM django_imports WHERE kind = $1 AND id = $2")
        .bind(kind)
        .bind(id)
        .fetch_optional()
        .await
}

/// Notes that a row was brought in.
pub async fn note_imported(
    tx: &mut Tx,
    kind: &str,
    id: Uuid,
    until: Option<DateTime<Utc>>,
) -> sqlx::Result<()> {
    tx.query(
        "INSERT INTO django_imports (kind, id, until) VALUES ($1, $2, $3)
         ON CONFLICT (kind, id) DO UPDATE SET until = excluded.until",
    )
    .bind(kind)
    .bind(id)
    .bind(until)
    .execute()
    .await
    .map(drop)
}

/// Has the administration count each day anew, in which there is more now than it has counted.
pub async fn forget_daily_totals(tx: &mut Tx) -> sqlx::Result<()> {
    tx.query("DELETE FROM daily_totals").execute().await?;
    Ok(())
}
