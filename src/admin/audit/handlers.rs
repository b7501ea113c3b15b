//! The pages of the log.

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::IntoResponse;
use serde_json::{Map, Value};

use super::model::Record;
use super::repository::{self, Filter};
use crate::admin::page::{Frame, Page, Section, filters};
use crate::admin::refusal::Result;
use crate::admin::staff::Staff;
use crate::app::App;
use crate::http::fields::{Form, Reference, Text};

/// How many entries a page shows.
const SIZE: usize = 50;

#[derive(Template)]
#[template(path = "audit/list.html")]
struct ListPage {
    frame: Frame,
    filter: Filter,
    records: Vec<Record>,
    /// Where the next page is.
    next: Option<String>,
}

/// Text in a filter.
const WORD: Text = Text::new(254);

/// The parameters of an address without those that a form sends blank.
fn submitted(uri: &Uri) -> Form {
    let query = uri.query().unwrap_or_default();
    let fields: Map<String, Value> = form_urlencoded::parse(query.as_bytes())
        .filter(|(_, value)| !value.trim().is_empty())
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    Form::new(fields)
}

pub async fn list(State(app): State<App>, staff: Staff, uri: Uri) -> Result<impl IntoResponse> {
    let mut form = submitted(&uri);
    let filter = Filter {
        actor: form.optional("actor", &WORD),
        action: form.optional("action", &WORD),
        object_type: form.optional("type", &WORD),
        object: form.optional("object", &Reference),
        before: form.optional("before", &Reference),
    };
    form.finish()?;
    let mut records = repository::list(&app.db, &filter, SIZE as i64 + 1).await?;
    let is_last = records.len() <= SIZE;
    records.truncate(SIZE);
    let next = records
        .last()
        .filter(|_| !is_last)
        .map(|last| next_page(&filter, last));
    Ok(Page(ListPage {
        frame: staff.frame(Section::Audit),
        filter,
        records,
        next,
    }))
}

fn next_page(filter: &Filter, last: &Record) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let filters = [
        ("actor", filter.actor.clone()),
        ("action", filter.action.clone()),
        ("type", filter.object_type.clone()),
        ("object", filter.object.map(|id| id.to_string())),
    ];
    for (name, value) in filters {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    }
    query.append_pair("before", &last.id.to_string());
    format!("/admin/audit/?{}", query.finish())
}
