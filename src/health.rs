//! Whether the server is up, for load balancers and for the original's front end.

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::app::App;
use crate::http::route::Endpoints;

/// The path of this room.
pub fn router() -> Router<App> {
    Router::new().endpoint("/api/health/", get(show))
}

async fn show() -> Json<Value> {
    Json(json!({ "status": "healthy" }))
}
