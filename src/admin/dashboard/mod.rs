//! How things stand, at a glance.

mod chart;
mod fresh;
mod handlers;
mod model;
mod repository;

use axum::Router;
use axum::routing::get;

use crate::app::App;
use crate::models::ProviderModels;
use fresh::Fresh;
use model::{Day, Totals};

/// What the first page shows, found out once in a while however often somebody looks. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Dashboard {
    totals: Fresh<Totals>,
    days: Fresh<Vec<Day>>,
    providers: Fresh<Vec<ProviderModels>>,
}

/// The first page.
pub fn router() -> Router<App> {
    Router::new().route("/admin/", get(handlers::show))
}
