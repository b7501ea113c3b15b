//! The log of what was done in the administration: who, when, what, from where.

mod handlers;
mod model;
mod repository;

use axum::Router;
use axum::routing::get;

use super::Pages;
use crate::app::App;

pub use model::{Entry, Object, Record};
pub use repository::{of_object, write};

/// The pages of the log.
pub fn router() -> Router<App> {
    Router::new().page("/admin/audit/", get(handlers::list))
}
