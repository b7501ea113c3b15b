//! All SQL about accounts that their owners have no part in.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::model::{Account, COUNTED, Counts};
use crate::clock;
use crate::db::{Executor, FromRow, Row, Tx};
use crate::error::{Error, Result};
use crate::users::{EMAIL_TAKEN, email_key};

/// The account with this id.
pub async fn find(db: impl Executor<'_>, id: Uuid) -> sqlx::Result<Option<Account>> {
    db.query(
        "SELECT id, email, name, is_active, is_staff, is_superuser, can_read_messages, token_generation, created_at,
                updated_at
         FROM users
         WHERE id = $1",
    )
    .bind(id)
    .fetch_optional()
    .await
}

/// The account with this id, kept from being changed by anybody else until the transaction ends.
pub async fn lock(tx: &mut Tx, id: Uuid) -> sqlx::Result<Option<Account>> {
    tx.query(
        "UPDATE users
         SET updated_at = updated_at
         WHERE id = $1
         RETURNING id, email, name, is_active, is_staff, is_superuser, can_read_messages, token_generation, created_at,
                   updated_at",
    )
    .bind(id)
    .fetch_optional()
    .await
}

/// How much there is of a user's.
pub async fn count(db: impl Executor<'_>, id: Uuid) -> sqlx::Result<Counts> {
    db.query(
        "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM agents WHERE user_id = $1 LIMIT $2 + 0) AS counted) AS agents,
                (SELECT COUNT(*) FROM (SELECT 1 FROM conversations WHERE user_id = $1 LIMIT $2 + 0) AS counted)
                    AS conversations,
                (SELECT COUNT(*) FROM (SELECT 1 FROM messages WHERE user_id = $1 LIMIT $2 + 0) AS counted) AS messages",
    )
    .bind(id)
    .bind(COUNTED + 1)
    .fetch_one()
    .await
}

/// Writes down an account that was changed. If it is opened, tokens from before stay refused.
pub async fn update(tx: &mut Tx, account: &Account) -> Result<()> {
    tx.query(
        "UPDATE users
         SET token_generation = token_generation + CASE WHEN $5 AND NOT is_active THEN 1 ELSE 0 END,
             email = $2, email_key = $3, name = $4, is_active = $5, is_staff = $6, is_superuser = $7,
             can_read_messages = $8, updated_at = $9
         WHERE id = $1",
    )
    .bind(account.id)
    .bind(&account.email)
    .bind(email_key(&account.email))
    .bind(&account.name)
    .bind(account.is_active)
    .bind(account.is_staff)
    .bind(account.is_superuser)
    .bind(account.can_read_messages)
    .bind(clock::now())
    .execute()
    .await
    .map_err(Error::on_unique("email", EMAIL_TAKEN))?;
    Ok(())
}

/// Ends what was issued to a user, or for them, before their rights or their password changed: sessions here, and the
/// link for a new password.
pub async fn end_credentials(tx: &mut Tx, id: Uuid) -> sqlx::Result<()> {
    tx.query("DELETE FROM admin_sessions WHERE user_id = $1")
        .bind(id)
        .execute()
        .await?;
    tx.query("DELETE FROM password_reset_links WHERE user_id = $1")
        .bind(id)
        .execute()
        .await?;
    Ok(())
}

/// A link with which a user sets a new password.
pub struct NewLink {
    pub digest: String,
    pub created_by: Uuid,
    pub expires_at: DateTime<Utc>,
}

/// Makes a link for a user, in place of any earlier one.
pub async fn replace_link(tx: &mut Tx, account: &Account, link: NewLink) -> sqlx::Result<()> {
    tx.query(
        "INSERT INTO password_reset_links (digest, user_id, token_generation, created_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (user_id) DO UPDATE
         SET digest = excluded.digest, token_generation = excluded.token_generation,
             created_by = excluded.created_by, created_at = excluded.created_at, expires_at = excluded.expires_at",
    )
    .bind(link.digest)
    .bind(account.id)
    .bind(account.token_generation)
    .bind(link.created_by)
    .bind(clock::now())
    .bind(link.expires_at)
    .execute()
    .await?;
    Ok(())
}

/// Whose link this is, if it is still good: neither used nor old, and the account is open and has the same password.
pub async fn find_link(db: impl Executor<'_>, digest: &str) -> sqlx::Result<Option<LinkOwner>> {
    db.query(
        "SELECT users.id, email
         FROM password_reset_links
         JOIN users ON users.id = user_id
         WHERE digest = $1 AND expires_at > $2 AND is_active
           AND password_reset_links.token_generation = users.token_generation",
    )
    .bind(digest)
    .bind(clock::now())
    .fetch_optional()
    .await
}

/// Uses up a link; `false` if somebody else has.
pub async fn use_link(tx: &mut Tx, digest: &str) -> sqlx::Result<bool> {
    let used = tx
        .query("DELETE FROM password_reset_links WHERE digest = $1")
        .bind(digest)
        .execute()
        .await?;
    Ok(used > 0)
}

/// Who may use a link.
pub struct LinkOwner {
    pub id: Uuid,
    pub email: String,
}

impl FromRow for LinkOwner {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            email: row.get("email")?,
        })
    }
}
