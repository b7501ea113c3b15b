//! Messages: what was said in a user's conversations. They come about by saying something there, so here they are
//! read and rated.

mod body;
mod document;
mod excerpt;
mod handlers;
mod model;
pub mod repository;
pub mod tree;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use body::{MessageBody, ToldMessage};
pub use excerpt::MOST;
pub use model::{ErrorCode, Message, Status};

use crate::app::App;
use crate::http::openapi::DocumentedEndpoints;

/// The paths of this room.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .endpoint(routes!(handlers::list))
        .endpoint(routes!(handlers::show))
        .endpoint(routes!(handlers::list_by_cursor))
        .endpoint(routes!(handlers::versions))
        .endpoint(routes!(handlers::give_feedback))
}
