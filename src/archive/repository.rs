//! All SQL about files of conversations. Every statement is limited to its owner's.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::model::{ConversationRecord, MessageRecord};
use crate::agents::Agent;
use crate::conversations::preview;
use crate::db::{Executor, FromRow, Row, Tx};

/// A place in a list that goes by time and id.
pub type Place = (DateTime<Utc>, Uuid);

/// The place before all.
pub const BEGINNING: Place = (DateTime::UNIX_EPOCH, Uuid::nil());

/// From which length on, in bytes, what a message says is not put into JSON together with that of others.
pub const LONG: usize = 256 * 1024;

/// How much text a page of messages has, in bytes, unless a single message has more.
const PAGE_BYTES: usize = 1024 * 1024;

/// How many messages a page has. The statements say it in figures.
const PAGE_LENGTH: usize = 500;

/// Where the next page begins; `None` if there is none.
pub fn place_behind(page: &[MessageRecord]) -> Option<Place> {
    let text = |message: &MessageRecord| {
        message.content.len() + message.reasoning.as_ref().map_or(0, String::len)
    };
    let is_full = page.len() >= PAGE_LENGTH || page.iter().map(text).sum::<usize>() >= PAGE_BYTES;
    let last = page.last().filter(|_| is_full)?;
    Some((last.created_at, last.id))
}

/// A conversation, and what its agent is called.
pub struct Titled {
    pub conversation: ConversationRecord,
    pub agent: String,
}

impl FromRow for Titled {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            conversation: ConversationRecord::from_row(row)?,
            agent: row.get("agent_name")?,
        })
    }
}

/// The next agents of the user's, in the order of their ids. They are few, but each may have a long prompt.
pub async fn agents_after(
    db: impl Executor<'_>,
    owner: Uuid,
    after: Uuid,
) -> sqlx::Result<Vec<Agent>> {
    db.query("SELECT * FROM agents WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT 10")
        .bind(owner)
        .bind(after)
        .fetch_all()
        .await
}

/// The next conversations of the user's, in the order of their ids.
pub async fn conversations_after(
    db: impl Executor<'_>,
    owner: Uuid,
    after: Uuid,
) -> sqlx::Result<Vec<Titled>> {
    db.query(
        "SELECT conversations.*, agents.name AS agent_name
         FROM conversations
         JOIN agents ON agents.user_id = conversations.user_id AND agents.id = conversations.agent_id
         WHERE conversations.user_id = $1 AND conversations.id > $2
         ORDER BY conversations.id
         LIMIT 100",
    )
    .bind(owner)
    .bind(after)
    .fetch_all()
    .await
}

/// The user's conversation with this id.
pub async fn conversation(
    db: impl Executor<'_>,
    owner: Uuid,
    id: Uuid,
) -> sqlx::Result<Option<Titled>> {
    db.query(
        "SELECT conversations.*, agents.name AS agent_name
         FROM conversations
         JOIN agents ON agents.user_id = conversations.user_id AND agents.id = conversations.agent_id
         WHERE conversations.user_id = $1 AND conversations.id = $2",
    )
    .bind(owner)
    .bind(id)
    .fetch_optional()
    .await
}

/// The first 500 messages of a kind behind a place, without those that are being written.
///
/// Here and below it is `(SELECT $1)` because Postgres' planner then reckons with a user like others. Of an owner whom its
/// statistics do not know, as after an import, it expects one row, and takes any index that begins with the owner for as
/// good as the right one.
macro_rules! candidates {
    ($kind:literal) => {
        concat!(
            "SELECT * FROM (
                 SELECT id, created_at, octet_length(content) + COALESCE(octet_length(reasoning), 0) AS size
                 FROM messages
                 WHERE user_id = (SELECT $1) AND conversation_id = $2 AND (created_at, id) > ($3, $4) AND status <> 'pending'
                   AND ",
            $kind,
            "    ORDER BY created_at, id
                 LIMIT 500) AS first"
        )
    };
}

/// As many of these as make up a page.
macro_rules! page_of {
    ($candidates:expr) => {
        concat!(
            "SELECT messages.*
             FROM (SELECT id, SUM(size) OVER (ORDER BY created_at, id) - size AS size_before
                   FROM (",
            $candidates,
            "            ) AS candidates
                   ORDER BY created_at, id
                   LIMIT 500) AS page
             JOIN messages ON messages.user_id = (SELECT $1) AND messages.id = page.id
             WHERE size_before < $5
             ORDER BY messages.created_at, messages.id"
        )
    };
}

/// The next messages of the user's conversation, oldest first, of all versions. Each kind has an index of its own.
pub async fn messages_after(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
    after: Place,
) -> sqlx::Result<Vec<MessageRecord>> {
    db.query(page_of!(concat!(
        candidates!("is_active"),
        " UNION ALL ",
        candidates!("NOT is_active")
    )))
    .bind(owner)
    .bind(conversation)
    .bind(after.0)
    .bind(after.1)
    .bind(PAGE_BYTES as i64)
    .fetch_all()
    .await
}

/// The next messages on the path that is shown of the user's conversation, oldest first.
pub async fn active_messages_after(
    db: impl Executor<'_>,
    owner: Uuid,
    conversation: Uuid,
    after: Place,
) -> sqlx::Result<Vec<MessageRecord>> {
    db.query(page_of!(candidates!("is_active")))
        .bind(owner)
        .bind(conversation)
        .bind(after.0)
        .bind(after.1)
        .bind(PAGE_BYTES as i64)
        .fetch_all()
        .await
}

/// The user's agent with this id, else the one of this name.
pub async fn find_agent(
    db: impl Executor<'_>,
    owner: Uuid,
    id: Option<Uuid>,
    name: &str,
) -> sqlx::Result<Option<Agent>> {
    db.query(
        "SELECT * FROM agents
         WHERE user_id = $1 AND (id = $2 OR name = $3)
         ORDER BY CASE WHEN id = $2 THEN 0 ELSE 1 END
         LIMIT 1",
    )
    .bind(owner)
    .bind(id)
    .bind(name)
    .fetch_optional()
    .await
}

/// Stores a conversation without messages; `false` if the user has it already.
///
/// # Errors
/// A violated foreign key if the user has no such agent.
pub async fn insert_conversation(
    tx: &mut Tx,
    owner: Uuid,
    conversation: &ConversationRecord,
) -> sqlx::Result<bool> {
    let list = serde_json::to_string(&[conversation])
        .map_err(|error| sqlx::Error::Encode(error.into()))?;
    let inserted = tx
        .query(ConversationRecord::INSERT)
        .bind(owner)
        .bind(list)
        .execute()
        .await?;
    Ok(inserted > 0)
}

/// Stores messages of a conversation, a JSON list of [`MessageRecord`]s. `said` is content and reasoning in place of
/// those in the list, for a message by itself.
///
/// # Errors
/// A violated uniqueness if the user has a message with one of these ids already.
pub async fn insert_messages(
    tx: &mut Tx,
    owner: Uuid,
    conversation: Uuid,
    messages: String,
    said: Option<(String, Option<String>)>,
) -> sqlx::Result<()> {
    let (content, reasoning) = said.unzip();
    tx.query(MessageRecord::INSERT)
        .bind(owner)
        .bind(conversation)
        .bind(messages)
        .bind(content)
        .bind(reasoning.flatten())
        .execute()
        .await?;
    Ok(())
}

/// Stores messages of a conversation, however long each is.
///
/// # Errors
/// A violated uniqueness if the user has a message with one of these ids already.
pub async fn insert_all(
    tx: &mut Tx,
    owner: Uuid,
    conversation: Uuid,
    mut messages: Vec<MessageRecord>,
) -> sqlx::Result<()> {
    while !messages.is_empty() {
        // A long one by itself, the short ones before it together.
        let short = messages
            .iter()
            .position(|message| message.content.len() > LONG)
            .unwrap_or(messages.len());
        let rest = messages.split_off(short.max(1));
        let said = (short == 0).then(|| (std::mem::take(&mut messages[0].content), None));
        let list =
            serde_json::to_string(&messages).map_err(|error| sqlx::Error::Encode(error.into()))?;
        insert_messages(tx, owner, conversation, list, said).await?;
        messages = rest;
    }
    Ok(())
}

/// What a conversation repeats of its active messages.
#[derive(Default)]
pub struct Summary {
    pub message_count: i32,
    /// Role, beginning and time of the last message that there is to read.
    pub last_message: Option<(String, String, DateTime<Utc>)>,
    /// When the last message was said, shown or not. A conversation is never older than that.
    pub latest: Option<DateTime<Utc>>,
}

impl Summary {
    /// Counts a message in.
    pub fn add(&mut self, message: &MessageRecord) {
        if !message.is_active {
            return;
        }
        self.message_count = self.message_count.saturating_add(1);
        let is_last = self
            .last_message
            .as_ref()
            .is_none_or(|(_, _, time)| *time <= message.created_at);
        if is_last && !message.content.is_empty() {
            let beginning = preview(&message.content).to_owned();
            self.last_message = Some((message.role.clone(), beginning, message.created_at));
        }
    }
}

/// Notes what a conversation repeats of its messages.
pub async fn summarise(
    tx: &mut Tx,
    owner: Uuid,
    conversation: Uuid,
    summary: Summary,
) -> sqlx::Result<()> {
    let (role, preview, at) = summary
        .last_message
        .map_or((None, None, None), |(role, preview, at)| {
            (Some(role), Some(preview), Some(at))
        });
    tx.query(
        "UPDATE conversations
         SET message_count = $3, last_message_role = $4, last_message_preview = $5, last_message_at = $6,
             updated_at = CASE WHEN updated_at < $7 THEN $7 ELSE updated_at END
         WHERE user_id = $1 AND id = $2",
    )
    .bind(owner)
    .bind(conversation)
    .bind(summary.message_count)
    .bind(role)
    .bind(preview)
    .bind(at)
    .bind(summary.latest)
    .execute()
    .await?;
    Ok(())
}
