//! ChatGPT's `conversations.json`: a list of trees, of which only what the user and the model said is taken.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

use super::intake::{Entry, Intake};
use super::object;
use super::outline::{Part, open, title};
use crate::archive::model::{ConversationRecord, MessageRecord, no_tags};
use crate::clock;
use crate::error::Result;
use crate::llm::Role;
use crate::messages::Status;

/// Longest conversation, in bytes as the file has it. It is held in memory, because its parts are in no order.
const LONGEST_CONVERSATION: u64 = 16 * 1024 * 1024;

/// Longest name of a model, in characters.
const MODEL_LENGTH: usize = 100;

/// Stores conversations.
///
/// # Errors
/// See [`Intake::conversation`].
pub fn read(file: &File, conversations: &[Part], intake: &mut Intake) -> Result<()> {
    intake.report.format = "chatgpt";
    for (index, part) in conversations.iter().enumerate() {
        let entry = Entry {
            index,
            byte: part.start,
        };
        let read = if part.end - part.start > LONGEST_CONVERSATION {
            Err(format!("it is longer than {LONGEST_CONVERSATION} bytes"))
        } else {
            object::read(&mut open(file, part)?)
        };
        match read {
            Ok(conversation) => store(entry, conversation, intake)?,
            Err(reason) => {
                let skipped = entry.skipped(title(file, part)?, reason);
                intake.report.skip(skipped);
            }
        }
    }
    Ok(())
}

fn store(entry: Entry, conversation: Conversation, intake: &mut Intake) -> Result<()> {
    let Some(tree) = Tree::of(&conversation) else {
        let reason = "`mapping` has messages that come before themselves".to_owned();
        intake
            .report
            .skip(entry.skipped(conversation.title, reason));
        return Ok(());
    };
    if !tree.left_out.is_empty() {
        let kinds: Vec<_> = tree
            .left_out
            .iter()
            .map(|(kind, count)| format!("{count} × {kind}"))
            .collect();
        intake.report.note(format!(
            "The conversation at {} had parts that are no text and were left out: {}.",
            entry.index,
            kinds.join(", ")
        ));
    }
    let record = tree.record(&conversation);
    intake.conversation(entry, record, |writing| {
        tree.messages
            .into_iter()
            .try_for_each(|message| writing.add(message))
    })
}

#[derive(Deserialize)]
struct Conversation {
    title: Option<String>,
    create_time: Option<f64>,
    update_time: Option<f64>,
    is_archived: Option<bool>,
    mapping: BTreeMap<String, Node>,
    current_node: Option<String>,
    conversation_id: Option<String>,
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Node {
    parent: Option<String>,
    /// Apart, because a tree may have many nodes without one.
    message: Option<Box<Message>>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Message {
    author: Author,
    create_time: Option<f64>,
    #[serde(default)]
    content: Value,
    status: Option<String>,
    /// Whom it is for: `all`, or a tool.
    recipient: Option<String>,
    #[serde(default)]
    metadata: Value,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Author {
    role: String,
}

impl Conversation {
    /// Its own id, or one that is the same each time that the file is read.
    fn uuid(&self) -> Uuid {
        let own = self.conversation_id.as_deref().or(self.id.as_deref());
        own.and_then(|id| Uuid::try_parse(id).ok())
            .unwrap_or_else(|| {
                let time = self.create_time.map(|time| time.to_string());
                let nodes = self.mapping.keys().map(String::as_str);
                digest(
                    [own, self.title.as_deref(), time.as_deref()]
                        .into_iter()
                        .flatten()
                        .chain(nodes),
                )
            })
    }

    fn parent_of(&self, node: &str) -> Option<&str> {
        let parent = self.mapping.get(node)?.parent.as_deref()?;
        self.mapping.contains_key(parent).then_some(parent)
    }

    /// The nodes from the one that is shown last up to the root.
    fn path(&self) -> HashSet<&str> {
        let latest = || {
            let time = |node: &Node| node.message.as_ref().and_then(|said| said.create_time);
            let all = self.mapping.iter();
            all.max_by(|(_, a), (_, b)| {
                let (a, b) = (time(a).unwrap_or_default(), time(b).unwrap_or_default());
                a.total_cmp(&b)
            })
            .map(|(id, _)| id.as_str())
        };
        let shown = self.current_node.as_deref();
        let mut next = shown
            .filter(|node| self.mapping.contains_key(*node))
            .or_else(latest);
        let mut path = HashSet::new();
        // A node that is its own ancestor ends it, too.
        while let Some(node) = next.filter(|node| path.insert(*node)) {
            next = self.parent_of(node);
        }
        path
    }
}

/// What is taken of a conversation.
struct Tree {
    id: Uuid,
    /// Parents before children.
    messages: Vec<MessageRecord>,
    /// How many parts of which kind were not.
    left_out: BTreeMap<String, usize>,
}

impl Tree {
    /// `None` if it is no tree, because a node is its own ancestor.
    fn of(conversation: &Conversation) -> Option<Self> {
        let mut children = HashMap::<&str, Vec<&str>>::new();
        let mut open = Vec::new();
        for id in conversation.mapping.keys() {
            match conversation.parent_of(id) {
                Some(parent) => children.entry(parent).or_default().push(id),
                None => open.push((id.as_str(), None)),
            }
        }
        let path = conversation.path();
        let begun = moment(conversation.create_time).unwrap_or_else(clock::now);
        let mut tree = Self {
            id: conversation.uuid(),
            messages: Vec::new(),
            left_out: BTreeMap::new(),
        };
        // Each with the message that it follows, and when that was said.
        while let Some((id, before)) = open.pop() {
            let message = conversation
                .mapping
                .get(id)
                .and_then(|node| node.message.as_deref());
            let after = match message.and_then(|message| message.said(&mut tree.left_out)) {
                Some(mut said) => {
                    said.id = digest([tree.id.to_string().as_str(), id]);
                    said.is_active = path.contains(id);
                    said.parent_id = before.map(|(parent, _)| parent);
                    let earliest =
                        before.map_or(begun, |(_, time)| time + TimeDelta::microseconds(1));
                    let time = message.and_then(|message| moment(message.create_time));
                    said.created_at = time.unwrap_or(earliest);
                    if before.is_some() {
                        said.created_at = said.created_at.max(earliest);
                    }
                    let here = (said.id, said.created_at);
                    tree.messages.push(said);
                    Some(here)
                }
                None => before,
            };
            let next = children.remove(id).unwrap_or_default();
            open.extend(next.into_iter().map(|child| (child, after)));
        }
        // What goes round in a circle is never come to.
        children.is_empty().then_some(tree)
    }

    fn record(&self, conversation: &Conversation) -> ConversationRecord {
        let times = || self.messages.iter().map(|message| message.created_at);
        let created_at = moment(conversation.create_time)
            .or_else(|| times().min())
            .unwrap_or_else(clock::now);
        let updated_at = moment(conversation.update_time).or_else(|| times().max());
        ConversationRecord {
            id: self.id,
            // Nobody's, so that the default agent or the one that was asked for takes it.
            agent_id: Uuid::nil(),
            client_id: None,
            title: conversation.title.clone().unwrap_or_default(),
            has_makeshift_title: false,
            is_pinned: false,
            is_archived: conversation.is_archived.unwrap_or_default(),
            tags: no_tags(),
            created_at,
            updated_at: updated_at.unwrap_or(created_at),
        }
    }
}

impl Message {
    /// What the user or the model said to the other, without id and place; `None` for what was said behind the scenes.
    fn said(&self, left_out: &mut BTreeMap<String, usize>) -> Option<MessageRecord> {
        let role = match self.author.role.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            _ => return None,
        };
        let is_hidden = self.metadata["is_visually_hidden_from_conversation"] == true;
        let is_for_a_tool = self.recipient.as_deref().is_some_and(|whom| whom != "all");
        if is_hidden || is_for_a_tool {
            return None;
        }
        let kind = self.content["content_type"].as_str().unwrap_or("text");
        let no_parts = Vec::new();
        let parts = match kind {
            "text" | "multimodal_text" => self.content["parts"].as_array().unwrap_or(&no_parts),
            // Thoughts, code for tools, what tools had to say.
            _ => return None,
        };
        let mut texts = Vec::new();
        let mut others = Vec::new();
        for part in parts {
            let text = part.as_str().or_else(|| part["text"].as_str());
            match text {
                Some(text) => texts.push(text),
                None if part.is_null() => {}
                None => others.push(part["content_type"].as_str().unwrap_or("unknown")),
            }
        }
        for kind in &others {
            *left_out
                .entry((*kind).chars().take(100).collect())
                .or_default() += 1;
        }
        let mut text = texts.join("\n\n");
        if text.trim().is_empty() {
            // What follows would hang in the air if nothing stood for a picture.
            text = others
                .iter()
                .map(|kind| format!("[{kind}]"))
                .collect::<Vec<_>>()
                .join("\n");
        }
        if text.is_empty() {
            return None;
        }
        let mut said = MessageRecord::new(Uuid::nil(), role, text, DateTime::UNIX_EPOCH);
        if role == Role::Assistant {
            let model = self.metadata["model_slug"].as_str().unwrap_or_default();
            said.model = model.chars().take(MODEL_LENGTH).collect();
        }
        if self.status.as_deref() == Some("in_progress") {
            Status::Interrupted.as_str().clone_into(&mut said.status);
        }
        Some(said)
    }
}

/// A time in seconds, if it is one.
fn moment(seconds: Option<f64>) -> Option<DateTime<Utc>> {
    let micros = (seconds? * 1e6).round();
    // Up to the year 9999; what is no number is not within.
    if !(1.0..253_402_300_800e6).contains(&micros) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is within the range")]
    DateTime::from_timestamp_micros(micros as i64)
}

/// An id that these texts always get, and hardly any others.
fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> Uuid {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update(text.as_bytes());
        digest.update([0]);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.finalize()[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}
