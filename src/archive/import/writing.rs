//! Storing a conversation, all of it or nothing.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::archive::model::{ConversationRecord, MessageRecord};
use crate::archive::repository::{self, LONG, Summary};
use crate::db::{Db, Tx};
use crate::error::Error;

/// How much is stored by one statement, in bytes of JSON, unless a single message has more.
const BATCH: usize = 1024 * 1024;

/// Why a conversation is not stored.
pub enum Refusal {
    /// It cannot be, for this reason. Others may.
    Skip(String),
    /// Nothing can be any more.
    Fail(Error),
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Fail(error.into())
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::Fail(Error::Internal(error.into()))
    }
}

/// A conversation that is being stored. Dropped without [`Writing::finish`], nothing of it stays.
pub struct Writing<'a> {
    db: &'a Db,
    runtime: &'a Handle,
    owner: Uuid,
    record: ConversationRecord,
    /// Longest text of a message, in bytes.
    longest: usize,
    /// Begun when there is something to store, so that nobody waits for the reading of a short conversation.
    tx: Option<Tx>,
    /// What is to be stored next: the beginning of a JSON list.
    batch: String,
    /// When the messages so far were said.
    times: HashMap<Uuid, DateTime<Utc>>,
    /// Where the path of the messages that are shown ends so far.
    last_shown: Option<Uuid>,
    summary: Summary,
}

impl<'a> Writing<'a> {
    /// `longest` is that of the text of a message, in bytes.
    pub fn new(
        db: &'a Db,
        runtime: &'a Handle,
        owner: Uuid,
        record: ConversationRecord,
        longest: usize,
    ) -> Self {
        Self {
            db,
            runtime,
            owner,
            record,
            longest,
            tx: None,
            batch: String::new(),
            times: HashMap::new(),
            last_shown: None,
            summary: Summary::default(),
        }
    }

    /// Adds a message. Its parent must have been added before. What is shown must be one path; where a shown message names
    /// no parent, it follows the one before.
    ///
    /// # Errors
    /// It can be no message of this conversation; the database failed.
    pub fn add(&mut self, mut message: MessageRecord) -> Result<(), Refusal> {
        message
            .settle(self.longest)
            .map_err(|reason| Refusal::Skip(format!("the message {}: {reason}", message.id)))?;
        if message.is_active {
            message.parent_id = message.parent_id.or(self.last_shown);
        }
        if let Some(parent) = message.parent_id {
            let time = self.times.get(&parent).ok_or_else(|| {
                Refusal::Skip(format!(
                    "the parent of the message {} does not come before it",
                    message.id
                ))
            })?;
            message.created_at = message.created_at.max(*time + TimeDelta::microseconds(1));
        }
        if message.is_active {
            if message.parent_id != self.last_shown {
                return Err(Refusal::Skip(format!(
                    "the message {} is shown, but its parent is not the message shown before it",
                    message.id
                )));
            }
            self.last_shown = Some(message.id);
        }
        if self.times.insert(message.id, message.created_at).is_some() {
            return Err(Refusal::Skip(format!(
                "two messages have the id {}",
                message.id
            )));
        }
        self.summary.add(&message);
        let length = message.content.len() + message.reasoning.as_ref().map_or(0, String::len);
        let said = (length > LONG).then(|| {
            (
                std::mem::take(&mut message.content),
                message.reasoning.take(),
            )
        });
        if said.is_some() {
            self.store(None)?;
        }
        let json = serde_json::to_string(&message)
            .map_err(|error| Refusal::Fail(Error::Internal(error.into())))?;
        self.batch
            .push(if self.batch.is_empty() { '[' } else { ',' });
        self.batch.push_str(&json);
        if said.is_some() || self.batch.len() >= BATCH {
            self.store(said)?;
        }
        Ok(())
    }

    /// Stores what was added since the last time, and before that the conversation. `said` is what the only message
    /// says.
    fn store(&mut self, said: Option<(String, Option<String>)>) -> Result<(), Refusal> {
        let (owner, id) = (self.owner, self.record.id);
        let mut batch = std::mem::take(&mut self.batch);
        self.runtime.block_on(async {
            let tx = match &mut self.tx {
                Some(tx) => tx,
                none => {
                    let tx = none.insert(self.db.begin().await?);
                    match repository::insert_conversation(tx, owner, &self.record).await {
                        Ok(true) => tx,
                        Ok(false) => return Err(Refusal::Skip("it is there already".to_owned())),
                        Err(sqlx::Error::Database(cause)) if cause.is_foreign_key_violation() => {
                            let reason = "its agent was deleted meanwhile".to_owned();
                            return Err(Refusal::Skip(reason));
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
            };
            if batch.is_empty() {
                return Ok(());
            }
            batch.push(']');
            match repository::insert_messages(tx, owner, id, batch, said).await {
                Err(sqlx::Error::Database(cause)) if cause.is_unique_violation() => {
                    Err(Refusal::Skip(
                        "another conversation has a message with the id of one of its messages"
                            .to_owned(),
                    ))
                }
                inserted => inserted.map_err(Refusal::from),
            }
        })
    }

    /// Stores the rest, and makes it last. Returns how many messages there are.
    pub fn finish(mut self) -> Result<u64, Refusal> {
        self.store(None)?;
        let count = self.times.len() as u64;
        let (owner, id, mut summary) = (self.owner, self.record.id, self.summary);
        summary.latest = self.times.into_values().max();
        let Some(mut tx) = self.tx else {
            return Ok(count);
        };
        self.runtime.block_on(async {
            repository::summarise(&mut tx, owner, id, summary).await?;
            tx.commit().await?;
            Ok(count)
        })
    }
}
