//! The administration at `/admin/`: pages for staff, rendered here, that work without scripts.
//!
//! Every page comes through the same doors: [`dress`](page::dress) adds the headers and draws refusals as pages, the
//! layer against forged requests looks at where a request comes from, and [`require_staff`](staff::require_staff) lets
//! only staff pass and, of requests that change something, only those with the token of their session.

mod agents;
mod assets;
mod audit;
mod conversations;
mod cookies;
mod dashboard;
mod lists;
mod messages;
mod page;
mod refusal;
mod secret;
mod sessions;
mod staff;
mod submission;
mod users;

use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get};
use axum::{Router, middleware};
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::{CsrfLayer, ProtectionError};

pub use dashboard::Dashboard;

use crate::app::{App, on_panic};
use crate::telemetry;
use refusal::Refusal;

/// All pages, if the administration is switched on.
pub fn router(app: &App) -> Router {
    if !app.config.server.admin_enabled {
        return Router::new();
    }
    let protected = Router::new()
        .merge(dashboard::router())
        .merge(users::router())
        .merge(lists::router::<users::list::Users>())
        .merge(agents::router())
        .merge(conversations::router())
        .merge(messages::router())
        .merge(audit::router())
        .merge(sessions::router())
        .route_layer(middleware::from_fn_with_state(
            app.clone(),
            staff::require_staff,
        ));
    let pages = Router::new()
        .merge(protected)
        .merge(sessions::public_router())
        .merge(users::public_router())
        .merge(assets::router())
        .route("/admin", get(|| async { Redirect::permanent("/admin/") }))
        // Django's, which people have among their bookmarks.
        .route(
            "/admin/login/",
            get(|| async { Redirect::permanent("/admin/sign-in/") }),
        )
        .route("/admin/{*rest}", axum::routing::any(nothing_here))
        .route_layer(MapRequestLayer::new(telemetry::note_route))
        .with_state(app.clone());
    pages
        .layer(CsrfLayer::new().with_rejection_response(forged))
        .layer(CatchPanicLayer::custom(on_panic))
        .layer(middleware::from_fn_with_state(app.clone(), page::dress))
}

async fn nothing_here() -> Refusal {
    Refusal::not_found()
}

fn forged(_: ProtectionError) -> Response {
    let text = "This request was sent by another site's page. Open the page here and try again.";
    Refusal::new(StatusCode::FORBIDDEN, text).into_response()
}

/// Adds pages to the administration.
pub trait Pages {
    /// Serves `methods` at `path`, which ends in a slash, and sends on to it who leaves out the slash.
    #[must_use]
    fn page(self, path: &str, methods: MethodRouter<App>) -> Self;
}

impl Pages for Router<App> {
    fn page(self, path: &str, methods: MethodRouter<App>) -> Self {
        self.route(path, methods)
            .route(path.trim_end_matches('/'), get(add_slash))
    }
}

async fn add_slash(uri: Uri) -> Redirect {
    let query = uri.query().map(|query| format!("?{query}"));
    Redirect::permanent(&format!("{}/{}", uri.path(), query.unwrap_or_default()))
}
