//! The first page.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::IntoResponse;

use super::chart::{Chart, HEIGHT, WIDTH};
use super::model::{Day, Totals};
use super::repository;
use crate::admin::page::{Frame, Page, Section};
use crate::admin::refusal::Result;
use crate::admin::staff::Staff;
use crate::app::App;
use crate::models::ProviderModels;

#[derive(Template)]
#[template(path = "dashboard/show.html")]
struct DashboardPage {
    frame: Frame,
    running: i64,
    /// `None` of these is not known yet.
    totals: Option<Arc<Totals>>,
    days: Option<Arc<Vec<Day>>>,
    providers: Option<Arc<Vec<ProviderModels>>>,
}

impl DashboardPage {
    fn charts(&self, days: &[Day]) -> [Chart; 3] {
        [
            Chart::new("Sign-ups", days, |counts| counts.sign_ups),
            Chart::new("Messages", days, |counts| counts.messages),
            Chart::new("Tokens", days, |counts| counts.tokens),
        ]
    }
}

pub async fn show(State(app): State<App>, staff: Staff) -> Result<impl IntoResponse> {
    let (board, tasks) = (&app.dashboard, &app.tasks);
    let db = app.db.clone();
    let totals = async move { told(repository::totals(&db).await) };
    let db = app.db.clone();
    let days = async move { told(repository::days(&db).await) };
    let catalog = app.catalog.clone();
    let providers = async move { Some(catalog.list().await) };
    let (totals, days, providers) = tokio::join!(
        board.totals.get(tasks, totals),
        board.days.get(tasks, days),
        board.providers.get(tasks, providers),
    );
    Ok(Page(DashboardPage {
        frame: staff.frame(Section::Dashboard),
        running: repository::running(&app.db).await?,
        totals,
        days,
        providers,
    }))
}

fn told<T>(counted: sqlx::Result<T>) -> Option<T> {
    counted
        .inspect_err(
            |error| tracing::warn!(%error, "the figures of the dashboard could not be counted"),
        )
        .ok()
}
