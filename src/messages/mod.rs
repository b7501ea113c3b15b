//! Messages: what was said in a user's conversations. They come about by saying something there, so here they are
//! only read.

mod handlers;
mod model;
pub mod repository;
pub mod tree;

use axum::Router;
use axum::routing::get;

pub use model::{ErrorCode, Message, MessageBody, Status};

use crate::app::App;
use crate::http::route::Endpoints;

/// The paths of this room.
pub fn router() -> Router<App> {
    Router::new()
        .endpoint("/api/messages/", get(handlers::list))
        .endpoint("/api/messages/{id}/", get(handlers::show))
}
