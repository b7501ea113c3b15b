//! Whether the server is up and ready, for load balancers and for the original's front end.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::app::App;
use crate::db::Db;
use crate::http::route::Endpoints;
use crate::tasks::Tasks;

/// The paths of this room.
pub fn router() -> Router<App> {
    Router::new()
        .endpoint("/api/health/", get(show))
        .endpoint("/api/health/ready/", get(ready))
}

/// That the process answers.
async fn show() -> Json<Value> {
    Json(json!({ "status": "healthy" }))
}

/// Whether requests should be sent here: not once the server was asked to stop, nor while it cannot reach its database.
async fn ready(State(tasks): State<Tasks>, State(db): State<Db>) -> (StatusCode, Json<Value>) {
    let (status, word) = if tasks.stopping().is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if let Err(error) = db.ping().await {
        tracing::warn!(%error, "the database does not answer");
        (StatusCode::SERVICE_UNAVAILABLE, "database")
    } else {
        (StatusCode::OK, "ready")
    };
    (status, Json(json!({ "status": word })))
}
