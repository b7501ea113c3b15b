//! What a conversation is, which values its fields take, and how the API shows it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::marks::Marks;
use crate::clock;
use crate::db::{FromRow, Row};
use crate::error::Result;
use crate::http::fields::{NULL, Rule, Text};
use crate::http::path::parse_uuid;
use crate::http::python;
use crate::llm::Role;
use crate::messages::{Message, MessageBody};

/// The title of a conversation that was given none.
pub const DEFAULT_TITLE: &str = "New Conversation";

/// The rule for the field `title`.
pub const TITLE: Text = Text::new(200);

/// How much of the last message a list shows, in characters.
const PREVIEW_LENGTH: usize = 100;

/// A conversation.
#[derive(Clone, Debug)]
pub struct Conversation {
    pub id: Uuid,
    /// What the client that began it calls it.
    pub client_id: Option<String>,
    pub agent_id: Uuid,
    pub title: String,
    pub message_count: i32,
    pub last_message: Option<LastMessage>,
    pub is_pinned: bool,
    /// Put away: still in the list of all.
    pub is_archived: bool,
    pub tags: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// The beginning of a conversation's last message.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LastMessage {
    #[schema(value_type = Role)]
    role: String,
    /// Its first 100 characters.
    content: String,
    #[serde(serialize_with = "clock::serialize")]
    created_at: DateTime<Utc>,
}

impl FromRow for Conversation {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        let role: Option<String> = row.get("last_message_role")?;
        let content: Option<String> = row.get("last_message_preview")?;
        let created_at: Option<DateTime<Utc>> = row.get("last_message_at")?;
        let last_message =
            role.zip(content)
                .zip(created_at)
                .map(|((role, content), created_at)| LastMessage {
                    role,
                    content,
                    created_at,
                });
        Ok(Self {
            id: row.get("id")?,
            client_id: row.get("client_id")?,
            agent_id: row.get("agent_id")?,
            title: row.get("title")?,
            message_count: row.get("message_count")?,
            last_message,
            is_pinned: row.get("is_pinned")?,
            is_archived: row.get("is_archived")?,
            tags: serde_json::from_str(row.get("tags")?)
                .map_err(|error| sqlx::Error::Decode(error.into()))?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// What a list shows of a message's text.
pub fn preview(content: &str) -> &str {
    content
        .char_indices()
        .nth(PREVIEW_LENGTH)
        .map_or(content, |(end, _)| &content[..end])
}

/// A reference to an agent. Whether the user has it is for the database to say.
pub struct AgentReference;

/// A reference to an agent.
pub struct AgentId {
    /// The id.
    pub id: Uuid,
    sent: String,
}

impl AgentId {
    /// What the field says if the user has no such agent.
    pub fn does_not_exist(&self) -> String {
        does_not_exist(&self.sent)
    }
}

fn does_not_exist(sent: &str) -> String {
    format!("Invalid pk \"{sent}\" - object does not exist.")
}

impl Rule for AgentReference {
    type Output = AgentId;

    fn check(&self, value: &Value) -> Result<AgentId, Vec<String>> {
        let Some(sent) = python::text_of(value) else {
            return Err(vec![format!(
                "Incorrect type. Expected pk value, received {}.",
                python::type_name(value)
            )]);
        };
        if sent.is_empty() {
            return Err(vec![NULL.to_owned()]);
        }
        // The original took a whole number for the number that a UUID is: well-formed, but nobody's.
        if python::type_name(value) == "int" && !sent.starts_with('-') {
            return Err(vec![does_not_exist(&sent)]);
        }
        match parse_uuid(&sent) {
            Some(id) => Ok(AgentId { id, sent }),
            None => Err(vec![format!("“{sent}” is not a valid UUID.")]),
        }
    }
}

/// What to change of a conversation; `None` leaves a field as it is.
pub struct ConversationChanges {
    pub agent_id: Option<Uuid>,
    pub title: Option<String>,
    pub marks: Marks,
}

impl ConversationChanges {
    /// Whether this counts as activity in the conversation, as even a change of nothing does: putting it in order does
    /// not move it.
    pub fn is_activity(&self) -> bool {
        self.agent_id.is_some() || self.title.is_some() || !self.marks.is_some()
    }
}

/// A conversation in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Conversation)]
pub struct ConversationBody {
    id: Uuid,
    /// The agent that answers in it.
    agent: Uuid,
    title: String,
    /// How many messages it shows.
    message_count: i32,
    /// The last message that is there to read; null if there is none.
    #[schema(required)]
    last_message: Option<LastMessage>,
    #[serde(serialize_with = "clock::serialize")]
    created_at: DateTime<Utc>,
    /// The latest activity.
    #[serde(serialize_with = "clock::serialize")]
    updated_at: DateTime<Utc>,
    is_pinned: bool,
    is_archived: bool,
    tags: Vec<String>,
}

impl From<Conversation> for ConversationBody {
    fn from(conversation: Conversation) -> Self {
        let Conversation {
            id,
            agent_id: agent,
            title,
            message_count,
            last_message,
            is_pinned,
            is_archived,
            tags,
            created_at,
            updated_at,
            ..
        } = conversation;
        Self {
            id,
            agent,
            title,
            message_count,
            last_message,
            created_at,
            updated_at,
            is_pinned,
            is_archived,
            tags,
        }
    }
}

/// A conversation by itself, with its messages.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConversationDetail {
    id: Uuid,
    /// The agent that answers in it.
    agent: Uuid,
    title: String,
    /// Oldest first.
    messages: Vec<MessageBody>,
    /// How many messages it shows, whether they are all here or not.
    message_count: i32,
    #[serde(serialize_with = "clock::serialize")]
    created_at: DateTime<Utc>,
    /// The latest activity.
    #[serde(serialize_with = "clock::serialize")]
    updated_at: DateTime<Utc>,
    is_pinned: bool,
    is_archived: bool,
    tags: Vec<String>,
}

impl ConversationDetail {
    /// A conversation and all its messages, oldest first.
    pub fn new(conversation: Conversation, messages: Vec<Message>) -> Self {
        // Counted here, because another message may have come between reading the one and the others.
        let message_count = i32::try_from(messages.len()).unwrap_or(i32::MAX);
        Self {
            message_count,
            ..Self::excerpt(conversation, messages)
        }
    }

    /// A conversation and some of its messages, oldest first.
    pub fn excerpt(conversation: Conversation, messages: Vec<Message>) -> Self {
        let Conversation {
            id,
            agent_id: agent,
            title,
            message_count,
            is_pinned,
            is_archived,
            tags,
            created_at,
            updated_at,
            ..
        } = conversation;
        let messages = messages.into_iter().map(MessageBody::from).collect();
        Self {
            id,
            agent,
            title,
            messages,
            message_count,
            created_at,
            updated_at,
            is_pinned,
            is_archived,
            tags,
        }
    }
}
