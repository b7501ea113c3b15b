//! Writing a user's conversations to a file, page by page.

use serde::Serialize;
use uuid::Uuid;

use super::download::Sink;
use super::markdown;
use super::model::{FORMAT, VERSION};
use super::repository::{self, BEGINNING, Titled};
use crate::agents::{Agent, AgentBody};
use crate::conversations::turn;
use crate::db::Db;
use crate::error::{Error, Result};

/// What is to be written.
pub struct Export {
    pub db: Db,
    pub owner: Uuid,
    /// This conversation alone.
    pub only: Option<Uuid>,
}

impl Export {
    /// Writes all there is to know, in our own format.
    ///
    /// # Errors
    /// The database failed, or nobody takes the file any more.
    pub async fn write_json(self, mut sink: Sink) -> Result<Sink> {
        let head = format!("{{\"format\":\"{FORMAT}\",\"version\":{VERSION},\"agents\":[");
        sink.write(head).await?;
        let mut separator = "\n";
        let mut after = Uuid::nil();
        loop {
            let page = self.agents(after).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for agent in page {
                sink.write(separator).await?;
                sink.write(json(&AgentBody::from(agent))?).await?;
                separator = ",\n";
            }
        }
        sink.write("\n],\"conversations\":[").await?;
        let mut separator = "\n";
        let mut after = Uuid::nil();
        loop {
            let page = self.conversations(after).await?;
            let Some(last) = page.last() else { break };
            after = last.conversation.id;
            for Titled { conversation, .. } in page {
                sink.write(separator).await?;
                let mut head = json(&conversation)?;
                // Its messages go before the brace that ends it.
                head.pop();
                sink.write(head).await?;
                sink.write(",\"messages\":[").await?;
                self.write_messages(&mut sink, conversation.id).await?;
                sink.write("]}").await?;
                separator = ",\n";
            }
        }
        sink.write("\n]}\n").await?;
        Ok(sink)
    }

    async fn write_messages(&self, sink: &mut Sink, conversation: Uuid) -> Result<()> {
        let mut separator = "\n";
        let mut place = Some(BEGINNING);
        while let Some(after) = place {
            let page =
                repository::messages_after(&self.db, self.owner, conversation, after).await?;
            place = repository::place_behind(&page);
            for message in page {
                sink.write(separator).await?;
                sink.write(json(&message)?).await?;
                separator = ",\n";
            }
        }
        Ok(())
    }

    /// Writes what is shown of the conversations, to be read by people.
    ///
    /// # Errors
    /// The database failed, or nobody takes the file any more.
    pub async fn write_markdown(self, mut sink: Sink) -> Result<Sink> {
        let mut separator = "";
        let mut after = Uuid::nil();
        loop {
            let page = self.conversations(after).await?;
            let Some(last) = page.last() else {
                return Ok(sink);
            };
            after = last.conversation.id;
            for titled in page {
                sink.write(separator).await?;
                sink.write(markdown::head(&titled)).await?;
                self.write_readable(&mut sink, titled).await?;
                separator = "\n---\n\n";
            }
        }
    }

    async fn write_readable(&self, sink: &mut Sink, titled: Titled) -> Result<()> {
        let Titled {
            conversation,
            agent,
        } = titled;
        let mut place = Some(BEGINNING);
        while let Some(after) = place {
            let page =
                repository::active_messages_after(&self.db, self.owner, conversation.id, after)
                    .await?;
            place = repository::place_behind(&page);
            let agent = agent.clone();
            // Reading Markdown may take long enough to hold others up.
            let text = tokio::task::spawn_blocking(move || markdown::messages(&page, &agent))
                .await
                .map_err(|error| Error::Internal(error.into()))?;
            sink.write(text).await?;
        }
        Ok(())
    }

    async fn agents(&self, after: Uuid) -> Result<Vec<Agent>> {
        let page = match self.only {
            None => repository::agents_after(&self.db, self.owner, after).await?,
            Some(only) if after.is_nil() => {
                let place = turn::find_place(&self.db, self.owner, only).await?;
                place.map(|place| place.agent).into_iter().collect()
            }
            Some(_) => Vec::new(),
        };
        Ok(page)
    }

    async fn conversations(&self, after: Uuid) -> Result<Vec<Titled>> {
        let page = match self.only {
            None => repository::conversations_after(&self.db, self.owner, after).await?,
            Some(only) if after.is_nil() => {
                let found = repository::conversation(&self.db, self.owner, only).await?;
                found.into_iter().collect()
            }
            Some(_) => Vec::new(),
        };
        Ok(page)
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::Internal(error.into()))
}
