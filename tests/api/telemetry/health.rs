//! Whether a server lives and is ready, for those who ask each second.

use std::time::{Duration, Instant};

use meggy::db::Executor;
use serde_json::{Value, json};

use crate::support::app::run;
use crate::support::client::send;
use crate::support::{Kind, TestApp, eventually, on_each_database};

on_each_database! {
    a_server_that_lives_and_is_ready_says_so_to_everybody,
    probes_need_neither_a_known_host_nor_https,
    a_server_that_was_asked_to_stop_lives_and_is_not_ready,
    a_server_without_its_database_lives_and_is_not_ready,
    a_server_whose_schema_is_not_current_is_not_ready,
}

fn unavailable(database: &str, migrations: &str, draining: &str) -> Value {
    let checks = json!({ "database": database, "migrations": migrations, "draining": draining });
    json!({ "status": "unavailable", "checks": checks })
}

async fn a_server_that_lives_and_is_ready_says_so_to_everybody(app: TestApp) {
    let checks = json!({ "database": "ok", "migrations": "ok", "draining": "ok" });
    let ready = json!({ "status": "ready", "checks": checks });
    // Asked twice, because the schema is only looked at until it is found to be current.
    for path in ["/health/ready", "/health/ready/", "/health/ready"] {
        app.stranger().get(path).await.is(200, &ready);
    }
    for path in ["/health/live", "/health/live/"] {
        let answer = app.stranger().get(path).await;
        answer.is(200, &json!({ "status": "live" }));
    }
    assert_eq!(app.stranger().get("/health/").await.status, 404);
    // Who asks may accept whatever it wants.
    let picky = app
        .stranger()
        .request("GET", "/health/live")
        .header("accept", "text/plain");
    assert_eq!(send(picky).await.status, 200);
}

async fn probes_need_neither_a_known_host_nor_https(app: TestApp) {
    let app = app
        .another(&[("DEBUG", "False"), ("SECURE_SSL_REDIRECT", "True")])
        .await;
    for (path, status) in [
        ("/health/live", 200),
        ("/health/ready", 200),
        // It is not there without a token in the settings.
        ("/metrics", 404),
        ("/health", 400),
        ("/api/health/", 400),
    ] {
        let request = app.stranger().request("GET", path);
        let answer = send(request.header("host", "10.1.2.3:8000")).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
    }
}

async fn a_server_that_was_asked_to_stop_lives_and_is_not_ready(app: TestApp) {
    let app = app.another(&[("SHUTDOWN_DELAY_SECONDS", "600")]).await;
    app.ask_to_stop();
    let answer = eventually("it is not ready", async || {
        let answer = app.stranger().get("/health/ready").await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    answer.is(503, &unavailable("ok", "ok", "failed"));
    assert_eq!(app.stranger().get("/health/live").await.status, 200);
}

async fn a_server_without_its_database_lives_and_is_not_ready(app: TestApp) {
    assert_eq!(app.stranger().get("/health/ready").await.status, 200);
    app.db.close().await;
    let answer = app.stranger().get("/health/ready").await;
    answer.is(503, &unavailable("failed", "unknown", "ok"));
    assert_eq!(app.stranger().get("/health/live").await.status, 200);
}

async fn a_server_whose_schema_is_not_current_is_not_ready(app: TestApp) {
    const FORGET: &str =
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)";
    app.db.query(FORGET).execute().await.unwrap();
    let answer = app.stranger().get("/health/ready").await;
    answer.is(503, &unavailable("ok", "failed", "ok"));
}

#[test]
fn a_database_that_hangs_is_not_waited_for() {
    run(Kind::Postgres, async |app: TestApp| {
        // As many as the tests' servers have.
        let mut used = Vec::new();
        for _ in 0..8 {
            used.push(app.db.begin().await.unwrap());
        }
        let start = Instant::now();
        let answer = app.stranger().get("/health/ready").await;
        answer.is(503, &unavailable("failed", "unknown", "ok"));
        assert!(start.elapsed() < Duration::from_secs(2));
    });
}
