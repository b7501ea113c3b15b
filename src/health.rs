//! Whether the server is up and ready, for load balancers and for the original's front end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::db::{Db, SchemaState};
use crate::http::route::Endpoints;
use crate::tasks::Tasks;

/// A database that takes longer than this to answer counts as none. Those who ask often wait for two seconds at most.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The paths that the original had, and one beside it.
pub fn router() -> Router<App> {
    Router::new()
        .endpoint("/api/health/", get(show))
        .endpoint("/api/health/ready/", get(ready))
}

/// The paths for orchestrators.
pub fn probes() -> Router<App> {
    let schema = Schema::default();
    Router::new().endpoint("/health/live/", get(live)).endpoint(
        "/health/ready/",
        get(
            async move |State(tasks): State<Tasks>, State(db): State<Db>| {
                checks(&tasks, &db, &schema).await
            },
        ),
    )
}

/// That the process answers.
async fn show() -> Json<Value> {
    Json(json!({ "status": "healthy" }))
}

/// The same in the words of [`checks`].
async fn live() -> Json<Value> {
    Json(json!({ "status": "live" }))
}

/// Whether requests should be sent here: not once the server was asked to stop, nor while it cannot reach its database.
async fn ready(State(tasks): State<Tasks>, State(db): State<Db>) -> (StatusCode, Json<Value>) {
    let (status, word) = if tasks.stopping().is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if !answers(&db, Instant::now() + PATIENCE).await {
        (StatusCode::SERVICE_UNAVAILABLE, "database")
    } else {
        (StatusCode::OK, "ready")
    };
    (status, Json(json!({ "status": word })))
}

/// Whether a schema was found to be of this version, which it then stays.
type Schema = Arc<AtomicBool>;

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    checks: Checks,
}

/// What stands in the way of serving requests, if anything.
#[derive(Serialize)]
struct Checks {
    database: Check,
    migrations: Check,
    draining: Check,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Check {
    Ok,
    Failed,
    /// It cannot be found out because of another one.
    Unknown,
}

impl From<bool> for Check {
    fn from(is_ok: bool) -> Self {
        if is_ok { Self::Ok } else { Self::Failed }
    }
}

/// Like [`ready`], with each reason of its own. Causes are in the log: who asks may be anybody.
async fn checks(tasks: &Tasks, db: &Db, schema: &Schema) -> (StatusCode, Json<Readiness>) {
    let deadline = Instant::now() + PATIENCE;
    let database = Check::from(answers(db, deadline).await);
    let checks = Checks {
        migrations: match database {
            Check::Ok => is_current(db, schema, deadline).await.into(),
            _ => Check::Unknown,
        },
        database,
        draining: (!tasks.stopping().is_cancelled()).into(),
    };
    let all = [checks.database, checks.migrations, checks.draining];
    let (code, status) = if all.iter().all(|&check| check == Check::Ok) {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    };
    (code, Json(Readiness { status, checks }))
}

async fn answers(db: &Db, deadline: Instant) -> bool {
    match timeout_at(deadline, db.ping()).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => tracing::warn!(%error, "the database does not answer"),
        Err(_) => tracing::warn!("the database does not answer in time"),
    }
    false
}

async fn is_current(db: &Db, schema: &Schema, deadline: Instant) -> bool {
    if schema.load(Ordering::Relaxed) {
        return true;
    }
    match timeout_at(deadline, db.schema_state()).await {
        Ok(Ok(SchemaState::Current)) => {
            schema.store(true, Ordering::Relaxed);
            return true;
        }
        Ok(Ok(SchemaState::Behind(count))) => {
            tracing::warn!(count, "the database lacks migrations");
        }
        Ok(Err(error)) => tracing::warn!(%error, "the schema of the database is not current"),
        Err(_) => tracing::warn!("the database does not tell its schema in time"),
    }
    false
}
