//! What an import tells of what it took and what not.

use serde::Serialize;
use utoipa::ToSchema;

/// How many conversations that were skipped, and how many notes, are told one by one.
const LISTED: usize = 1000;

/// What became of a file.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ImportReport)]
pub struct Report {
    /// `meggy` or `chatgpt`.
    pub format: &'static str,
    pub conversations: Counts,
    /// How many messages were stored.
    pub messages: u64,
    /// How many agents were made.
    pub agents: u64,
    /// Which conversations were skipped, and why. The first thousand.
    pub skipped: Vec<Skipped>,
    /// What else is not as it was in the file. The first thousand.
    pub notes: Vec<String>,
}

/// What became of the file's conversations.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ImportCounts)]
pub struct Counts {
    pub imported: u64,
    pub skipped: u64,
}

/// A conversation that was not stored.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SkippedConversation)]
pub struct Skipped {
    /// Its place in the file's list, from 0.
    pub index: usize,
    /// Where it begins in the file, in bytes.
    pub byte: u64,
    /// Null if it has none that could be read.
    #[schema(required)]
    pub title: Option<String>,
    pub reason: String,
}

impl Report {
    /// Notes a conversation that was not stored.
    pub fn skip(&mut self, skipped: Skipped) {
        self.conversations.skipped += 1;
        if self.skipped.len() < LISTED {
            self.skipped.push(skipped);
        }
    }

    /// Notes anything else.
    pub fn note(&mut self, note: String) {
        if self.notes.len() < LISTED {
            self.notes.push(note);
        }
    }
}
