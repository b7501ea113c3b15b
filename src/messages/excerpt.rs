//! Parts of long conversations, as front ends load them: the newest messages first, then what is before.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::body::ListedBody;
use super::model::Listed;
use super::repository::{self, Position, Stretch};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::fields::{Form, Integer, Reference};

/// How many messages one request gets at most.
pub const MOST: i64 = 200;

/// How many it gets if it does not say.
const DEFAULT: i64 = 50;

/// Which part of a conversation is asked for.
pub struct Excerpt {
    limit: i64,
    cursor: Cursor,
}

enum Cursor {
    End,
    Before(Uuid),
    After(Uuid),
}

impl Excerpt {
    /// Reads `limit`, `before` and `after`. Of what is faulty the form knows.
    pub fn read(form: &mut Form) -> Self {
        let mut this = Self::read_before(form);
        if let Some(id) = form.optional("after", &Reference) {
            if form.has("before") {
                form.reject("after", "Give either before or after, not both.");
            }
            this.cursor = Cursor::After(id);
        }
        this
    }

    /// Reads `limit` and `before`.
    pub fn read_before(form: &mut Form) -> Self {
        let limit = Integer { min: 1, max: MOST };
        Self {
            limit: form.optional("limit", &limit).unwrap_or(DEFAULT),
            cursor: form
                .optional("before", &Reference)
                .map_or(Cursor::End, Cursor::Before),
        }
    }

    /// The messages, oldest first, and whether there are more in the direction that was asked for.
    ///
    /// # Errors
    /// `NotFound` if the user has no such conversation; `Invalid` if it has no such message as the cursor names.
    pub async fn fetch(
        &self,
        db: &Db,
        owner: Uuid,
        conversation: Uuid,
    ) -> Result<(Vec<Listed>, bool)> {
        let (name, id) = match self.cursor {
            Cursor::End => ("", None),
            Cursor::Before(id) => ("before", Some(id)),
            Cursor::After(id) => ("after", Some(id)),
        };
        let position = repository::find_position(db, owner, conversation, id)
            .await?
            .ok_or(Error::NotFound)?;
        let position = match id {
            None => Position::END,
            Some(_) => position.ok_or_else(|| {
                Error::field(name, "There is no such message in this conversation.")
            })?,
        };
        let stretch = match self.cursor {
            Cursor::End | Cursor::Before(_) => Stretch::Before(position),
            Cursor::After(_) => Stretch::After(position),
        };
        // One more than asked for, to see whether there are more.
        let mut messages =
            repository::list_stretch(db, owner, conversation, stretch, self.limit + 1).await?;
        let has_more = i64::try_from(messages.len()).is_ok_and(|length| length > self.limit);
        if has_more {
            match stretch {
                Stretch::Before(_) => drop(messages.remove(0)),
                Stretch::After(_) => drop(messages.pop()),
            }
        }
        Ok((messages, has_more))
    }

    /// What was asked for as the API shows it.
    pub fn body(&self, messages: Vec<Listed>, has_more: bool) -> ExcerptBody {
        let id = |listed: &Listed| listed.message.id;
        let (first, last) = (messages.first().map(id), messages.last().map(id));
        let (before, after) = match self.cursor {
            Cursor::End | Cursor::Before(_) => (first.filter(|_| has_more), last),
            // Before what comes after a message is that message.
            Cursor::After(id) => (first, last.or(Some(id))),
        };
        ExcerptBody {
            has_more,
            before,
            after,
            results: messages.into_iter().map(ListedBody::from).collect(),
        }
    }
}

/// Part of a conversation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Excerpt)]
pub struct ExcerptBody {
    /// Oldest first.
    results: Vec<ListedBody>,
    /// Whether there are more in the direction that was asked for.
    has_more: bool,
    /// The cursor to what is before, if there is anything.
    #[schema(required)]
    before: Option<Uuid>,
    /// The cursor to what comes after, now or later.
    #[schema(required)]
    after: Option<Uuid>,
}
