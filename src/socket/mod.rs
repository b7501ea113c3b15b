//! `/ws/chat/`: live answers over a WebSocket. One socket watches any number of conversations, says things in them and
//! stops answers.
//!
//! A socket is one task with three things to do at once: it [listens](listener) to the client, [writes](writer) to it,
//! and [looks](session) whether it may go on. What is written comes out of the turns themselves (see
//! [`subscription`]) and only when the frame before it has gone, so a slow client costs no memory, and none can hold
//! up the turn, the other clients, or its own commands.

mod commands;
mod frames;
mod goodbye;
mod limits;
mod listener;
mod refusal;
mod reply;
mod session;
mod subscription;
mod upgrade;
mod writer;

use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use limits::Patience;

use crate::app::App;
use crate::http::openapi::DocumentedEndpoints;

/// The paths of this room. They need no token: whoever opens a socket proves who they are on it.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(frames::Frames::openapi())
        .endpoint(routes!(upgrade::open))
        .endpoint(routes!(upgrade::open_watching))
}
