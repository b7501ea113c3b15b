//! Uploaded files: what is made of them, where they are kept, and handing them out. They are public, to whoever knows the
//! name of one.

mod avatar;
mod handlers;
mod picture;
mod store;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use avatar::{Avatar, AvatarFile};
pub use picture::Pictures;
pub use store::{Media, MediaError};

use crate::app::App;
use crate::http::openapi::DocumentedEndpoints;

/// The paths of this room. They need no token, because pages show pictures by their address alone.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().endpoint(routes!(handlers::avatar))
}
