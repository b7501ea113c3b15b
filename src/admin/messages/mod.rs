//! Everybody's messages: the list of them, and a page for each.

mod handlers;
mod list;
mod matching;
mod repository;

use axum::Router;
use axum::routing::get;

use super::{Pages, lists};
use crate::app::App;

/// The pages of this room.
pub fn router() -> Router<App> {
    lists::router::<list::Messages>()
        .page("/admin/messages/{id}/", get(handlers::find))
        .page("/admin/messages/{owner}/{id}/", get(handlers::show))
}
