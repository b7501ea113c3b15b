//! What a web page on another origin may do.

use serde_json::json;

use crate::support::client::send;
use crate::support::{Answer, Client, TestApp, on_each_database};

on_each_database! {
    a_known_origin_is_named_on_every_answer,
    an_unknown_origin_is_answered_without_being_named,
    a_preflight_needs_no_token_and_no_path,
    an_ordinary_options_tells_what_is_allowed,
    origins_can_be_configured,
}

const ORIGIN: &str = "http://localhost:3000";

async fn from(client: &Client, method: &str, path: &str, origin: Option<&str>) -> Answer {
    let request = client.request(method, path);
    send(match origin {
        Some(origin) => request.header("origin", origin),
        None => request,
    })
    .await
}

/// The headers of CORS by name, but for `expose-headers`, which may grow.
fn cors(answer: &Answer) -> Vec<&str> {
    let mut names: Vec<&str> = answer.headers.keys().map(|name| name.as_str()).collect();
    names.retain(|name| {
        name.starts_with("access-control-") && *name != "access-control-expose-headers"
    });
    names.sort_unstable();
    names.dedup();
    names
}

fn varies(answer: &Answer) -> bool {
    answer.list("vary").contains(&"ORIGIN".to_owned())
}

async fn a_known_origin_is_named_on_every_answer(app: TestApp) {
    let ann = app.register("ann").await;
    let stranger = app.stranger();
    for (client, method, path, status) in [
        (&ann, "GET", "/api/users/me/", 200),
        (&ann, "HEAD", "/api/users/me/", 200),
        (&stranger, "GET", "/api/users/me/", 401),
        (&stranger, "GET", "/api/nothing/", 404),
        (&ann, "BREW", "/api/agents/", 405),
        (&stranger, "POST", "/api/auth/login/", 400),
        (&stranger, "GET", "/api/health/", 200),
    ] {
        let answer = from(client, method, path, Some(ORIGIN)).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(
            cors(&answer),
            [
                "access-control-allow-credentials",
                "access-control-allow-origin"
            ],
            "{path}"
        );
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
        assert_eq!(
            answer.header("access-control-allow-credentials"),
            Some("true")
        );
        assert!(varies(&answer));
    }
    let not_json = ann
        .request("GET", "/api/agents/")
        .header("origin", ORIGIN)
        .header("accept", "text/html");
    assert_eq!(
        send(not_json).await.header("access-control-allow-origin"),
        Some(ORIGIN)
    );
}

async fn an_unknown_origin_is_answered_without_being_named(app: TestApp) {
    let ann = app.register("ann").await;
    for origin in [
        Some("https://localhost:3000"),
        Some("http://localhost:3001"),
        Some("http://127.0.0.1:3000"),
        Some("null"),
        Some("http://localhost:3000.evil.com"),
        Some("http://localhost"),
        Some("HTTP://LOCALHOST:3000"),
        None,
    ] {
        let answer = from(&ann, "GET", "/api/users/me/", origin).await;
        assert_eq!(
            (answer.status, &answer.json),
            (200, &ann.user),
            "{origin:?}"
        );
        assert!(
            cors(&answer).is_empty() && varies(&answer),
            "{origin:?}: {:?}",
            answer.headers
        );
        let options = from(&ann, "OPTIONS", "/api/users/me/", origin).await;
        assert!(cors(&options).is_empty() && varies(&options), "{origin:?}");
    }
}

fn tells_what_is_allowed(answer: &Answer) {
    assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
    assert_eq!(
        answer.header("access-control-allow-credentials"),
        Some("true")
    );
    assert_eq!(answer.header("access-control-max-age"), Some("86400"));
    assert_eq!(
        answer.list("access-control-allow-methods"),
        ["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"]
    );
    let headers = answer.list("access-control-allow-headers");
    for name in [
        "accept",
        "authorization",
        "content-type",
        "user-agent",
        "x-csrftoken",
        "x-requested-with",
    ] {
        assert!(headers.contains(&name.to_uppercase()), "{name}");
    }
    assert!(varies(answer));
}

async fn a_preflight_needs_no_token_and_no_path(app: TestApp) {
    let stranger = app.stranger();
    let preflight = async |path: &str, origin: &str| {
        let request = stranger
            .request("OPTIONS", path)
            .header("origin", origin)
            .header("accept", "text/html");
        let request = request.header("access-control-request-method", "BREW");
        send(request.header("access-control-request-headers", "x-whatever")).await
    };
    for path in [
        "/api/agents/",
        "/api/agents",
        "/api/nothing/",
        "/",
        "/api/users/me/",
    ] {
        let answer = preflight(path, ORIGIN).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{path}");
        tells_what_is_allowed(&answer);
        let answer = preflight(path, "http://evil.com").await;
        assert_eq!(
            (answer.status, answer.text.as_str(), cors(&answer).len()),
            (200, "", 0),
            "{path}"
        );
        assert!(varies(&answer));
    }
}

async fn an_ordinary_options_tells_what_is_allowed(app: TestApp) {
    let ann = app.register("ann").await;
    let answer = from(&ann, "OPTIONS", "/api/agents/", Some(ORIGIN)).await;
    assert_eq!(answer.list("allow"), ["GET", "HEAD", "OPTIONS", "POST"]);
    tells_what_is_allowed(&answer);
    let answer = from(&app.stranger(), "OPTIONS", "/api/agents/", Some(ORIGIN)).await;
    assert_eq!(answer.status, 401);
    tells_what_is_allowed(&answer);
    let answer = from(&app.stranger(), "OPTIONS", "/api/nothing/", Some(ORIGIN)).await;
    answer.is(404, &json!({ "detail": "Not found." }));
    tells_what_is_allowed(&answer);
}

async fn origins_can_be_configured(app: TestApp) {
    let app = app
        .another(&[(
            "CORS_ALLOWED_ORIGINS",
            "https://a.example.com, https://b.example.com:8443",
        )])
        .await;
    let ann = app.register("ann").await;
    for (origin, known) in [
        ("https://a.example.com", true),
        ("https://b.example.com:8443", true),
        (ORIGIN, false),
        ("https://b.example.com", false),
    ] {
        let answer = from(&ann, "GET", "/api/users/me/", Some(origin)).await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            known.then_some(origin),
            "{origin}"
        );
    }
}
