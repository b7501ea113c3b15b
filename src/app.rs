//! The shared state, and all routes with the layers around them.

use std::sync::Arc;

use axum::extract::FromRef;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, middleware};
use serde::Serialize;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::admin::Dashboard;
use crate::archive::Imports;
use crate::auth::{self, Passwords, Tokens};
use crate::config::Config;
use crate::db::Db;
use crate::error::Error;
use crate::http::connection::Timeouts;
use crate::http::openapi::DocumentedEndpoints;
use crate::http::openapi::responses::NotAcceptable;
use crate::http::openapi::{ACCESS_TOKEN, Layers, TICKET};
use crate::http::origin::Origin;
use crate::http::route::{allow_options, refuse_empty_segments};
use crate::http::{accept, cors, drain, guard, head};
use crate::limits::Limits;
use crate::live::Hub;
use crate::llm::Providers;
use crate::media::{self, Media, MediaError};
use crate::metrics::{self, Metrics};
use crate::models::{self, Catalog};
use crate::socket::{self, Patience};
use crate::tasks::Tasks;
use crate::{
    admin, agents, archive, chat, conversations, docs, health, messages, search, shares, telemetry,
    users,
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
    pub limits: Limits,
    pub timeouts: Timeouts,
    pub dashboard: Dashboard,
    pub metrics: Metrics,
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
        let passwords = Passwords::new(&config.auth)?;
        let media = Media::new(&config.media).map_err(StartError::Media)?;
        let workers = vec![passwords.workers().clone(), media.workers().clone()];
        Ok(Self {
            metrics: Metrics::new(db.clone(), &llm, workers),
            live: Hub::new(db.clone(), tasks.draining().clone()),
            db,
            catalog: Catalog::new(llm.clone()),
            llm,
            tokens: Tokens::new(&config.auth, &secret),
            passwords,
            media,
            tasks,
            patience: Patience::default(),
            imports: Imports::default(),
            limits: Limits::new(&config.limits),
            timeouts: Timeouts::default(),
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
    let protected = OpenApiRouter::new()
        .endpoint(routes!(root))
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
        .route_layer(require_user.clone())
        .secured_by(&[ACCESS_TOKEN]);
    let streaming = conversations::streaming_router()
        .merge(agents::streaming_router())
        .merge(chat::streaming_router())
        .route_layer(require_user)
        .secured_by(&[ACCESS_TOKEN]);
    let streaming_by_ticket = conversations::event_source_router()
        .merge(archive::download_router())
        .route_layer(require_user_or_ticket)
        .secured_by(&[ACCESS_TOKEN, TICKET]);
    let (documented, document) = open
        .merge(protected)
        .route_layer(middleware::from_fn(accept::require_json))
        .merge(
            streaming
                .merge(streaming_by_ticket)
                .route_layer(middleware::from_fn(accept::require_json_or_events)),
        )
        .may_answer::<NotAcceptable>(StatusCode::NOT_ACCEPTABLE)
        // Pages ask for pictures, not for JSON; orchestrators for anything.
        .merge(media::router())
        .merge(health::probes())
        // Who is there is proved on the socket, and there is nothing to accept.
        .merge(socket::router())
        .split_for_parts();
    let docs = match app.config.server.api_docs {
        true => docs::router(document),
        false => Router::new(),
    };
    let routes = documented
        .merge(docs)
        .merge(metrics::exposition::router())
        .route_layer(MapRequestLayer::new(telemetry::note_route))
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
        routes
            .layer(middleware::from_fn(drain::drain))
            .layer(guard)
            .layer(middleware::from_fn(head::limit))
    };
    let cors = middleware::from_fn_with_state(origins, cors::cors);
    // No other site's pages get to see the administration's.
    guarded(admin::router(&app))
        .fallback_service(guarded(api).layer(cors))
        .layer(middleware::from_fn_with_state(
            (app.config, app.metrics),
            telemetry::trace,
        ))
}

/// The addresses of the collections.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "users": "https://chat.example.com/api/users/",
    "agents": "https://chat.example.com/api/agents/",
    "conversations": "https://chat.example.com/api/conversations/",
    "messages": "https://chat.example.com/api/messages/",
}))]
struct Collections {
    users: String,
    agents: String,
    conversations: String,
    messages: String,
}

/// Tells where the collections are.
#[utoipa::path(
    get,
    path = "/api/",
    tag = "root",
    responses((status = 200, description = "Their addresses.", body = Collections)),
)]
async fn root(Origin(origin): Origin) -> Json<Collections> {
    let at = |room: &str| format!("{origin}/api/{room}/");
    Json(Collections {
        users: at("users"),
        agents: at("agents"),
        conversations: at("conversations"),
        messages: at("messages"),
    })
}

/// What a request gets whose handler panicked.
pub fn on_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    // What it says may hold what a user wrote. Where it happened is in the log already.
    drop(panic);
    Error::Internal("a handler panicked".into()).into_response()
}
