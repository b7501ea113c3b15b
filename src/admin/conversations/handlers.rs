//! The page of a conversation, and what can be changed there.

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use uuid::Uuid;

use super::repository::{self, Line};
use crate::admin::audit::{self, Object, Record};
use crate::admin::lists::Kind;
use crate::admin::lists::place::{Key, Place};
use crate::admin::page::{Frame, Page, Section, encode, filters, go};
use crate::admin::refusal::{Refusal, Result};
use crate::admin::staff::Staff;
use crate::admin::submission::{Errors, Submission};
use crate::admin::users;
use crate::agents;
use crate::app::App;
use crate::conversations::{self, Conversation, ConversationChanges, Marks, TITLE};
use crate::error::Error;
use crate::http::path::{Id, Ids, query_value};

/// How many messages a page shows.
const SIZE: usize = 100;

#[derive(Template)]
#[template(path = "conversations/show.html")]
struct ShowPage {
    frame: Frame,
    conversation: Conversation,
    owner: Uuid,
    email: String,
    agent: String,
    lines: Vec<Line>,
    is_first: bool,
    /// Where the page with the messages behind these is.
    next: Option<String>,
    may_read: bool,
    /// What the form shows.
    title: String,
    errors: Errors,
    records: Vec<Record>,
}

/// The path of a conversation's page.
fn path(owner: Uuid, id: Uuid) -> String {
    format!("/admin/conversations/{owner}/{id}/")
}

/// For those who know only the id.
pub async fn find(State(app): State<App>, _: Staff, Id(id): Id) -> Result<Redirect> {
    let owner = repository::find_owner(&app.db, id).await?;
    let owner = owner.ok_or_else(Refusal::not_found)?;
    Ok(Redirect::to(&path(owner, id)))
}

pub async fn show(
    State(app): State<App>,
    staff: Staff,
    Ids(owner, id): Ids,
    uri: Uri,
) -> Result<impl IntoResponse> {
    let after = match query_value(&uri, "after") {
        None => None,
        Some(text) => Some(
            Place::decode(Kind::Time, &text)
                .ok_or_else(|| Refusal::bad("after: This is no place in the conversation."))?,
        ),
    };
    Ok(Page(page(&app, &staff, owner, id, after).await?))
}

/// The page with the messages behind a place. That they were read is written down before they are shown.
async fn page(
    app: &App,
    staff: &Staff,
    owner: Uuid,
    id: Uuid,
    after: Option<Place>,
) -> Result<ShowPage> {
    let conversation = conversations::repository::find(&app.db, owner, id).await?;
    let mut conversation = conversation.ok_or_else(Refusal::not_found)?;
    let title = repository::find_title(&app.db, owner, id).await?;
    conversation.title = title.ok_or_else(Refusal::not_found)?;
    let account = users::repository::find(&app.db, owner).await?;
    let agent = agents::repository::find(&app.db, owner, conversation.agent_id).await?;
    let may_read = staff.may_read_messages();
    let is_first = after.is_none();
    let after = after.unwrap_or_else(|| Place::least(Kind::Time));
    let mut lines =
        repository::list_lines(&app.db, owner, id, &after, SIZE as i64 + 1, may_read).await?;
    let is_last = lines.len() <= SIZE;
    lines.truncate(SIZE);
    let next = lines.last().filter(|_| !is_last).map(|last| {
        let place = Place {
            key: Key::Time(last.created_at),
            id: last.id,
        };
        format!("{}?after={}", path(owner, id), encode(&place.encode()))
    });
    if may_read && !lines.is_empty() {
        let what = Object::new("conversation", id, &conversation.title);
        let entry = staff.entry("message.read", what);
        audit::write(&app.db, entry.fact("messages", lines.len())).await?;
    }
    Ok(ShowPage {
        frame: staff.frame(Section::Conversations),
        owner,
        email: account.map(|account| account.email).unwrap_or_default(),
        agent: agent.map(|agent| agent.name).unwrap_or_default(),
        lines,
        is_first,
        next,
        may_read,
        title: conversation.title.clone(),
        errors: Errors::default(),
        records: audit::of_object(&app.db, id).await?,
        conversation,
    })
}

/// Gives a conversation another title.
pub async fn update(
    State(app): State<App>,
    staff: Staff,
    Ids(owner, id): Ids,
    submission: Submission,
) -> Result<Response> {
    let mut form = submission.form();
    let title = form.required("title", &TITLE);
    let title = match form.complete(title) {
        Ok(title) => title,
        Err(Error::Invalid(errors)) => {
            let mut page = page(&app, &staff, owner, id, None).await?;
            page.title = submission.get("title").to_owned();
            page.errors = Errors(errors);
            return Ok((StatusCode::BAD_REQUEST, Page(page)).into_response());
        }
        Err(error) => return Err(error.into()),
    };
    let mut tx = app.db.begin().await?;
    let before = repository::find_title(&mut tx, owner, id).await?;
    let before = before.ok_or_else(Refusal::not_found)?;
    let entry = staff
        .entry(
            "conversation.update",
            Object::new("conversation", id, &title),
        )
        .change("title", before, title.clone());
    if !entry.is_empty() {
        let changes = ConversationChanges {
            agent_id: None,
            title: Some(title),
            marks: Marks::default(),
        };
        let after = conversations::repository::update(&mut tx, owner, id, changes).await?;
        after.ok_or_else(Refusal::not_found)?;
        audit::write(&mut tx, entry).await?;
        tx.commit().await?;
    }
    Ok(go(&path(owner, id), "The conversation is saved."))
}
