//! Everybody's conversations: the list of them, and a page for each.

mod handlers;
mod list;
mod repository;
pub(super) mod title;

use axum::Router;
use axum::routing::get;

use super::{Pages, lists};
use crate::app::App;

/// The pages of this room.
pub fn router() -> Router<App> {
    lists::router::<list::Conversations>()
        .page("/admin/conversations/{id}/", get(handlers::find))
        .page(
            "/admin/conversations/{owner}/{id}/",
            get(handlers::show).post(handlers::update),
        )
}
