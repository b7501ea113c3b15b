//! All SQL about shares. Every statement is limited to its owner's, but for the one by which others read.

use uuid::Uuid;

use super::model::{MAX_OF_CONVERSATION, NewShare, Share, SharedConversation};
use crate::clock;
use crate::db::Executor;

/// The shares of the user's conversation that are good, newest first.
pub async fn list(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
) -> sqlx::Result<Vec<Share>> {
    db.query(
        "SELECT id, conversation_id, title, name, created_at, expires_at
         FROM shares
         WHERE user_id = $1 AND conversation_id = $2 AND (expires_at IS NULL OR expires_at > $3)
         ORDER BY created_at DESC, id DESC
         LIMIT $4 + 0",
    )
    .bind(owner)
    .bind(conversation)
    .bind(clock::now())
    .bind(MAX_OF_CONVERSATION)
    .fetch_all()
    .await
}

/// Makes a share; `None` if the conversation has as many as it can have.
///
/// # Errors
/// A violated foreign key if the user has no such conversation.
pub async fn create(
    db: impl Executor<'_>,
    owner: Uuid,
    share: NewShare,
) -> sqlx::Result<Option<Share>> {
    db.query(
        "INSERT INTO shares (user_id, conversation_id, id, name, title, created_at, expires_at, messages)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8
         WHERE (SELECT COUNT(*) FROM shares WHERE user_id = $1 AND conversation_id = $2) < $9
         RETURNING id, conversation_id, title, name, created_at, expires_at",
    )
    .bind(owner)
    .bind(share.conversation_id)
    .bind(share.id)
    .bind(share.name)
    .bind(share.title)
    .bind(share.created_at)
    .bind(share.expires_at)
    .bind(share.messages)
    .bind(MAX_OF_CONVERSATION)
    .fetch_optional()
    .await
}

/// Deletes the shares of the user's conversation that are good no longer.
pub async fn delete_expired(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
) -> sqlx::Result<()> {
    db.query("DELETE FROM shares WHERE user_id = $1 AND conversation_id = $2 AND expires_at <= $3")
        .bind(owner)
        .bind(conversation)
        .bind(clock::now())
        .execute()
        .await?;
    Ok(())
}

/// Deletes a share of the user's conversation, or all of them; returns how many.
pub async fn delete(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
    id: Option<&str>,
) -> sqlx::Result<u64> {
    db.query(
        "DELETE FROM shares WHERE user_id = $1 AND conversation_id = $2 AND ($3 IS NULL OR id = $3)",
    )
    .bind(owner)
    .bind(conversation)
    .bind(id)
    .execute()
    .await
}

/// What somebody who has a link can read, as long as it is good and its owner's account is active.
pub async fn find_shared(
    db: impl Executor<'_>,
    id: &str,
) -> sqlx::Result<Option<SharedConversation>> {
    db.query(
        "SELECT title, shares.name, shares.created_at, expires_at, messages
         FROM shares
         JOIN users ON users.id = shares.user_id
         WHERE shares.id = $1 AND (expires_at IS NULL OR expires_at > $2) AND users.is_active",
    )
    .bind(id)
    .bind(clock::now())
    .fetch_optional()
    .await
}
