//! Everybody's agents: the list of them, and a page for each.

mod list;
mod repository;

use axum::Router;

use super::lists;
use crate::app::App;

/// The pages of this room.
pub fn router() -> Router<App> {
    lists::router::<list::Agents>()
}
