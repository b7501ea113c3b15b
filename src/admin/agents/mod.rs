//! Everybody's agents: the list of them, and a page for each.

mod handlers;
mod list;
mod repository;

use axum::Router;
use axum::routing::get;

use super::{Pages, lists};
use crate::app::App;

/// The pages of this room.
pub fn router() -> Router<App> {
    lists::router::<list::Agents>()
        .page("/admin/agents/{id}/", get(handlers::find))
        .page(
            "/admin/agents/{owner}/{id}/",
            get(handlers::show).post(handlers::update),
        )
}
