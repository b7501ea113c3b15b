//! Users and their agents.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use uuid::Uuid;

use super::convert::{self, User};
use super::old::{self, agents, conversations, users};
use super::report::Outcome;
use super::row::{Row, derived};
use super::{Import, ImportError, compared, repository, taken};
use crate::agents::name::{common_start, free_name};
use crate::agents::{Agent, NewAgent};
use crate::archive::model::ConversationRecord;
use crate::auth::from_django;
use crate::http::formats;
use crate::users::{email_key, repository::is_email_taken};

/// What a user has in the way of agents.
pub struct Agents {
    /// Those that are here, or would be.
    pub ids: HashSet<Uuid>,
    names: HashSet<String>,
    default: Option<Uuid>,
}

impl Agents {
    /// Counts an agent in. It gives way to those that are here already; what it loses by that is noted.
    fn admit(&mut self, agent: &mut Agent, notes: &mut Vec<String>) {
        if self.names.contains(&agent.name) {
            agent.name = free_name(&agent.name, &self.names);
            let note = "`name` is taken by another agent of the account";
            notes.push(format!("{note}; it is {}", agent.name));
        }
        if agent.is_default && self.default.is_some() {
            agent.is_default = false;
            notes.push("`is_default` is false, because another agent is the default".to_owned());
        }
        self.count(agent);
    }

    fn count(&mut self, agent: &Agent) {
        self.ids.insert(agent.id);
        self.names.insert(agent.name.clone());
        self.default = self.default.or(agent.is_default.then_some(agent.id));
    }
}

impl Import<'_> {
    /// Finds out whose addresses are that several accounts have but for the case of letters.
    pub(super) async fn read_addresses(&mut self) -> Result<(), ImportError> {
        let mut rows = self.source.rows(users::ALL, &[]);
        while let Some(cells) = rows.next().await {
            let cells = cells.map_err(ImportError::Source)?;
            let user = User::read(&mut Row::new(&users::TABLE, &cells));
            let rank = user.rank();
            let owner = self.addresses.entry(email_key(&user.email)).or_insert(rank);
            *owner = rank.min(*owner);
        }
        Ok(())
    }

    /// Brings in an account with all that is its owner's.
    pub(super) async fn account(&mut self, mut row: Row<'_>) -> Result<(), ImportError> {
        let mut user = User::read(&mut row);
        let (id, key, table) = (user.id, row.key(), users::TABLE.name);
        let here = repository::find_user(&mut self.destination, id).await?;
        let (outcome, reasons) = match here {
            Some(here) => compare(&here, &user),
            None if self.was_imported(table, id).await? => {
                let reason = "was deleted here, and so stays all that belonged to it".to_owned();
                self.report
                    .row(table, &row.name(), Outcome::Kept, &[reason])?;
                return self.pass_over(&key).await;
            }
            None => {
                self.find_address(&mut user, &mut row.notes).await?;
                match from_django(&user.password) {
                    Some(hash) => user.password = hash.to_owned(),
                    None => row.notes.push(
                        "`password` is none that can be checked here; nobody can log in before `meggy user set-password`"
                            .to_owned(),
                    ),
                }
                if let Some(tx) = self.destination.tx().await? {
                    repository::insert_user(tx, &user).await?;
                    repository::note_imported(tx, table, id, None).await?;
                }
                (taken(&row.notes), std::mem::take(&mut row.notes))
            }
        };
        self.report.row(table, &row.name(), outcome, &reasons)?;
        let mut agents = self.agents(id, &key).await?;
        self.destination.pause().await?;
        self.conversations(id, &key, &mut agents).await
    }

    pub(super) async fn was_imported(&mut self, table: &str, id: Uuid) -> sqlx::Result<bool> {
        let imported = repository::find_imported(&mut self.destination, table, id).await?;
        Ok(imported.is_some())
    }

    /// Gives a user another address if the one in the old database is somebody else's or nobody's.
    async fn find_address(
        &mut self,
        user: &mut User,
        notes: &mut Vec<String>,
    ) -> Result<(), ImportError> {
        let owner = self.addresses.get(&email_key(&user.email));
        let is_owner = owner.is_none_or(|(_, _, id)| *id == user.id);
        let reason = if user.email.is_empty() {
            "is no address"
        } else if !is_owner
            || is_email_taken(&mut self.destination, &user.email, Some(user.id)).await?
        {
            "is another account's, if the case of letters does not count"
        } else {
            if !formats::is_email(&user.email) {
                notes.push("`email` is no valid address, and stays as it is".to_owned());
            }
            return Ok(());
        };
        user.email = user.other_address();
        notes.push(format!("`email` {reason}; it is {}", user.email));
        Ok(())
    }

    /// Counts what belongs to an account that is not to come back.
    async fn pass_over(&mut self, key: &str) -> Result<(), ImportError> {
        let agents = self.rows(agents::OF_USER, &[key]).await?.len() as u64;
        self.report.rows(agents::TABLE.name, Outcome::Kept, agents);
        let mut after = old::start(&self.source).to_owned();
        loop {
            let page = self
                .rows(conversations::PAGE_OF_USER, &[key, &after])
                .await?;
            for cells in &page {
                after = Row::new(&conversations::TABLE, cells).key();
                self.report
                    .rows(conversations::TABLE.name, Outcome::Kept, 1);
                self.pass_over_messages(&after).await?;
            }
            if page.is_empty() {
                return Ok(());
            }
        }
    }

    /// Brings in a user's agents.
    async fn agents(&mut self, owner: Uuid, key: &str) -> Result<Agents, ImportError> {
        let table = agents::TABLE.name;
        let mut agents = Agents {
            ids: HashSet::new(),
            names: HashSet::new(),
            default: None,
        };
        let here = repository::agents_of(&mut self.destination, owner).await?;
        here.iter().for_each(|agent| agents.count(agent));
        for cells in self.rows(agents::OF_USER, &[key]).await? {
            let mut row = Row::new(&agents::TABLE, &cells);
            let mut agent = convert::agent(&mut row);
            let (outcome, reasons) = match here.iter().find(|here| here.id == agent.id) {
                Some(here) => compare_agents(here, &agent, agents.default),
                None if self.was_imported(table, agent.id).await? => {
                    (Outcome::Kept, vec!["was deleted here".to_owned()])
                }
                None => {
                    if agents.ids.contains(&agent.id) {
                        agent.id = row.another_id();
                    }
                    agents.admit(&mut agent, &mut row.notes);
                    if let Some(tx) = self.destination.tx().await? {
                        repository::insert_agent(tx, owner, &agent).await?;
                        repository::note_imported(tx, table, agent.id, None).await?;
                    }
                    (taken(&row.notes), std::mem::take(&mut row.notes))
                }
            };
            self.report.row(table, &row.name(), outcome, &reasons)?;
        }
        Ok(agents)
    }

    /// Finds who is to answer in a conversation, which has that key, whose agent the user does not have: a copy of that agent, or
    /// a new one if it is nobody's. Says so.
    pub(super) async fn substitute(
        &mut self,
        owner: Uuid,
        conversation: &ConversationRecord,
        key: &str,
        agents: &mut Agents,
    ) -> Result<(Uuid, String), ImportError> {
        let id = derived(&[
            agents::TABLE.name,
            &owner.to_string(),
            &conversation.agent_id.to_string(),
        ]);
        let found = self.rows(agents::OF_CONVERSATION, &[key]).await?;
        let original = found
            .first()
            .map(|cells| convert::agent(&mut Row::new(&agents::TABLE, cells)));
        let note = match original {
            Some(_) => format!("its agent is not its owner's; a copy of it answers, {id}"),
            None => format!("its agent is not there; another one answers, {id}"),
        };
        if !agents.ids.contains(&id) {
            let mut agent = original.unwrap_or_else(|| {
                new_agent(
                    NewAgent::with_defaults(self.defaults),
                    conversation.created_at,
                )
            });
            agent.id = id;
            agent.is_default = false;
            agents.admit(&mut agent, &mut Vec::new());
            if let Some(tx) = self.destination.tx().await? {
                repository::insert_agent(tx, owner, &agent).await?;
            }
        }
        Ok((id, note))
    }
}

/// What differs of an account that is here.
fn compare(here: &User, there: &User) -> (Outcome, Vec<String>) {
    // The first login replaces a hash of Django's.
    let has_old_password = here.password.starts_with("pbkdf2_sha256$");
    let has_address = here.email == there.email || here.email == there.other_address();
    compared(&[
        ("email", !has_address),
        ("name", here.name != there.name),
        (
            "password",
            has_old_password && here.password != there.password,
        ),
        ("avatar_url", here.avatar_url != there.avatar_url),
        ("is_active", here.is_active != there.is_active),
        ("is_staff", here.is_staff != there.is_staff),
        ("is_superuser", here.is_superuser != there.is_superuser),
    ])
}

/// What differs of an agent that is here, beside what it had to give up when it came.
fn compare_agents(here: &Agent, there: &Agent, default: Option<Uuid>) -> (Outcome, Vec<String>) {
    let has_name = here.name == there.name
        || here
            .name
            .starts_with(&format!("{} (copy", common_start(&there.name)));
    let gave_way = there.is_default && default.is_some_and(|default| default != here.id);
    compared(&[
        ("name", !has_name),
        ("description", here.description != there.description),
        ("llm_provider", here.llm_provider != there.llm_provider),
        ("model", here.model != there.model),
        ("temperature", here.temperature != there.temperature),
        ("max_tokens", here.max_tokens != there.max_tokens),
        ("system_prompt", here.system_prompt != there.system_prompt),
        (
            "is_default",
            here.is_default != there.is_default && !gave_way,
        ),
        ("is_active", here.is_active != there.is_active),
    ])
}

/// An agent in whose place another one was.
fn new_agent(agent: NewAgent, at: DateTime<Utc>) -> Agent {
    Agent {
        id: Uuid::nil(),
        name: agent.name,
        description: agent.description,
        llm_provider: agent.llm_provider.as_str().to_owned(),
        model: agent.model,
        temperature: agent.temperature,
        max_tokens: agent.max_tokens,
        context_window: agent.context_window,
        system_prompt: agent.system_prompt,
        is_default: agent.is_default,
        is_active: agent.is_active,
        title_model: agent.title_model,
        created_at: at,
        updated_at: at,
        parameters: agent.parameters,
        fallback_agent: agent.fallback_agent,
        fallback_model: agent.fallback_model,
    }
}
