//! What users keep order with: pins, the archive, and tags.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::repository;
use crate::auth::CurrentUser;
use crate::db::{Db, FromRow, Row};
use crate::error::Result;
use crate::http::fields::{Boolean, Form, List, Rule, Text};

/// The rule for a tag.
pub const TAG: Text = Text::new(50);

const TAGS: List<Text> = List {
    item: TAG,
    min: 0,
    max: 20,
};

/// What is said about a conversation's marks; `None` leaves a mark as it is, or as it is by default.
#[derive(Debug, Default)]
pub struct Marks {
    pub is_pinned: Option<bool>,
    pub is_archived: Option<bool>,
    /// Each of them once.
    pub tags: Option<Vec<String>>,
}

impl Marks {
    /// Reads the fields of a body. What is faulty is told by the form.
    pub fn read(form: &mut Form) -> Self {
        Self {
            is_pinned: form.optional("is_pinned", &Boolean),
            is_archived: form.optional("is_archived", &Boolean),
            tags: form.optional("tags", &TAGS).map(without_repetitions),
        }
    }

    /// Whether anything is said.
    pub fn is_some(&self) -> bool {
        self.is_pinned.is_some() || self.is_archived.is_some() || self.tags.is_some()
    }

    /// Tags of a file in the form in which they are stored. What cannot be a tag is left out.
    pub fn storable_tags(stored: &str) -> String {
        let tags: Vec<Value> = serde_json::from_str(stored).unwrap_or_default();
        let tags = tags.iter().filter_map(|tag| TAG.check(tag).ok());
        let tags = without_repetitions(tags.take(TAGS.max).collect());
        serde_json::json!(tags).to_string()
    }

    /// The tags as they are stored.
    pub fn stored_tags(&self) -> Option<String> {
        self.tags
            .as_deref()
            .map(|tags| serde_json::json!(tags).to_string())
    }
}

fn without_repetitions(tags: Vec<String>) -> Vec<String> {
    let mut each = Vec::with_capacity(tags.len());
    for tag in tags {
        if !each.contains(&tag) {
            each.push(tag);
        }
    }
    each
}

/// A tag, and how many conversations have it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TagCount {
    tag: String,
    count: i64,
}

impl FromRow for TagCount {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            tag: row.get("tag")?,
            count: row.get("count")?,
        })
    }
}

/// The tags of a user's conversations.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tags {
    /// The most used ones first, 200 at most.
    results: Vec<TagCount>,
}

/// Lists the 200 most used tags, with how many conversations have each.
#[utoipa::path(
    get,
    path = "/api/tags/",
    tag = "conversations",
    responses((status = 200, description = "The tags.", body = Tags)),
)]
pub async fn list_tags(CurrentUser(user): CurrentUser, State(db): State<Db>) -> Result<Json<Tags>> {
    let results = repository::list_tags(&db, user.id).await?;
    Ok(Json(Tags { results }))
}
