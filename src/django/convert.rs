//! What each of the old backend's rows is here.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::row::Row;
use crate::agents::{Agent, name};
use crate::archive::model::{ConversationRecord, MessageRecord, no_tags};
use crate::conversations::DEFAULT_TITLE;
use crate::http::formats;
use crate::llm::{Parameters, ProviderName, Role};

/// Longest address, in characters.
const ADDRESS_LENGTH: usize = 254;

/// Longest names of a user, a provider and a model, and longest title, in characters, as the old backend had it.
const NAME_LENGTH: usize = 255;
const PROVIDER_LENGTH: usize = 50;
const MODEL_LENGTH: usize = 100;
const TITLE_LENGTH: usize = 200;

/// No limit that a text could reach.
const WHOLE: usize = usize::MAX;

/// When something happened of which no time can be read: before all else, so that it does not come first in a list.
const LONG_AGO: DateTime<Utc> = DateTime::from_timestamp_micros(1).unwrap();

/// Where a picture is, if that can be one: whatever else is there, clients would follow it.
fn avatar_url(row: &mut Row<'_>) -> Option<String> {
    let url = row.optional_text("avatar_url", WHOLE)?;
    if url.is_empty() || formats::is_url(&url) {
        return Some(url);
    }
    let note = "`avatar_url` is no address of a picture, and is left out";
    row.notes.push(note.to_owned());
    None
}

/// An account.
pub struct User {
    pub id: Uuid,
    pub email: String,
    pub name: String,
    /// The hash as Django stored it, or as Meggy takes it.
    pub password: String,
    pub avatar_url: Option<String>,
    pub is_active: bool,
    pub is_staff: bool,
    pub is_superuser: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl User {
    /// Reads an account.
    pub fn read(row: &mut Row<'_>) -> Self {
        let created_at = row.time("created_at", LONG_AGO);
        Self {
            id: row.id(),
            email: row.text("email", ADDRESS_LENGTH),
            name: row.text("name", NAME_LENGTH),
            password: row.text("password", WHOLE),
            avatar_url: avatar_url(row),
            is_active: row.boolean("is_active", false),
            is_staff: row.boolean("is_staff", false),
            is_superuser: row.boolean("is_superuser", false),
            created_at,
            updated_at: row.time("updated_at", created_at),
        }
    }

    /// Whose is an address that several accounts have but for the case of letters: the smallest.
    pub fn rank(&self) -> (bool, DateTime<Utc>, Uuid) {
        (!self.is_active, self.created_at, self.id)
    }

    /// The address that the account gets because its own is another's, or no address.
    pub fn other_address(&self) -> String {
        let (local, domain) = match self.email.rsplit_once('@') {
            Some((local, domain)) => (local, domain),
            None if self.email.is_empty() => ("user", "example.invalid"),
            None => (self.email.as_str(), "example.invalid"),
        };
        let mark = format!("+imported-{}@{domain}", self.id.simple());
        let room = ADDRESS_LENGTH.saturating_sub(mark.chars().count());
        local.chars().take(room).chain(mark.chars()).collect()
    }
}

/// Reads an agent.
pub fn agent(row: &mut Row<'_>) -> Agent {
    let created_at = row.time("created_at", LONG_AGO);
    let provider = row.text("llm_provider", PROVIDER_LENGTH);
    if provider.parse::<ProviderName>().is_err() {
        row.notes.push(
            "`llm_provider` is none that there is; nobody answers until it is changed".to_owned(),
        );
    }
    Agent {
        id: row.id(),
        name: row.text("name", name::LONGEST),
        description: row.text("description", WHOLE),
        llm_provider: provider,
        model: row.text("model", MODEL_LENGTH),
        temperature: row.real("temperature", 0.0, 2.0, 0.7),
        max_tokens: row.integer("max_tokens", 1, 2000),
        context_window: None,
        system_prompt: row.text("system_prompt", WHOLE),
        is_default: row.boolean("is_default", false),
        is_active: row.boolean("is_active", true),
        title_model: None,
        created_at,
        updated_at: row.time("updated_at", created_at),
        parameters: Parameters::default(),
        fallback_agent: None,
        fallback_model: None,
    }
}

/// Reads a conversation.
pub fn conversation(row: &mut Row<'_>) -> ConversationRecord {
    let created_at = row.time("created_at", LONG_AGO);
    let mut title = row.text("title", TITLE_LENGTH);
    if title.trim().is_empty() {
        row.notes
            .push(format!("`title` is blank; it is {DEFAULT_TITLE}"));
        DEFAULT_TITLE.clone_into(&mut title);
    }
    ConversationRecord {
        id: row.id(),
        agent_id: row.reference("agent_id", "agents"),
        client_id: None,
        title,
        has_makeshift_title: false,
        is_pinned: false,
        is_archived: false,
        tags: no_tags(),
        created_at,
        updated_at: row.time("updated_at", created_at),
    }
}

/// Reads a message. Where no time can be read, it was said at `earliest`.
pub fn message(row: &mut Row<'_>, earliest: DateTime<Utc>) -> MessageRecord {
    let role = row.text("role", WHOLE);
    let role = role.parse::<Role>().unwrap_or_else(|_| {
        let role = match role.trim().to_lowercase().as_str() {
            "user" | "human" => Role::User,
            "system" => Role::System,
            _ => Role::Assistant,
        };
        row.notes
            .push(format!("`role` is none; it is {}", role.as_str()));
        role
    });
    let content = row.text("content", WHOLE);
    let time = row.time("created_at", earliest);
    MessageRecord {
        model: row.text("model", MODEL_LENGTH),
        tokens_used: row.optional_integer("tokens_used", 0),
        ..MessageRecord::new(row.id(), role, content, time)
    }
}
