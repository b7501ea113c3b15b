//! Doing something to many objects, and telling what became of it.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::Names;
use crate::admin::refusal::{Refusal, Result};
use crate::admin::submission::Submission;

/// How many objects may be chosen at once: a page of them.
const MOST: usize = 100;

/// An object that was chosen. Accounts are their own owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chosen {
    pub owner: Uuid,
    pub id: Uuid,
}

impl Chosen {
    /// Reads what [`name`](Self::name) wrote, or the id of an account.
    fn read(name: &str) -> Option<Self> {
        let (owner, id) = name.split_once('/').unwrap_or((name, name));
        Some(Self {
            owner: owner.parse().ok()?,
            id: id.parse().ok()?,
        })
    }

    /// The object as the value of a field, and as the end of its page's address.
    pub fn name(self) -> String {
        if self.owner == self.id {
            self.id.to_string()
        } else {
            format!("{}/{}", self.owner, self.id)
        }
    }

    /// Several as a parameter of a statement: a JSON list of lists of owner and id.
    pub fn json(chosen: &[Self]) -> String {
        let pairs = chosen
            .iter()
            .map(|chosen| serde_json::json!([chosen.owner, chosen.id]));
        Value::Array(pairs.collect()).to_string()
    }

    /// Those that were chosen by fields of this name; each once.
    ///
    /// # Errors
    /// None, too many, or one that is no id.
    pub fn all<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<Self>> {
        let chosen: Option<Vec<Self>> = names.map(Self::read).collect();
        let mut chosen = chosen.ok_or_else(|| Refusal::bad("chosen: This is no id."))?;
        chosen.sort();
        chosen.dedup();
        match chosen.len() {
            0 => Err(Refusal::bad(
                "Nothing was selected. Go back and tick what you mean.",
            )),
            1..=MOST => Ok(chosen),
            _ => Err(Refusal::bad("At most 100 can be selected at once.")),
        }
    }

    /// Those that were chosen with a form.
    ///
    /// # Errors
    /// See [`all`](Self::all).
    pub fn of_form(submission: &Submission) -> Result<Vec<Self>> {
        Self::all(submission.all("chosen"))
    }
}

/// What became of many objects.
#[derive(Default)]
pub struct Tally {
    done: usize,
    undone: usize,
    /// How many were refused for each reason.
    refused: BTreeMap<String, usize>,
}

impl Tally {
    /// Notes what became of one. Refusals are noted as well.
    ///
    /// # Errors
    /// Those that are our fault.
    pub fn note(&mut self, outcome: Result<bool>) -> Result<()> {
        match outcome {
            Ok(true) => self.done += 1,
            Ok(false) => self.undone += 1,
            Err(Refusal::Told(status, text, _))
                if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS =>
            {
                *self.refused.entry(text.into_owned()).or_default() += 1;
            }
            Err(refusal) => return Err(refusal),
        }
        Ok(())
    }

    /// What became of them, in words. `done` is a word such as `Deleted`.
    pub fn sentence(&self, done: &str, names: &Names) -> String {
        let noun = if self.done == 1 {
            names.one
        } else {
            names.many
        };
        let mut text = format!("{done} {} {noun}.", self.done);
        if self.undone > 0 {
            text += &format!(" Nothing had to be done about {}.", self.undone);
        }
        for (reason, number) in &self.refused {
            text += &format!(" {number} refused: {reason}");
        }
        text
    }
}
