//! Handing out the document and the page: to everybody who asks, and not twice.

use serde_json::json;

use crate::support::client::send;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    the_page_and_what_it_loads_come_from_the_server_alone,
    what_a_client_has_is_not_sent_again,
    the_page_can_be_switched_off,
    the_page_is_behind_the_same_guards_as_everything_else,
}

const PATHS: [&str; 6] = [
    "/api/openapi.json",
    "/api/docs/",
    "/api/docs/swagger-ui-bundle.js",
    "/api/docs/swagger-ui.css",
    "/api/docs/page.js",
    "/api/docs/page.css",
];

async fn the_page_and_what_it_loads_come_from_the_server_alone(app: TestApp) {
    let stranger = app.stranger();
    let page = stranger.get("/api/docs/").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    assert_eq!(stranger.get("/api/docs").await.text, page.text);
    let loaded: Vec<_> = page
        .text
        .split(['"', '\''])
        .filter(|text| text.starts_with("/api/") || text.contains("//"))
        .collect();
    let mut known = PATHS.to_vec();
    known.retain(|path| page.text.contains(&format!("\"{path}\"")));
    assert_eq!(known.len(), 5);
    assert!(loaded.iter().all(|path| known.contains(path)), "{loaded:?}");
    assert!(!page.text.contains("<style") && !page.text.contains("style="));
    for path in PATHS {
        let answer = stranger.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
    }
    for path in [
        "/api/docs/index.html",
        "/api/docs/..%2Fpage.js",
        "/api/docs/%FF",
    ] {
        let not_found = json!({ "detail": "Not found." });
        stranger.get(path).await.is(404, &not_found);
    }
    let answer = stranger.post("/api/docs/", json!({})).await;
    assert_eq!(
        (answer.status, answer.list("allow")),
        (405, vec!["GET".into(), "HEAD".into(), "OPTIONS".into()])
    );
}

async fn what_a_client_has_is_not_sent_again(app: TestApp) {
    let stranger = app.stranger();
    for path in PATHS {
        let first = stranger.get(path).await;
        let etag = first.header("etag").unwrap();
        let request = stranger.request("GET", path);
        let again = send(request.header("if-none-match", etag)).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{path}");
        assert_eq!(again.header("etag"), Some(etag));
        let request = stranger.request("GET", path);
        let other = send(request.header("if-none-match", "\"another\"")).await;
        assert_eq!(other.text, first.text, "{path}");
    }
}

async fn the_page_can_be_switched_off(app: TestApp) {
    let app = app.another(&[("API_DOCS", "False")]).await;
    for path in PATHS {
        let not_found = json!({ "detail": "Not found." });
        app.stranger().get(path).await.is(404, &not_found);
    }
}

async fn the_page_is_behind_the_same_guards_as_everything_else(app: TestApp) {
    let production = app
        .another(&[("DEBUG", "False"), ("TRUSTED_PROXIES", "127.0.0.1")])
        .await;
    let stranger = production.stranger();
    for path in PATHS {
        let request = stranger.request("GET", path);
        let refused = send(request.header("host", "elsewhere.example.org")).await;
        assert_eq!(refused.status, 400, "{path}");
        let request = stranger.request("GET", path);
        let moved = send(request.header("x-forwarded-proto", "http")).await;
        assert_eq!(moved.status, 301, "{path}");
        let direct = stranger.get(path).await;
        assert_eq!(
            (direct.status, direct.header("x-frame-options")),
            (200, Some("DENY"))
        );
    }
}
