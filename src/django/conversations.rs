//! Conversations.

use uuid::Uuid;

use super::accounts::Agents;
use super::convert;
use super::old::{self, conversations, messages};
use super::report::Outcome;
use super::row::Row;
use super::thread::Thread;
use super::{Import, ImportError, compared, repository, taken};
use crate::archive;
use crate::messages::tree;

impl Import<'_> {
    /// Brings in the conversations of the account with a key.
    pub(super) async fn conversations(
        &mut self,
        owner: Uuid,
        key: &str,
        agents: &mut Agents,
    ) -> Result<(), ImportError> {
        let mut after = old::start(&self.source).to_owned();
        loop {
            let page = self
                .rows(conversations::PAGE_OF_USER, &[key, &after])
                .await?;
            for cells in &page {
                let row = Row::new(&conversations::TABLE, cells);
                after = row.key();
                self.conversation(owner, row, agents).await?;
                self.destination.pause().await?;
            }
            if page.is_empty() {
                return Ok(());
            }
        }
    }

    async fn conversation(
        &mut self,
        owner: Uuid,
        mut row: Row<'_>,
        agents: &mut Agents,
    ) -> Result<(), ImportError> {
        let table = conversations::TABLE.name;
        let mut record = convert::conversation(&mut row);
        let (id, key) = (record.id, row.key());
        let here = repository::find_conversation(&mut self.destination, owner, id).await?;
        let imported = repository::find_imported(&mut self.destination, table, id).await?;
        let is_new = here.is_none();
        let (outcome, reasons) = match here {
            Some(here) => {
                // An agent of somebody else's was copied.
                let has_agent =
                    here.agent_id == record.agent_id || !agents.ids.contains(&record.agent_id);
                let differs = [
                    ("title", here.title != record.title),
                    ("agent_id", !has_agent),
                ];
                record = here;
                compared(&differs)
            }
            None if imported.is_some() => {
                let reason = "was deleted here, and so stay its messages".to_owned();
                self.report
                    .row(table, &row.name(), Outcome::Kept, &[reason])?;
                return self.pass_over_messages(&key).await;
            }
            None => {
                if !agents.ids.contains(&record.agent_id) {
                    let (agent, note) = self.substitute(owner, &record, &key, agents).await?;
                    record.agent_id = agent;
                    row.notes.push(note);
                }
                if let Some(tx) = self.destination.tx().await? {
                    archive::repository::insert_conversation(tx, owner, &record).await?;
                }
                (taken(&row.notes), std::mem::take(&mut row.notes))
            }
        };
        self.report.row(table, &row.name(), outcome, &reasons)?;

        let until = imported.and_then(|imported| imported.until);
        let mut thread = Thread::new(owner, &record, is_new, until);
        self.messages(&key, &mut thread).await?;
        if (is_new || thread.has_grown)
            && let Some(tx) = self.destination.tx().await?
        {
            tree::note(tx, owner, id, record.updated_at).await?;
            repository::note_imported(tx, table, id, thread.until).await?;
        }
        Ok(())
    }

    /// Counts the messages of the conversation with a key, which are not to come back.
    pub(super) async fn pass_over_messages(&mut self, key: &str) -> Result<(), ImportError> {
        let counted = self.rows(old::MESSAGES_IN_CONVERSATION, &[key]).await?;
        let text = counted.first().and_then(|cells| cells.first()?.as_deref());
        let number = text
            .and_then(|text| str::from_utf8(text).ok()?.parse().ok())
            .unwrap_or_default();
        self.report
            .rows(messages::TABLE.name, Outcome::Kept, number);
        self.progress.add(number);
        Ok(())
    }
}
