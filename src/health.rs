//! Whether the server is up and ready, for load balancers and for the original's front end.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::db::Db;
use crate::http::openapi::DocumentedEndpoints;
use crate::tasks::Tasks;

/// The paths of this room.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .endpoint(routes!(show))
        .endpoint(routes!(ready))
}

/// How the server is, in a word.
#[derive(Serialize, ToSchema)]
struct Health {
    status: &'static str,
}

/// Tells that the process answers.
#[utoipa::path(
    get,
    path = "/api/health/",
    tag = "health",
    responses((status = 200, description = "It does.", body = Health, example = json!({ "status": "healthy" }))),
)]
async fn show() -> Json<Health> {
    Json(Health { status: "healthy" })
}

/// Tells whether requests should be sent here: not once the server was asked to stop, nor while it cannot reach its database.
#[utoipa::path(
    get,
    path = "/api/health/ready/",
    tag = "health",
    responses(
        (status = 200, description = "They should.", body = Health, example = json!({ "status": "ready" })),
        (
            status = 503,
            description = "They should not: the server is `stopping`, or its `database` does not answer.",
            body = Health,
            example = json!({ "status": "stopping" }),
        ),
    ),
)]
async fn ready(State(tasks): State<Tasks>, State(db): State<Db>) -> (StatusCode, Json<Health>) {
    let (status, word) = if tasks.stopping().is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if let Err(error) = db.ping().await {
        tracing::warn!(%error, "the database does not answer");
        (StatusCode::SERVICE_UNAVAILABLE, "database")
    } else {
        (StatusCode::OK, "ready")
    };
    (status, Json(Health { status: word }))
}
