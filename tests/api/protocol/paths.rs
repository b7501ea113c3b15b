//! Slashes, unknown paths, the root, and the health of the server.

use serde_json::json;

use super::ROUTES;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    every_path_works_without_its_final_slash,
    unknown_paths_are_not_found,
    the_root_says_where_the_collections_are,
    the_server_is_healthy_for_everybody,
    a_post_without_the_slash_works,
}

async fn every_path_works_without_its_final_slash(app: TestApp) {
    let ann = app.register("ann").await;
    // What is made when it is first asked for is there from now on.
    ann.get("/api/conversations/get_or_create/")
        .await
        .expect(200);
    for (path, _) in ROUTES {
        let path = path.replace("{id}", ann.id());
        let (with, without) = (
            ann.get(&path).await,
            ann.get(path.trim_end_matches('/')).await,
        );
        assert_eq!(
            (with.status, &with.json),
            (without.status, &without.json),
            "{path}"
        );
        assert!(with.header("location").is_none());
    }
}

async fn a_post_without_the_slash_works(app: TestApp) {
    let account = json!({ "email": "a@example.com", "name": "A", "password": "12345678" });
    let session = app
        .stranger()
        .post("/api/auth/register", account)
        .await
        .expect(201);
    let ann = app
        .stranger()
        .with_token(session["access_token"].as_str().unwrap());
    ann.post("/api/agents", json!({})).await.expect(201);
    let conversation = ann.conversation().await;
    let said = ann
        .post(
            &format!("/api/conversations/{conversation}/send_message"),
            json!({ "content": "Hello" }),
        )
        .await;
    said.expect(200);
}

async fn unknown_paths_are_not_found(app: TestApp) {
    let ann = app.register("ann").await;
    for path in [
        "/",
        "/api/nothing/",
        "/api/agents.json",
        "/api//agents/",
        "/api/agents//",
        "/API/agents/",
        "/api/Agents/",
        "/api/auth/",
        "/api/conversations/x/y/",
        "/administration/",
        "/favicon.ico",
        "/api/agents/a/b/c/",
        "/api/..%2fagents/",
    ] {
        for method in ["GET", "POST", "OPTIONS", "BREW"] {
            for client in [&ann, &app.stranger()] {
                let answer = client.send(method, path, None).await;
                assert_eq!(
                    (answer.status, &answer.json),
                    (404, &json!({ "detail": "Not found." })),
                    "{method} {path}"
                );
            }
        }
    }
}

async fn the_root_says_where_the_collections_are(app: TestApp) {
    let ann = app.register("ann").await;
    let root = ann.get("/api/").await.expect(200);
    for room in ["users", "agents", "conversations", "messages"] {
        let url = root[room].as_str().unwrap();
        assert_eq!(url, format!("{}/api/{room}/", app.base));
        ann.get(url.strip_prefix(&app.base).unwrap())
            .await
            .expect(200);
    }
    app.stranger().get("/api/").await.expect(401);
}

async fn the_server_is_healthy_for_everybody(app: TestApp) {
    let healthy = json!({ "status": "healthy" });
    app.stranger().get("/api/health/").await.is(200, &healthy);
    app.stranger()
        .with_token("bad")
        .get("/api/health")
        .await
        .is(200, &healthy);
}
