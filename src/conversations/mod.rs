//! Conversations of users with their agents, and what is said in them.

mod handlers;
mod model;
pub mod repository;
pub mod turn;
mod turn_repository;

use axum::Router;
use axum::routing::{get, post};

pub use model::{Conversation, ConversationBody, ConversationDetail};

use crate::app::App;
use crate::http::route::Endpoints;

/// The paths of this room.
pub fn router() -> Router<App> {
    Router::new()
        .endpoint(
            "/api/conversations/",
            get(handlers::list).post(handlers::create),
        )
        .endpoint(
            "/api/conversations/{id}/",
            get(handlers::show)
                .put(handlers::replace)
                .patch(handlers::update)
                .delete(handlers::delete),
        )
        .endpoint(
            "/api/conversations/{id}/send_message/",
            post(handlers::send_message),
        )
}
