//! All SQL about accounts.

use serde_json::Value;
use uuid::Uuid;

use super::model::{Credentials, EMAIL_TAKEN, NewUser, User, UserChanges, email_key};
use super::preferences::Preferences;
use crate::clock;
use crate::db::{Executor, FromRow, Row, Sql, Tx};
use crate::error::{Error, Result};

/// The account with this id.
pub async fn find(db: impl Executor<'_>, id: Uuid) -> sqlx::Result<Option<User>> {
    db.query(
        "SELECT id, email, name, avatar_url, is_active, token_generation, created_at, updated_at
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
        "SELECT id, email, name, avatar_url, is_active, token_generation, created_at, updated_at, password
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
         RETURNING id, email, name, avatar_url, is_active, token_generation, created_at, updated_at",
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

/// The account with this id, kept from being changed or deleted by anybody else until the transaction ends.
pub async fn lock(tx: &mut Tx, id: Uuid) -> sqlx::Result<Option<User>> {
    tx.query(
        "UPDATE users
         SET updated_at = updated_at
         WHERE id = $1
         RETURNING id, email, name, avatar_url, is_active, token_generation, created_at, updated_at",
    )
    .bind(id)
    .fetch_optional()
    .await
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
         RETURNING id, email, name, avatar_url, is_active, token_generation, created_at, updated_at",
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

/// The hash of a user's password.
pub async fn find_password(db: impl Executor<'_>, id: Uuid) -> sqlx::Result<Option<String>> {
    let stored: Option<Password> = db
        .query("SELECT password FROM users WHERE id = $1")
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(stored.map(|Password(hash)| hash))
}

struct Password(String);

impl FromRow for Password {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("password").map(Self)
    }
}

/// Changes a password's hash, which ends all tokens; `None` if it is not the old one any more.
pub async fn change_password(
    db: impl Executor<'_>,
    id: Uuid,
    old: &str,
    new: &str,
) -> sqlx::Result<Option<User>> {
    db.query(
        "UPDATE users
         SET password = $3, token_generation = token_generation + 1, updated_at = $4
         WHERE id = $1 AND password = $2
         RETURNING id, email, name, avatar_url, is_active, token_generation, created_at, updated_at",
    )
    .bind(id)
    .bind(old)
    .bind(new)
    .bind(clock::now())
    .fetch_optional()
    .await
}

/// Sets a password's hash, which ends all tokens; `false` if there is no account with this address.
pub async fn set_password(db: impl Executor<'_>, email: &str, hash: &str) -> sqlx::Result<bool> {
    let changed = db
        .query(
            "UPDATE users
             SET password = $2, token_generation = token_generation + 1, updated_at = $3
             WHERE email_key = $1",
        )
        .bind(email_key(email))
        .bind(hash)
        .bind(clock::now())
        .execute()
        .await?;
    Ok(changed > 0)
}

/// What a user prefers.
pub async fn find_preferences(
    db: impl Executor<'_>,
    id: Uuid,
) -> sqlx::Result<Option<Preferences>> {
    db.query("SELECT time_zone, preferences FROM users WHERE id = $1")
        .bind(id)
        .fetch_optional()
        .await
}

/// Writes down what a user prefers; `false` if the account is gone.
pub async fn set_preferences(
    db: impl Executor<'_>,
    id: Uuid,
    preferences: &Preferences,
) -> sqlx::Result<bool> {
    let changed = db
        .query("UPDATE users SET time_zone = $2, preferences = $3 WHERE id = $1")
        .bind(id)
        .bind(preferences.time_zone.as_deref())
        .bind(Value::from(preferences.preferences.clone()).to_string())
        .execute()
        .await?;
    Ok(changed > 0)
}

/// Opens or closes an account; `false` if there is none with this address. Tokens from before it was closed stay refused.
pub async fn set_active(db: impl Executor<'_>, email: &str, is_active: bool) -> sqlx::Result<bool> {
    let changed = db
        .query(
            "UPDATE users
             SET token_generation = token_generation + CASE WHEN $2 AND NOT is_active THEN 1 ELSE 0 END,
                 is_active = $2, updated_at = $3
             WHERE email_key = $1",
        )
        .bind(email_key(email))
        .bind(is_active)
        .bind(clock::now())
        .execute()
        .await?;
    Ok(changed > 0)
}

/// The active superusers who may enter the administration; as long as the transaction lasts nobody else changes who they
/// are. Transactions that change or delete accounts of theirs begin with it, so that they wait for each other.
pub async fn lock_administrators(tx: &mut Tx) -> sqlx::Result<Vec<Uuid>> {
    // On SQLite the transaction itself keeps all others out.
    const ADMINISTRATORS: Sql = Sql {
        sqlite: "SELECT id FROM users WHERE is_superuser AND is_staff AND is_active",
        postgres: "SELECT id FROM users WHERE is_superuser AND is_staff AND is_active
                   ORDER BY id FOR NO KEY UPDATE",
    };
    let rows: Vec<Administrator> = tx.query(ADMINISTRATORS).fetch_all().await?;
    Ok(rows.into_iter().map(|Administrator(id)| id).collect())
}

/// Whether this is the account of one of them.
pub async fn is_administrator(db: impl Executor<'_>, id: Uuid) -> sqlx::Result<bool> {
    let found: Option<Administrator> = db
        .query("SELECT id FROM users WHERE id = $1 AND is_superuser AND is_staff AND is_active")
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

struct Administrator(Uuid);

impl FromRow for Administrator {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("id").map(Self)
    }
}

/// Deletes an account and everything that is its owner's.
pub async fn delete(db: impl Executor<'_>, id: Uuid) -> sqlx::Result<()> {
    db.query("DELETE FROM users WHERE id = $1")
        .bind(id)
        .execute()
        .await?;
    Ok(())
}
