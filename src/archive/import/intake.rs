//! Storing what a file holds, whatever its format.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::report::{Report, Skipped};
use super::writing::{Refusal, Writing};
use crate::agents::{self, AgentChanges, Origin};
use crate::app::App;
use crate::archive::model::{ConversationRecord, Storable};
use crate::archive::repository;
use crate::config::Config;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::path::parse_uuid;

/// Stores things of one user's. It belongs to a thread that may block: a file is read there, and the database is waited
/// for.
pub struct Intake {
    db: Db,
    config: Arc<Config>,
    ending: CancellationToken,
    owner: Uuid,
    runtime: Handle,
    /// Which agents of the user's the ids in the file stand for.
    agents: HashMap<Uuid, Uuid>,
    /// Agents that were made and the file's ids of their fallbacks, which may come later.
    fallbacks: Vec<(Uuid, Uuid)>,
    /// Who takes the conversations whose agent is not there; the default agent, if nobody was named.
    substitute: Option<Uuid>,
    pub report: Report,
}

impl Intake {
    pub fn new(app: &App, owner: Uuid, substitute: Option<Uuid>, runtime: Handle) -> Self {
        Self {
            db: app.db.clone(),
            config: app.config.clone(),
            ending: app.tasks.ending().clone(),
            owner,
            runtime,
            agents: HashMap::new(),
            fallbacks: Vec::new(),
            substitute,
            report: Report::default(),
        }
    }

    pub fn into_report(mut self) -> Report {
        if !self.fallbacks.is_empty() {
            let count = self.fallbacks.len();
            self.report.note(format!(
                "{count} agents have no fallback any more, because it is not in the file."
            ));
        }
        self.report
    }

    /// Makes an agent, unless the user has one with its id or of its name. It becomes the default only if there is none.
    ///
    /// # Errors
    /// The database failed. What is wrong with the agent is noted.
    pub fn agent(&mut self, fields: Map<String, Value>) -> Result<()> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let time = |name: &str| text(name).and_then(|time| time.parse::<DateTime<Utc>>().ok());
        let id = text("id").and_then(parse_uuid).filter(|id| !id.is_nil());
        let origin = id.zip(time("created_at").zip(time("updated_at"))).map(
            |(id, (mut created_at, mut updated_at))| {
                created_at.make_storable();
                updated_at.make_storable();
                Origin {
                    id,
                    created_at,
                    updated_at,
                }
            },
        );
        let name: String = text("name").unwrap_or_default().chars().take(100).collect();
        let mut agent = match AgentChanges::read(fields) {
            Ok(changes) => changes.into_new(&self.config.agents),
            Err(error) => return self.refuse_agent(&name, error),
        };
        agent.origin = origin;
        let fallback = agent.fallback_agent.take();
        let (db, owner) = (&self.db, self.owner);
        let taken = self.runtime.block_on(async {
            let mut tx = db.begin().await?;
            if let Some(agent) = repository::find_agent(&mut tx, owner, id, &agent.name).await? {
                return Ok((agent.id, false));
            }
            let default = agents::repository::find_default(&mut tx, owner).await?;
            agent.is_default &= default.is_none();
            let made = agents::repository::create(&mut tx, owner, agent).await?;
            tx.commit().await?;
            Ok::<_, Error>((made.id, true))
        });
        let (found, is_new) = match taken {
            Ok(taken) => taken,
            Err(error) => return self.refuse_agent(&name, error),
        };
        self.agents.extend(id.map(|id| (id, found)));
        if is_new {
            self.report.agents += 1;
            self.fallbacks.extend(fallback.map(|other| (found, other)));
        }
        self.name_fallbacks()
    }

    /// Notes what is wrong with an agent, if that is the file's fault.
    fn refuse_agent(&mut self, name: &str, error: Error) -> Result<()> {
        let Error::Invalid(faults) = error else {
            return Err(error);
        };
        let faults: Vec<_> = faults
            .iter()
            .map(|(field, messages)| format!("{field}: {}", messages.join(" ")))
            .collect();
        let faults = faults.join(" ");
        self.report
            .note(format!("The agent “{name}” was not taken. {faults}"));
        Ok(())
    }

    /// Names the fallbacks of agents whose fallback has come by now.
    fn name_fallbacks(&mut self) -> Result<()> {
        let agents = &self.agents;
        let mut known = Vec::new();
        self.fallbacks.retain(|&(agent, other)| {
            let other = agents.get(&other).copied();
            known.extend(other.map(|other| (agent, other)));
            other.is_none()
        });
        if known.is_empty() {
            return Ok(());
        }
        let (db, owner) = (&self.db, self.owner);
        self.runtime.block_on(async {
            let mut tx = db.begin().await?;
            agents::repository::lock(&mut tx, owner).await?;
            for (agent, fallback) in known {
                agents::repository::set_fallback(&mut tx, owner, agent, fallback).await?;
            }
            tx.commit().await?;
            Ok(())
        })
    }

    /// Stores a conversation with the messages that `read` adds to it, all of it or nothing, and notes what became of
    /// it. `agent` is the file's id of whom it is with.
    ///
    /// # Errors
    /// The database failed, the file cannot be read, or the server ends.
    pub fn conversation(
        &mut self,
        entry: Entry,
        mut record: ConversationRecord,
        read: impl FnOnce(&mut Writing<'_>) -> Result<(), Refusal>,
    ) -> Result<()> {
        if self.ending.is_cancelled() {
            return Err(Error::Unavailable);
        }
        record.settle();
        if record.id.is_nil() {
            let reason = "its id is that of nothing".to_owned();
            self.report.skip(entry.skipped(Some(record.title), reason));
            return Ok(());
        }
        record.agent_id = self.agent_of(record.agent_id)?;
        let title = record.title.clone();
        let longest = self
            .config
            .server
            .max_body_bytes
            .max(self.config.llm.max_answer_bytes);
        let mut writing = Writing::new(&self.db, &self.runtime, self.owner, record, longest);
        let stored = match read(&mut writing) {
            Ok(()) => writing.finish(),
            Err(refusal) => Err(refusal),
        };
        match stored {
            Ok(messages) => {
                self.report.conversations.imported += 1;
                self.report.messages += messages;
                Ok(())
            }
            Err(Refusal::Skip(reason)) => {
                self.report.skip(entry.skipped(Some(title), reason));
                Ok(())
            }
            Err(Refusal::Fail(error)) => Err(error),
        }
    }

    /// Whom of the user's agents a conversation is with.
    fn agent_of(&mut self, id: Uuid) -> Result<Uuid> {
        if let Some(agent) = self.agents.get(&id) {
            return Ok(*agent);
        }
        let (db, owner) = (&self.db, self.owner);
        let agent = self.runtime.block_on(async {
            if agents::repository::exists(db, owner, id).await? {
                return Ok(id);
            }
            if let Some(substitute) = self.substitute {
                return Ok(substitute);
            }
            agents::repository::find_or_make_default(db, owner, &self.config.agents)
                .await
                .map(|agent| agent.id)
        })?;
        self.agents.insert(id, agent);
        Ok(agent)
    }
}

/// Where in a file a conversation is.
#[derive(Clone, Copy)]
pub struct Entry {
    pub index: usize,
    pub byte: u64,
}

impl Entry {
    pub fn skipped(self, title: Option<String>, reason: String) -> Skipped {
        Skipped {
            index: self.index,
            byte: self.byte,
            title,
            reason,
        }
    }
}
