//! What an account is, and how the API shows it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::clock;
use crate::db::{FromRow, Row};
use crate::http::fields::Text;

/// What the field `email` says when another account has the address.
pub const EMAIL_TAKEN: &str = "User with this email already exists.";

/// The rule for the field `name`.
pub const NAME: Text = Text::new(255);

/// An account.
#[derive(Clone, Debug)]
pub struct User {
    pub id: Uuid,
    pub email: String,
    pub name: String,
    pub avatar_url: Option<String>,
    /// Whether the account may be used at all.
    pub is_active: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl FromRow for User {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            email: row.get("email")?,
            name: row.get("name")?,
            avatar_url: row.get("avatar_url")?,
            is_active: row.get("is_active")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// An account together with what proves that it is one's own.
pub struct Credentials {
    pub user: User,
    /// The stored hash.
    pub password: String,
}

impl FromRow for Credentials {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            user: User::from_row(row)?,
            password: row.get("password")?,
        })
    }
}

/// An account to be made.
pub struct NewUser {
    pub email: String,
    pub name: String,
    /// The hash to store.
    pub password: String,
    /// May enter the administration.
    pub is_staff: bool,
    /// May do everything there.
    pub is_superuser: bool,
}

impl NewUser {
    /// An ordinary account.
    pub fn member(email: String, name: String, password: String) -> Self {
        Self {
            email,
            name,
            password,
            is_staff: false,
            is_superuser: false,
        }
    }
}

/// What to change of an account; `None` leaves a field as it is.
#[derive(Default)]
pub struct UserChanges {
    pub email: Option<String>,
    pub name: Option<String>,
    pub avatar_url: Option<Option<String>>,
}

/// An account as the API shows it.
#[derive(Debug, Serialize)]
pub struct UserBody {
    id: Uuid,
    email: String,
    name: String,
    avatar_url: Option<String>,
    is_active: bool,
    #[serde(serialize_with = "clock::serialize")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "clock::serialize")]
    updated_at: DateTime<Utc>,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        let User {
            id,
            email,
            name,
            avatar_url,
            is_active,
            created_at,
            updated_at,
        } = user;
        Self {
            id,
            email,
            name,
            avatar_url,
            is_active,
            created_at,
            updated_at,
        }
    }
}

/// Puts the domain in lower case and leaves the local part as it is, as the original did for new accounts.
pub fn normalize_email(email: &str) -> String {
    match email.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_lowercase()),
        None => email.to_owned(),
    }
}

/// What an address is compared by: there is one account for addresses that differ by case alone.
pub fn email_key(email: &str) -> String {
    email.to_lowercase()
}
