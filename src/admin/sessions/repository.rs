//! All SQL about sessions.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::model::{IDLE_LIFETIME, LIFETIME, SEEN_STEP, Session};
use crate::admin::staff::Account;
use crate::clock;
use crate::db::{Db, Executor, FromRow, Row, Tx};
use crate::users::User;

/// Whose session this is, if it is still good: not too old, and its user may still enter and has the same password.
pub async fn find_account(db: &Db, digest: &str) -> sqlx::Result<Option<Account>> {
    let now = clock::now();
    let found: Option<Seen> = db
        .query(
            "SELECT id, email, is_superuser, can_read_messages, last_seen_at
             FROM admin_sessions
             JOIN users ON users.id = admin_sessions.user_id
             WHERE digest = $1 AND expires_at > $2 AND last_seen_at > $3
               AND is_active AND is_staff AND admin_sessions.token_generation = users.token_generation",
        )
        .bind(digest)
        .bind(now)
        .bind(now - IDLE_LIFETIME)
        .fetch_optional()
        .await?;
    let Some(found) = found else {
        return Ok(None);
    };
    if found.last_seen_at < now - SEEN_STEP {
        db.query("UPDATE admin_sessions SET last_seen_at = $2 WHERE digest = $1")
            .bind(digest)
            .bind(now)
            .execute()
            .await?;
    }
    Ok(Some(found.account))
}

struct Seen {
    account: Account,
    last_seen_at: DateTime<Utc>,
}

impl FromRow for Seen {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            account: Account {
                id: row.get("id")?,
                email: row.get("email")?,
                is_superuser: row.get("is_superuser")?,
                can_read_messages: row.get("can_read_messages")?,
            },
            last_seen_at: row.get("last_seen_at")?,
        })
    }
}

/// Forgets the sessions that are not good any more.
pub async fn delete_old(db: &Db) -> sqlx::Result<()> {
    let now = clock::now();
    db.query("DELETE FROM admin_sessions WHERE expires_at < $1 OR last_seen_at < $2")
        .bind(now)
        .bind(now - IDLE_LIFETIME)
        .execute()
        .await?;
    Ok(())
}

/// Begins a session of somebody who has just proved who they are; `false` if they may not enter, or have another
/// password by now.
pub async fn create(
    tx: &mut Tx,
    digest: &str,
    user: &User,
    address: &str,
    user_agent: &str,
) -> sqlx::Result<bool> {
    let now = clock::now();
    let made = tx
        .query(
            "INSERT INTO admin_sessions (digest, user_id, token_generation, address, user_agent, created_at,
                                         last_seen_at, expires_at)
             SELECT $1, id, token_generation, $4, $5, $6, $6, $7
             FROM users
             WHERE id = $2 AND token_generation = $3 AND is_active AND is_staff",
        )
        .bind(digest)
        .bind(user.id)
        .bind(user.token_generation)
        .bind(address)
        .bind(user_agent)
        .bind(now)
        .bind(now + LIFETIME)
        .execute()
        .await?;
    Ok(made > 0)
}

/// A user's sessions that are still good, the newest first.
pub async fn list(db: impl Executor<'_>, user: Uuid) -> sqlx::Result<Vec<Session>> {
    let now = clock::now();
    db.query(
        "SELECT digest, address, user_agent, admin_sessions.created_at, last_seen_at
         FROM admin_sessions
         JOIN users ON users.id = admin_sessions.user_id
         WHERE user_id = $1 AND expires_at > $2 AND last_seen_at > $3
           AND admin_sessions.token_generation = users.token_generation
         ORDER BY admin_sessions.created_at DESC
         LIMIT 100",
    )
    .bind(user)
    .bind(now)
    .bind(now - IDLE_LIFETIME)
    .fetch_all()
    .await
}

/// Ends one of a user's sessions; `false` if there is none of this name.
pub async fn delete(db: impl Executor<'_>, user: Uuid, digest: &str) -> sqlx::Result<bool> {
    let deleted = db
        .query("DELETE FROM admin_sessions WHERE user_id = $1 AND digest = $2")
        .bind(user)
        .bind(digest)
        .execute()
        .await?;
    Ok(deleted > 0)
}

/// Ends all sessions of a user; returns how many there were.
pub async fn delete_all(db: impl Executor<'_>, user: Uuid) -> sqlx::Result<u64> {
    db.query("DELETE FROM admin_sessions WHERE user_id = $1")
        .bind(user)
        .execute()
        .await
}
