//! Which conversations a list is to show.

use axum::http::Uri;
use uuid::Uuid;

use super::marks::TAG;
use crate::db::Query;
use crate::error::Result;
use crate::http::cursor::{Window, parameters};
use crate::http::fields::{Boolean, Reference, Text};

/// What the conversations of a list have in common; `None` leaves it open.
#[derive(Debug, Default)]
pub struct Filters {
    is_archived: Option<bool>,
    is_pinned: Option<bool>,
    agent: Option<Uuid>,
    /// A part of the title, in capitals or not.
    title: Option<String>,
    tag: Option<String>,
}

impl Filters {
    /// Reads the parameters of an address, and which part of the list is asked for, if that is told by a cursor.
    ///
    /// # Errors
    /// All faulty parameters.
    pub fn read(uri: &Uri) -> Result<(Self, Option<Window>)> {
        const TITLE: Text = Text {
            keeps_space: true,
            ..Text::new(200)
        };
        let mut form = parameters(uri.query());
        let filters = Self {
            is_archived: form.optional("archived", &Boolean),
            is_pinned: form.optional("pinned", &Boolean),
            agent: form.optional("agent", &Reference),
            title: form.optional("q", &TITLE),
            tag: form.optional("tag", &TAG),
        };
        let window = Window::read(&mut form);
        form.finish()?;
        Ok((filters, window))
    }

    /// Binds the next five parameters of a statement.
    pub fn bind<'c>(&self, query: Query<'c>) -> Query<'c> {
        query
            .bind(self.is_archived)
            .bind(self.is_pinned)
            .bind(self.agent)
            .bind(self.title.clone())
            .bind(self.tag.clone())
    }
}
