//! The messages of a conversation.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use uuid::Uuid;

use super::convert;
use super::destination::Destination;
use super::old::messages;
use super::report::{Outcome, Report};
use super::row::Row;
use super::{Import, ImportError, compared, repository, taken};
use crate::archive::model::{ConversationRecord, MessageRecord};
use crate::archive::repository::insert_all;
use crate::db::Cells;
use crate::messages::tree;

/// How many messages are read and written at once, and how many bytes of them, unless a single one has more.
const PIECE_LENGTH: usize = 500;
const PIECE_BYTES: usize = 1024 * 1024;

/// A conversation whose messages are being brought in, one after the other.
pub struct Thread {
    owner: Uuid,
    conversation: Uuid,
    begun: DateTime<Utc>,
    /// Messages that were said up to then were brought in by an earlier run, if the conversation was.
    known_until: Option<DateTime<Utc>>,
    /// When the last message was said, by the old database's clock.
    pub until: Option<DateTime<Utc>>,
    /// Whether a message was brought in.
    pub has_grown: bool,
    /// The message that the next one follows, and when it was said here.
    last: Option<(Uuid, DateTime<Utc>)>,
    /// Whether what is brought in is shown: not if the conversation went on here in another way. `None` as long as nothing
    /// was to be brought in.
    is_shown: Option<bool>,
    /// The ids so far.
    ids: HashSet<Uuid>,
}

impl Thread {
    /// Nothing of a conversation. Unless it is new, an earlier run may have known its messages up to a time.
    pub fn new(
        owner: Uuid,
        conversation: &ConversationRecord,
        is_new: bool,
        known_until: Option<DateTime<Utc>>,
    ) -> Self {
        Self {
            owner,
            conversation: conversation.id,
            begun: conversation.created_at,
            known_until,
            until: known_until,
            has_grown: false,
            last: None,
            is_shown: is_new.then_some(true),
            ids: HashSet::new(),
        }
    }

    /// Brings in some messages.
    async fn take(
        &mut self,
        piece: &[Cells],
        destination: &mut Destination,
        report: &mut Report,
    ) -> Result<(), ImportError> {
        let messages: Vec<_> = piece
            .iter()
            .map(|cells| {
                let mut row = Row::new(&messages::TABLE, cells);
                let message = convert::message(&mut row, self.begun);
                (row, message)
            })
            .collect();
        let ids: Vec<_> = messages.iter().map(|(_, message)| message.id).collect();
        let mut found = repository::find_messages(&mut *destination, self.owner, &ids).await?;
        let mut fresh = Vec::new();
        for (mut row, mut message) in messages {
            let mut here = found.remove(&message.id);
            let is_elsewhere =
                |other: &repository::Placed| other.conversation_id != self.conversation;
            if here.as_ref().is_some_and(is_elsewhere) || !self.ids.insert(message.id) {
                message.id = row.another_id();
                let id = [message.id];
                here = repository::find_messages(&mut *destination, self.owner, &id)
                    .await?
                    .remove(&message.id);
            }
            let said_at = message.created_at;
            let is_known = self.known_until.is_some_and(|until| said_at <= until);
            self.until = self.until.max(Some(said_at));
            let (outcome, reasons) = match here {
                Some(here) => {
                    self.last = Some((here.message.id, here.message.created_at));
                    compare(&here.message, &message)
                }
                None if is_known => (Outcome::Kept, vec!["was deleted here".to_owned()]),
                None => {
                    self.append(&mut message, &mut row.notes, destination)
                        .await?;
                    fresh.push(message);
                    (taken(&row.notes), std::mem::take(&mut row.notes))
                }
            };
            report.row(messages::TABLE.name, &row.name(), outcome, &reasons)?;
        }
        if !fresh.is_empty()
            && let Some(tx) = destination.tx().await?
        {
            insert_all(tx, self.owner, self.conversation, fresh).await?;
        }
        Ok(())
    }

    /// Gives a message its place behind the one before.
    async fn append(
        &mut self,
        message: &mut MessageRecord,
        notes: &mut Vec<String>,
        destination: &mut Destination,
    ) -> Result<(), ImportError> {
        let is_shown = match self.is_shown {
            Some(is_shown) => is_shown,
            None => {
                if let Some(tx) = destination.tx().await? {
                    tree::lock(tx, self.owner, self.conversation).await?;
                }
                let end = repository::find_last_message(destination, self.owner, self.conversation)
                    .await?;
                end == self.last.map(|(id, _)| id)
            }
        };
        self.is_shown = Some(is_shown);
        message.is_active = is_shown;
        if !is_shown {
            let note = "the conversation went on here; it is in a version that is not shown";
            notes.push(note.to_owned());
        }
        if let Some((id, time)) = self.last {
            message.parent_id = Some(id);
            let earliest = time + TimeDelta::microseconds(1);
            if message.created_at < earliest {
                message.created_at = earliest;
                notes.push(format!(
                    "`created_at` is {earliest}, later than that of the message before"
                ));
            }
        }
        self.last = Some((message.id, message.created_at));
        self.has_grown = true;
        Ok(())
    }
}

impl Import<'_> {
    /// Brings in the messages of the conversation with a key.
    pub(super) async fn messages(
        &mut self,
        key: &str,
        thread: &mut Thread,
    ) -> Result<(), ImportError> {
        let mut rows = self.source.rows(messages::OF_CONVERSATION, &[key]);
        loop {
            let piece = next_piece(&mut rows).await.map_err(ImportError::Source)?;
            if piece.is_empty() {
                return Ok(());
            }
            thread
                .take(&piece, &mut self.destination, &mut self.report)
                .await?;
            self.progress.add(piece.len() as u64);
        }
    }
}

async fn next_piece(rows: &mut BoxStream<'_, sqlx::Result<Cells>>) -> sqlx::Result<Vec<Cells>> {
    let mut piece = Vec::new();
    let mut bytes = 0;
    while piece.len() < PIECE_LENGTH
        && bytes < PIECE_BYTES
        && let Some(cells) = rows.next().await
    {
        let cells = cells?;
        bytes += cells.iter().flatten().map(Vec::len).sum::<usize>();
        piece.push(cells);
    }
    Ok(piece)
}

/// What differs of a message that is here.
fn compare(here: &MessageRecord, there: &MessageRecord) -> (Outcome, Vec<String>) {
    compared(&[
        ("role", here.role != there.role),
        ("content", here.content != there.content),
        ("tokens_used", here.tokens_used != there.tokens_used),
        ("model", here.model != there.model),
    ])
}
