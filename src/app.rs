//! The shared state, and all routes with the layers around them.

use std::sync::Arc;

use axum::extract::FromRef;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use serde_json::{Value, json};
use tower_http::catch_panic::CatchPanicLayer;

use crate::admin::Dashboard;
use crate::archive::Imports;
use crate::auth::{self, Passwords, Tokens};
use crate::config::Config;
use crate::db::Db;
use crate::error::Error;
use crate::http::origin::Origin;
use crate::http::route::{Endpoints, allow_options, refuse_empty_segments};
use crate::http::{accept, cors, drain, guard};
use crate::live::Hub;
use crate::llm::Providers;
use crate::media::{self, Media, MediaError};
use crate::models::{self, Catalog};
use crate::socket::{self, Patience};
use crate::tasks::Tasks;
use crate::{
    admin, agents, archive, chat, conversations, health, messages, search, shares, telemetry, users,
};

/// What handlers work with. Cheap to clone; all clones are one.
#[derive(Clone, FromRef)]
pub struct App {
    pub config: Arc<Config>,
    pub db: Db,
    pub llm: Providers,
    pub catalog: Catalog,
    pub tokens: Tokens,
    pub passwords: Passwords,
    pub media: Media,
    pub tasks: Tasks,
    pub live: Hub,
    pub patience: Patience,
    pub imports: Imports,
    pub dashboard: Dashboard,
}

impl App {
    /// Puts the parts together.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn new(config: Config, db: Db, llm: Providers) -> Result<Self, StartError> {
        let secret = config
            .auth
            .jwt_secret
            .resolve()
            .map_err(StartError::Secret)?;
        let tasks = Tasks::default();
        Ok(Self {
            live: Hub::new(db.clone(), tasks.draining().clone()),
            db,
            catalog: Catalog::new(llm.clone()),
            llm,
            tokens: Tokens::new(&config.auth, &secret),
            passwords: Passwords::new(&config.auth)?,
            media: Media::new(&config.media).map_err(StartError::Media)?,
            tasks,
            patience: Patience::default(),
            imports: Imports::default(),
            dashboard: Dashboard::default(),
            config: Arc::new(config),
        })
    }
}

/// Why a server cannot start although its settings are each right.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The costs configured for password hashing do not go together.
    #[error("the ARGON2_… settings do not go together: {0}")]
    Costs(#[from] argon2::password_hash::Error),
    /// The secret that signs tokens was not set, and none could be kept in a file.
    #[error("JWT_SECRET_KEY is not set, and no secret could be kept in a file instead: {0}")]
    Secret(std::io::Error),
    /// Uploaded files cannot be kept where they should be.
    #[error("MEDIA_ROOT, or AWS_STORAGE_BUCKET_NAME and what goes with it, cannot be used: {0}")]
    Media(MediaError),
}

/// All routes. In the order of the contract: preflight, unknown path, `Accept`, token, method, and then the handler.
pub fn router(app: App) -> Router {
    let require_user = middleware::from_fn_with_state(app.clone(), auth::require_user);
    let require_user_or_ticket =
        middleware::from_fn_with_state(app.clone(), auth::require_user_or_ticket);
    let open = auth::public_router()
        .merge(health::router())
        .merge(shares::public_router());
    let protected = Router::new()
        .endpoint("/api/", get(root))
        .merge(auth::router())
        .merge(users::router())
        .merge(agents::router())
        .merge(conversations::router())
        .merge(shares::router())
        .merge(messages::router())
        .merge(chat::router())
        .merge(models::router())
        .merge(search::router())
        .merge(archive::router())
        .route_layer(require_user.clone());
    let streaming = conversations::streaming_router()
        .merge(agents::streaming_router())
        .merge(chat::streaming_router())
        .route_layer(require_user)
        .merge(
            conversations::event_source_router()
                .merge(archive::download_router())
                .route_layer(require_user_or_ticket),
        );
    let routes = open
        .merge(protected)
        .route_layer(middleware::from_fn(accept::require_json))
        .merge(streaming.route_layer(middleware::from_fn(accept::require_json_or_events)))
        // Who is there is proved on the socket, and there is nothing to accept.
        .merge(socket::router())
        // Pages ask for pictures, not for JSON.
        .merge(media::router())
        .fallback(|| async { Error::NotFound })
        .with_state(app.clone());
    let origins: Arc<[String]> = app.config.server.cors_allowed_origins.clone().into();
    // The routes are a service of their own, because axum adds `Allow` outside of all layers of its routes.
    let api = Router::new()
        .fallback_service(routes)
        .layer(middleware::from_fn(refuse_empty_segments))
        .layer(middleware::map_response(allow_options))
        .layer(CatchPanicLayer::custom(on_panic));
    let guarded = |routes: Router| {
        let guard = middleware::from_fn_with_state(app.config.clone(), guard::guard);
        routes.layer(middleware::from_fn(drain::drain)).layer(guard)
    };
    let cors = middleware::from_fn_with_state(origins, cors::cors);
    // No other site's pages get to see the administration's.
    guarded(admin::router(&app))
        .fallback_service(guarded(api).layer(cors))
        .layer(middleware::from_fn(telemetry::trace))
}

/// The collections and where they are.
async fn root(Origin(origin): Origin) -> Json<Value> {
    let at = |room: &str| format!("{origin}/api/{room}/");
    Json(json!({
        "users": at("users"),
        "agents": at("agents"),
        "conversations": at("conversations"),
        "messages": at("messages"),
    }))
}

/// What a request gets whose handler panicked.
pub fn on_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Error::Internal(format!("a handler panicked: {text}").into()).into_response()
}
