//! All SQL about chats by what their clients call them. Every statement is limited to its owner's.

use uuid::Uuid;

use super::name::ChatName;
use crate::clock;
use crate::conversations::turn::Place;
use crate::conversations::{Conversation, DEFAULT_TITLE};
use crate::db::Executor;

/// The user's conversation of this name: that with this id, else that which a client began under it.
pub async fn find(
    db: impl Executor<'_>,
    owner: Uuid,
    chat: &ChatName,
) -> sqlx::Result<Option<Conversation>> {
    db.query(
        "SELECT *
         FROM conversations
         WHERE user_id = $1 AND (id = $2 OR client_id = $3)
         ORDER BY CASE WHEN id = $2 THEN 0 ELSE 1 END
         LIMIT 1",
    )
    .bind(owner)
    .bind(chat.id)
    .bind(&chat.text)
    .fetch_optional()
    .await
}

/// The same as the place of a turn.
pub async fn find_place(
    db: impl Executor<'_>,
    owner: Uuid,
    chat: &ChatName,
) -> sqlx::Result<Option<Place>> {
    db.query(
        "SELECT agents.*, conversations.id AS conversation_id, conversations.updated_at AS latest
         FROM conversations
         JOIN agents ON agents.user_id = conversations.user_id AND agents.id = conversations.agent_id
         WHERE conversations.user_id = $1 AND (conversations.id = $2 OR conversations.client_id = $3)
         ORDER BY CASE WHEN conversations.id = $2 THEN 0 ELSE 1 END
         LIMIT 1",
    )
    .bind(owner)
    .bind(chat.id)
    .bind(&chat.text)
    .fetch_optional()
    .await
}

/// Begins a conversation of this name with one of the user's agents, unless there is one meanwhile.
///
/// # Errors
/// A violated foreign key if the user has no such agent.
pub async fn create(
    db: impl Executor<'_>,
    owner: Uuid,
    chat: &ChatName,
    agent: Uuid,
) -> sqlx::Result<()> {
    db.query(
        "INSERT INTO conversations (user_id, id, client_id, agent_id, title, message_count, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, 0, $6, $6)
         ON CONFLICT (user_id, client_id) WHERE client_id IS NOT NULL DO NOTHING",
    )
    .bind(owner)
    .bind(clock::new_id())
    .bind(&chat.text)
    .bind(agent)
    .bind(DEFAULT_TITLE)
    .bind(clock::now())
    .execute()
    .await?;
    Ok(())
}
