//! What an account is, and how the API shows it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::clock;
use crate::db::{FromRow, Row};
use crate::http::fields::Text;
use crate::http::openapi::examples;
use crate::media::Avatar;

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
    /// The address of a picture elsewhere, or the [path](Avatar::path) of one that was uploaded.
    pub avatar_url: Option<String>,
    /// Whether the account may be used at all.
    pub is_active: bool,
    /// How often the password was changed; tokens are good only if they are of this generation.
    pub token_generation: i32,
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
            token_generation: row.get("token_generation")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

impl User {
    /// The uploaded picture that the account shows.
    pub fn avatar(&self) -> Option<Avatar> {
        Avatar::at(self.avatar_url.as_deref()?)
    }

    /// Whether an address is that of an uploaded picture which the account shows, or showed, to a client that finds us
    /// at `origin`.
    pub fn shows(&self, url: &str, origin: &str) -> bool {
        let is_ours = url.strip_prefix(origin).and_then(Avatar::at).is_some();
        is_ours
            || self
                .avatar()
                .is_some_and(|avatar| url.ends_with(&avatar.path()))
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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserBody {
    #[schema(example = json!(examples::USER))]
    id: Uuid,
    #[schema(example = json!(examples::EMAIL))]
    email: String,
    #[schema(example = "Ada Lovelace")]
    name: String,
    /// The address of a picture.
    #[schema(example = "https://example.com/ada.png")]
    avatar_url: Option<String>,
    /// Whether the account may be used at all.
    is_active: bool,
    #[schema(example = json!(examples::TIME))]
    #[serde(serialize_with = "clock::serialize")]
    created_at: DateTime<Utc>,
    #[schema(example = json!(examples::TIME))]
    #[serde(serialize_with = "clock::serialize")]
    updated_at: DateTime<Utc>,
}

impl UserBody {
    /// As it is shown to a client that finds us at `origin`, where uploaded pictures are, too.
    pub fn new(user: User, origin: &str) -> Self {
        let avatar_url = match user.avatar() {
            Some(avatar) => Some(format!("{origin}{}", avatar.path())),
            None => user.avatar_url,
        };
        Self {
            id: user.id,
            email: user.email,
            name: user.name,
            avatar_url,
            is_active: user.is_active,
            created_at: user.created_at,
            updated_at: user.updated_at,
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
