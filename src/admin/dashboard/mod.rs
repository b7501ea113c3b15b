//! How things stand, at a glance.

mod handlers;

use axum::Router;
use axum::routing::get;

use crate::app::App;

/// The first page.
pub fn router() -> Router<App> {
    Router::new().route("/admin/", get(handlers::show))
}
