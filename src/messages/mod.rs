//! Messages: what was said in a user's conversations. They come about by saying something there, so here they are
//! read and rated.

mod body;
mod excerpt;
mod handlers;
mod model;
pub mod repository;
pub mod tree;

use axum::Router;
use axum::routing::{get, put};

pub use body::{MessageBody, ToldMessage};
pub use excerpt::MOST;
pub use model::{ErrorCode, Message, Status};

use crate::app::App;
use crate::http::route::Endpoints;

/// The paths of this room.
pub fn router() -> Router<App> {
    Router::new()
        .endpoint("/api/messages/", get(handlers::list))
        .endpoint("/api/messages/{id}/", get(handlers::show))
        .endpoint(
            "/api/conversations/{id}/messages/",
            get(handlers::list_by_cursor),
        )
        .endpoint(
            "/api/conversations/{id}/messages/{message}/versions/",
            get(handlers::versions),
        )
        .endpoint(
            "/api/conversations/{id}/messages/{message}/feedback/",
            put(handlers::give_feedback),
        )
}
