//! The page of a message.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use uuid::Uuid;

use super::repository::{self, Detail};
use crate::admin::audit::{self, Object, Record};
use crate::admin::page::{Frame, Page, Section, filters};
use crate::admin::refusal::{Refusal, Result};
use crate::admin::staff::Staff;
use crate::app::App;
use crate::http::path::{Id, Ids};

#[derive(Template)]
#[template(path = "messages/show.html")]
struct ShowPage {
    frame: Frame,
    message: Detail,
    owner: Uuid,
    may_read: bool,
    records: Vec<Record>,
}

/// For those who know only the id.
pub async fn find(State(app): State<App>, _: Staff, Id(id): Id) -> Result<Redirect> {
    let owner = repository::find_owner(&app.db, id).await?;
    let owner = owner.ok_or_else(Refusal::not_found)?;
    Ok(Redirect::to(&format!("/admin/messages/{owner}/{id}/")))
}

/// That the content was read is written down before it is shown.
pub async fn show(
    State(app): State<App>,
    staff: Staff,
    Ids(owner, id): Ids,
) -> Result<impl IntoResponse> {
    let may_read = staff.may_read_messages();
    let message = repository::find(&app.db, owner, id, may_read).await?;
    let message = message.ok_or_else(Refusal::not_found)?;
    if may_read {
        let what = Object::new(
            "message",
            id,
            format!("{} in {}", message.role, message.title),
        );
        audit::write(&app.db, staff.entry("message.read", what)).await?;
    }
    Ok(Page(ShowPage {
        frame: staff.frame(Section::Messages),
        records: audit::of_object(&app.db, id).await?,
        message,
        owner,
        may_read,
    }))
}
