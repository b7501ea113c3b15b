//! The pages of a list.

use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};

use super::asked::Asked;
use super::bulk::{Chosen, Tally};
use super::csv::csv;
use super::view::{DeletePage, ListPage};
use super::{Model, reading};
use crate::admin::audit::{self, Object};
use crate::admin::page::{Page, go};
use crate::admin::refusal::{Refusal, Result};
use crate::admin::staff::Staff;
use crate::admin::submission::Submission;
use crate::app::App;
use crate::db::Db;

pub async fn show<M: Model>(
    State(db): State<Db>,
    staff: Staff,
    uri: Uri,
) -> Result<impl IntoResponse> {
    let asked = read_asked::<M>(&staff, &uri)?;
    let extra = M::prepare(&db, &asked).await?;
    let part = reading::read::<M>(&db, &asked, &extra, asked.size).await?;
    let count = reading::count::<M>(&db, &asked, &extra, &part).await?;
    if asked.with_contents {
        let what = Object::many("message", "list with contents");
        let entry = staff.entry("message.read", what);
        let entry = entry
            .fact("rows", part.rows.len())
            .fact("query", asked.query_with(&[]));
        audit::write(&db, entry).await?;
    }
    Ok(Page(ListPage::new::<M>(
        &staff,
        &asked,
        &part,
        count.as_ref(),
    )))
}

/// The whole list, not only the page.
pub async fn download<M: Model>(State(db): State<Db>, staff: Staff, uri: Uri) -> Result<Response> {
    let asked = read_asked::<M>(&staff, &uri)?;
    let extra = M::prepare(&db, &asked).await?;
    let what = Object::many(M::NAMES.one, "list as CSV");
    let entry = staff.entry(M::NAMES.download, what);
    audit::write(&db, entry.fact("query", asked.query_with(&[]))).await?;
    Ok(csv::<M>(db, asked, extra))
}

fn read_asked<M: Model>(staff: &Staff, uri: &Uri) -> Result<Asked> {
    let asked = Asked::read(&M::SHAPE, uri)?;
    if asked.with_contents {
        if !M::NAMES.has_contents {
            return Err(Refusal::bad("contents: This list has none."));
        }
        staff.require_reader()?;
    }
    Ok(asked)
}

/// Does to all that is chosen what was asked for, or asks before it deletes.
pub async fn act<M: Model>(
    State(app): State<App>,
    staff: Staff,
    submission: Submission,
) -> Result<Response> {
    let chosen = Chosen::of_form(&submission)?;
    let name = submission.get("action");
    if name == "delete" {
        return ask::<M>(&app.db, &staff, chosen, submission.get("back")).await;
    }
    let action = M::ACTIONS.iter().find(|action| action.name == name);
    let action = action.ok_or_else(|| Refusal::bad("action: There is no such choice."))?;
    let mut tally = Tally::default();
    let mut tx = app.db.begin().await?;
    for chosen in chosen {
        tally.note(M::act(&mut tx, &staff, action.name, chosen).await)?;
    }
    tx.commit().await?;
    let list = list_with::<M>(submission.get("back"));
    Ok(go(&list, tally.sentence(action.done, &M::NAMES)))
}

/// Asks before it deletes what is named in the address.
pub async fn ask_to_delete<M: Model>(
    State(db): State<Db>,
    staff: Staff,
    uri: Uri,
) -> Result<Response> {
    let fields: Vec<_> = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .filter(|(name, _)| name == "chosen")
        .map(|(_, value)| value)
        .collect();
    let chosen = Chosen::all(fields.iter().map(|value| &**value))?;
    ask::<M>(&db, &staff, chosen, "").await
}

async fn ask<M: Model>(
    db: &Db,
    staff: &Staff,
    chosen: Vec<Chosen>,
    back: &str,
) -> Result<Response> {
    let preview = M::preview(db, &chosen).await?;
    if preview.labels.is_empty() {
        return Err(Refusal::not_found());
    }
    let page = DeletePage {
        frame: staff.frame(M::SECTION),
        path: M::PATH,
        names: M::NAMES,
        chosen,
        preview,
        back: back.to_owned(),
    };
    Ok(Page(page).into_response())
}

/// Deletes what was chosen and confirmed, each object by itself, so that nobody waits long for the database meanwhile.
pub async fn delete<M: Model>(
    State(app): State<App>,
    staff: Staff,
    submission: Submission,
) -> Result<Response> {
    let chosen = Chosen::of_form(&submission)?;
    let mut tally = Tally::default();
    for chosen in chosen {
        tally.note(M::delete(&app, &staff, chosen).await)?;
    }
    let list = list_with::<M>(submission.get("back"));
    Ok(go(&list, tally.sentence("Deleted", &M::NAMES)))
}

/// The list that somebody came from, narrowed and sorted as it was.
fn list_with<M: Model>(query: &str) -> String {
    let parameters = form_urlencoded::parse(query.as_bytes());
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{mark}{query}", M::PATH)
}
