//! What a share is, and how the API shows it to its owner and to everybody.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::clock;
use crate::conversations::Conversation;
use crate::db::{FromRow, Row};
use crate::error::Result;
use crate::http::fields::{Form, Integer, Text};
use crate::http::openapi::examples::SHARE;
use crate::llm::Role;
use crate::messages::{Message, Status};

/// How many links to one conversation can be good at the same time.
pub const MAX_OF_CONVERSATION: i64 = 20;

/// Bytes of chance in an id: more than can be guessed.
const ID_BYTES: usize = 24;

/// What may be said about a share that is to be made.
#[derive(ToSchema)]
#[schema(example = json!({ "name": "Ada", "expires_in": 604_800 }))]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct ShareWish {
    /// What the owner wants to be called.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// For how many seconds the link is good; for ever if it is null or not given.
    #[schema(minimum = 60, maximum = 315_360_000)]
    expires_in: Option<u32>,
}

/// The link in a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a path")]
pub struct SharePath {
    /// The id of the link.
    #[param(example = json!(SHARE))]
    share: String,
}

/// What is said about a share that is to be made.
pub struct Wish {
    /// What the owner wants to be called.
    name: Option<String>,
    /// How long the link is to be good; for ever if `None`.
    good_for: Option<Duration>,
}

impl Wish {
    /// Reads the fields of a body.
    ///
    /// # Errors
    /// All faulty fields.
    pub fn read(fields: Map<String, Value>) -> Result<Self> {
        const SECONDS: Integer = Integer {
            min: 60,
            max: 10 * 365 * 24 * 60 * 60,
        };
        let mut form = Form::new(fields);
        let wish = Self {
            name: form.nullable("name", &Text::new(100)).flatten(),
            good_for: form
                .nullable("expires_in", &SECONDS)
                .flatten()
                .and_then(Duration::try_seconds),
        };
        form.finish()?;
        Ok(wish)
    }
}

/// A share that is to be made.
pub struct NewShare {
    pub id: String,
    pub conversation_id: Uuid,
    pub name: Option<String>,
    pub title: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    /// The messages as the API shows them, a JSON list.
    pub messages: String,
}

impl NewShare {
    /// A conversation as it is now, with its messages, oldest first.
    pub fn of(conversation: Conversation, messages: Vec<Message>, wish: Wish) -> Self {
        let created_at = clock::now();
        let messages: Vec<SharedMessage> = messages
            .into_iter()
            .filter(is_shared)
            .map(SharedMessage::from)
            .collect();
        Self {
            id: BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; ID_BYTES]>()),
            conversation_id: conversation.id,
            name: wish.name,
            title: conversation.title,
            created_at,
            expires_at: wish
                .good_for
                .and_then(|time| created_at.checked_add_signed(time)),
            messages: serde_json::json!(messages).to_string(),
        }
    }
}

/// What was said and has come to its end; what an agent was instructed is nobody else's business.
fn is_shared(message: &Message) -> bool {
    message.role != Role::System && message.status != Status::Pending && !message.content.is_empty()
}

/// A message that everybody sees.
#[derive(Serialize, ToSchema)]
struct SharedMessage {
    role: Role,
    content: String,
    /// The model that wrote it; empty if a person did.
    model: String,
    #[serde(serialize_with = "clock::serialize")]
    created_at: DateTime<Utc>,
}

impl From<Message> for SharedMessage {
    fn from(message: Message) -> Self {
        Self {
            role: message.role,
            content: message.content,
            model: message.model,
            created_at: message.created_at,
        }
    }
}

/// A share as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Share {
    /// Cannot be guessed.
    id: String,
    conversation: Uuid,
    /// The title as it was.
    title: String,
    /// What the owner wants to be called.
    #[schema(required)]
    name: Option<String>,
    #[serde(serialize_with = "clock::serialize")]
    created_at: DateTime<Utc>,
    /// Null if the link is good for ever.
    #[serde(serialize_with = "serialize_optional")]
    #[schema(required)]
    expires_at: Option<DateTime<Utc>>,
}

impl FromRow for Share {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            conversation: row.get("conversation_id")?,
            title: row.get("title")?,
            name: row.get("name")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

/// The shares of a conversation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Shares {
    /// Those that are good, newest first.
    pub results: Vec<Share>,
}

/// A share as everybody sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SharedConversation {
    title: String,
    /// What the owner wants to be called.
    #[schema(required)]
    name: Option<String>,
    #[serde(serialize_with = "clock::serialize")]
    created_at: DateTime<Utc>,
    /// Null if the link is good for ever.
    #[serde(serialize_with = "serialize_optional")]
    #[schema(required)]
    expires_at: Option<DateTime<Utc>>,
    /// Oldest first.
    #[schema(value_type = Vec<SharedMessage>)]
    messages: Value,
}

impl FromRow for SharedConversation {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            title: row.get("title")?,
            name: row.get("name")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
            messages: serde_json::from_str(row.get("messages")?)
                .map_err(|error| sqlx::Error::Decode(error.into()))?,
        })
    }
}

fn serialize_optional<S: serde::Serializer>(
    time: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => clock::serialize(time, serializer),
        None => serializer.serialize_none(),
    }
}
