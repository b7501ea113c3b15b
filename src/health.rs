//! Whether the server is up and ready, for load balancers and for the original's front end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::db::{Db, SchemaState};
use crate::http::openapi::DocumentedEndpoints;
use crate::tasks::Tasks;

/// A database that takes longer than this to answer counts as none. Those who ask often wait for two seconds at most.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The paths that the original had, and one beside it.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .endpoint(routes!(show))
        .endpoint(routes!(ready))
}

/// The paths for orchestrators.
pub fn probes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .endpoint(routes!(live))
        .endpoint(routes!(checks))
        .layer(Extension(Schema::default()))
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

/// Tells that the process answers, to orchestrators.
#[utoipa::path(
    get,
    path = "/health/live/",
    tag = "health",
    responses((status = 200, description = "It does.", body = Health, example = json!({ "status": "live" }))),
)]
async fn live() -> Json<Health> {
    Json(Health { status: "live" })
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
    } else if !answers(&db, Instant::now() + PATIENCE).await {
        (StatusCode::SERVICE_UNAVAILABLE, "database")
    } else {
        (StatusCode::OK, "ready")
    };
    (status, Json(Health { status: word }))
}

/// Whether a schema was found to be of this version, which it then stays.
type Schema = Arc<AtomicBool>;

/// How the server is, and why.
#[derive(Serialize, ToSchema)]
struct Readiness {
    status: &'static str,
    checks: Checks,
}

/// What stands in the way of serving requests, if anything.
#[derive(Serialize, ToSchema)]
struct Checks {
    database: Check,
    migrations: Check,
    draining: Check,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
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

/// Tells orchestrators whether requests should be sent here, and why not.
#[utoipa::path(
    get,
    path = "/health/ready/",
    tag = "health",
    responses(
        (
            status = 200,
            description = "They should.",
            body = Readiness,
            example = json!({
                "status": "ready",
                "checks": { "database": "ok", "migrations": "ok", "draining": "ok" },
            }),
        ),
        (
            status = 503,
            description = "They should not: what failed says why. What cannot be found out because of it is `unknown`.",
            body = Readiness,
            example = json!({
                "status": "unavailable",
                "checks": { "database": "failed", "migrations": "unknown", "draining": "ok" },
            }),
        ),
    ),
)]
async fn checks(
    State(tasks): State<Tasks>,
    State(db): State<Db>,
    Extension(schema): Extension<Schema>,
) -> (StatusCode, Json<Readiness>) {
    // Causes are in the log: who asks may be anybody.
    let deadline = Instant::now() + PATIENCE;
    let database = Check::from(answers(&db, deadline).await);
    let checks = Checks {
        migrations: match database {
            Check::Ok => is_current(&db, &schema, deadline).await.into(),
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
