//! All SQL about accounts.

use uuid::Uuid;

use super::model::{Credentials, EMAIL_TAKEN, NewUser, User, UserChanges, email_key};
use crate::clock;
use crate::db::{Executor, FromRow, Row};
use crate::error::{Error, Result};

/// The account with this id.
pub async fn find(db: impl Executor<'_>, id: Uuid) -> sqlx::Result<Option<User>> {
    db.query(
        "SELECT id, email, name, avatar_url, is_active, created_at, updated_at
         FROM users
         WHERE id = $1",
    )
    .bind(id)
    .fetch_optional()
    .await
}

/// The account with this address, whatever its case, and its password's hash.
pub async fn find_credentials(
    db: impl Executor<'_>,
    email: &str,
) -> sqlx::Result<Option<Credentials>> {
    // Postgres cannot even be asked about U+0000, and no address contains it.
    if email.contains('\0') {
        return Ok(None);
    }
    db.query(
        "SELECT id, email, name, avatar_url, is_active, created_at, updated_at, password
         FROM users
         WHERE email_key = $1",
    )
    .bind(email_key(email))
    .fetch_optional()
    .await
}

/// Whether an account other than `except` has this address.
pub async fn is_email_taken(
    db: impl Executor<'_>,
    email: &str,
    except: Option<Uuid>,
) -> sqlx::Result<bool> {
    let owner: Option<Owner> = db
        .query("SELECT id FROM users WHERE email_key = $1")
        .bind(email_key(email))
        .fetch_optional()
        .await?;
    Ok(owner.is_some_and(|owner| Some(owner.0) != except))
}

struct Owner(Uuid);

impl FromRow for Owner {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("id").map(Self)
    }
}

/// Makes an account.
pub async fn create(db: impl Executor<'_>, user: NewUser) -> Result<User> {
    db.query(
        "INSERT INTO users (id, email, email_key, name, password, avatar_url, is_active, is_staff, is_superuser,
                            created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, NULL, TRUE, $6, $7, $8, $8)
         RETURNING id, email, name, avatar_url, is_active, created_at, updated_at",
    )
    .bind(clock::new_id())
    .bind(&user.email)
    .bind(email_key(&user.email))
    .bind(&user.name)
    .bind(&user.password)
    .bind(user.is_staff)
    .bind(user.is_superuser)
    .bind(clock::now())
    .fetch_one()
    .await
    .map_err(Error::on_unique("email", EMAIL_TAKEN))
}

/// Changes an account; `None` if there is none with this id.
pub async fn update(db: impl Executor<'_>, id: Uuid, changes: UserChanges) -> Result<Option<User>> {
    db.query(
        "UPDATE users
         SET email = COALESCE($2, email),
             email_key = COALESCE($3, email_key),
             name = COALESCE($4, name),
             avatar_url = CASE WHEN $5 THEN $6 ELSE avatar_url END,
             updated_at = $7
         WHERE id = $1
         RETURNING id, email, name, avatar_url, is_active, created_at, updated_at",
    )
    .bind(id)
    .bind(changes.email.as_deref())
    .bind(changes.email.as_deref().map(email_key))
    .bind(changes.name)
    .bind(changes.avatar_url.is_some())
    .bind(changes.avatar_url.flatten())
    .bind(clock::now())
    .fetch_optional()
    .await
    .map_err(Error::on_unique("email", EMAIL_TAKEN))
}

/// Replaces a password's hash, unless it was changed meanwhile.
pub async fn replace_password(
    db: impl Executor<'_>,
    id: Uuid,
    old: &str,
    new: &str,
) -> sqlx::Result<()> {
    db.query("UPDATE users SET password = $3 WHERE id = $1 AND password = $2")
        .bind(id)
        .bind(old)
        .bind(new)
        .execute()
        .await?;
    Ok(())
}

/// Sets a password's hash; `false` if there is no account with this address.
pub async fn set_password(db: impl Executor<'_>, email: &str, hash: &str) -> sqlx::Result<bool> {
    let changed = db
        .query("UPDATE users SET password = $2, updated_at = $3 WHERE email_key = $1")
        .bind(email_key(email))
        .bind(hash)
        .bind(clock::now())
        .execute()
        .await?;
    Ok(changed > 0)
}

/// Opens or closes an account; `false` if there is none with this address.
pub async fn set_active(db: impl Executor<'_>, email: &str, is_active: bool) -> sqlx::Result<bool> {
    let changed = db
        .query("UPDATE users SET is_active = $2, updated_at = $3 WHERE email_key = $1")
        .bind(email_key(email))
        .bind(is_active)
        .bind(clock::now())
        .execute()
        .await?;
    Ok(changed > 0)
}

/// Deletes an account and everything that is its owner's.
pub async fn delete(db: impl Executor<'_>, id: Uuid) -> sqlx::Result<()> {
    db.query("DELETE FROM users WHERE id = $1")
        .bind(id)
        .execute()
        .await?;
    Ok(())
}
