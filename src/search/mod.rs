//! Search over what a user and the user's agents have said, and over the titles of conversations.
//!
//! The database keeps the index by itself: triggers of migration `0006_search` write it in the transaction that writes the
//! row, whoever writes it. A search takes the newest matches from it, a window at a time, and ranks them here, the same way
//! for both databases; so it costs the same however many there are.

mod handlers;
mod model;
mod query;
mod ranking;
mod repository;
mod snippet;
mod words;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use query::Query;

use crate::app::App;
use crate::http::openapi::DocumentedEndpoints;

/// The path of this room.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().endpoint(routes!(handlers::search))
}
