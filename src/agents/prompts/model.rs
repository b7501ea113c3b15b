//! What a version of a system prompt is, how it differs from the one before, and how the API shows it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use similar::TextDiff;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::clock;
use crate::db::{FromRow, Row};
use crate::http::openapi::examples;

/// How long to look for the shortest difference; after that a longer one will do.
const PATIENCE: Duration = Duration::from_millis(200);

/// A system prompt that an agent has or had.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Which it is of the agent's, counted from 1.
    pub number: i32,
    pub system_prompt: String,
    /// Who wrote it.
    pub author: Uuid,
    /// That account's name; `None` if the account is gone.
    pub author_name: Option<String>,
    pub created_at: DateTime<Utc>,
}

impl FromRow for Prompt {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            number: row.get("number")?,
            system_prompt: row.get("system_prompt")?,
            author: row.get("author_id")?,
            author_name: row.get("author_name")?,
            created_at: row.get("created_at")?,
        })
    }
}

/// A version of a system prompt as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Prompt)]
pub struct PromptBody {
    /// Which it is of the agent's, counted from 1.
    #[schema(example = 1)]
    number: i32,
    #[schema(example = "You are Bruno, a helpful AI assistant.")]
    system_prompt: String,
    author: Author,
    #[schema(example = json!(examples::TIME))]
    #[serde(serialize_with = "clock::serialize")]
    created_at: DateTime<Utc>,
}

/// Who wrote it.
#[derive(Debug, Serialize, ToSchema)]
struct Author {
    #[schema(example = json!(examples::USER))]
    id: Uuid,
    /// Null if the account is gone.
    #[schema(example = "Ada Lovelace")]
    name: Option<String>,
}

impl From<Prompt> for PromptBody {
    fn from(prompt: Prompt) -> Self {
        Self {
            number: prompt.number,
            system_prompt: prompt.system_prompt,
            author: Author {
                id: prompt.author,
                name: prompt.author_name,
            },
            created_at: prompt.created_at,
        }
    }
}

/// A version by itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct PromptDetail {
    #[serde(flatten)]
    prompt: PromptBody,
    /// The number of the version before; null of the first that is kept.
    previous: Option<i32>,
    /// What changed since then, as a unified diff.
    diff: Option<String>,
}

impl PromptDetail {
    /// A version and the one before, if there is one. Compares them, which takes a moment.
    pub fn new(prompt: Prompt, previous: Option<Prompt>) -> Self {
        Self {
            diff: previous
                .as_ref()
                .map(|previous| diff(previous, &prompt, PATIENCE)),
            previous: previous.map(|previous| previous.number),
            prompt: prompt.into(),
        }
    }
}

fn diff(old: &Prompt, new: &Prompt, patience: Duration) -> String {
    TextDiff::configure()
        .timeout(patience)
        .diff_lines(old.system_prompt.as_str(), new.system_prompt.as_str())
        .unified_diff()
        .header(
            &format!("version {}", old.number),
            &format!("version {}", new.number),
        )
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(number: i32, words: impl Iterator<Item = u32>) -> Prompt {
        Prompt {
            number,
            system_prompt: words.map(|word| format!("{word}\n")).collect(),
            author: Uuid::nil(),
            author_name: None,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn whoever_has_no_patience_gets_a_longer_difference() {
        let (old, new) = (
            prompt(1, (0..500).map(|line| line * 7 % 101)),
            prompt(2, (0..500).map(|line| line * 11 % 103)),
        );
        let shortest = diff(&old, &new, Duration::MAX).lines().count();
        let hasty = diff(&old, &new, Duration::ZERO).lines().count();
        assert!(hasty > shortest, "{hasty} {shortest}");
    }
}
