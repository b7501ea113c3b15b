//! What a request is called.

use uuid::Uuid;

use crate::support::client::send;
use crate::support::{Answer, TestApp, on_each_database};

on_each_database! {
    every_answer_has_an_id,
    an_id_that_is_fit_for_one_is_kept,
    pages_of_other_origins_can_send_and_read_it,
}

const ORIGIN: &str = "http://localhost:3000";

#[track_caller]
fn id(answer: &Answer) -> &str {
    assert_eq!(answer.headers.get_all("x-request-id").iter().count(), 1);
    answer.header("x-request-id").expect("an id")
}

async fn every_answer_has_an_id(app: TestApp) {
    let ann = app.register("ann").await;
    let mut ids = Vec::new();
    for (method, path, status) in [
        ("GET", "/api/agents/", 200),
        ("GET", "/api/agents/", 200),
        ("GET", "/api/nothing/", 404),
        ("GET", "/api//agents/", 404),
        ("PUT", "/api/auth/login/", 405),
        ("POST", "/api/auth/login/", 400),
        ("OPTIONS", "/api/agents/", 200),
        ("GET", "/health/live", 200),
    ] {
        let answer = ann.send(method, path, None).await;
        assert_eq!(answer.status, status, "{method} {path}");
        ids.push(id(&answer).to_owned());
    }
    let preflight = ann
        .request("OPTIONS", "/api/agents/")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "GET");
    ids.push(id(&send(preflight).await).to_owned());
    let unknown_host = ann.request("GET", "/api/").header("host", "evil.example");
    ids.push(id(&send(unknown_host).await).to_owned());
    let redirecting = app.another(&[("SECURE_SSL_REDIRECT", "True")]).await;
    let redirect = redirecting.stranger().get("/api/").await;
    assert_eq!(redirect.status, 301);
    ids.push(id(&redirect).to_owned());

    for id in &ids {
        let id: Uuid = id.parse().expect("a UUID");
        assert_eq!(id.get_version_num(), 7);
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "two requests have the same id");
}

async fn an_id_that_is_fit_for_one_is_kept(app: TestApp) {
    let ask = async |given: &str| {
        let request = app.stranger().request("GET", "/api/agents/");
        let answer = send(request.header("x-request-id", given)).await;
        assert_eq!(answer.status, 401);
        id(&answer).to_owned()
    };
    for good in ["1", "a-b_c.d/e:f", "\"<{!~", &"x".repeat(128)] {
        assert_eq!(ask(good).await, good);
    }
    for bad in ["", "a b", "a\tb", "ä", &"x".repeat(129)] {
        let id = ask(bad).await;
        assert!(id.parse::<Uuid>().is_ok(), "{bad:?} became {id:?}");
    }
}

async fn pages_of_other_origins_can_send_and_read_it(app: TestApp) {
    let request = app.stranger().request("GET", "/api/agents/");
    let answer = send(request.header("origin", ORIGIN)).await;
    let exposed = answer.list("access-control-expose-headers");
    for name in [
        "X-REQUEST-ID",
        "RETRY-AFTER",
        "RATELIMIT",
        "RATELIMIT-POLICY",
    ] {
        assert!(exposed.contains(&name.to_owned()), "{name}: {exposed:?}");
    }
    let preflight = app
        .stranger()
        .request("OPTIONS", "/api/agents/")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "GET");
    let allowed = send(preflight).await.list("access-control-allow-headers");
    assert!(allowed.contains(&"X-REQUEST-ID".to_owned()), "{allowed:?}");
}
