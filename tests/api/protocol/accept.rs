//! JSON is the only format.

use serde_json::json;

use crate::support::client::send;
use crate::support::{TestApp, on_each_database};

on_each_database! { only_those_who_take_json_are_answered, accept_comes_after_the_path_and_before_the_token }

async fn only_those_who_take_json_are_answered(app: TestApp) {
    let ann = app.register("ann").await;
    let ask = async |accept: &str| {
        send(
            ann.request("GET", "/api/users/me/")
                .header("accept", accept),
        )
        .await
    };
    for good in [
        "*/*",
        "application/json",
        "application/*",
        "APPLICATION/JSON",
        "text/html, application/json;q=0.1",
        "text/html,*/*;q=0.8",
        "application/json; indent=4",
    ] {
        assert_eq!(ask(good).await.status, 200, "{good}");
    }
    let refusal = json!({ "detail": "Could not satisfy the request Accept header." });
    for bad in [
        "text/html",
        "application/xml",
        "text/*",
        "application/jsonx",
        "application",
        "json",
        "image/png, text/html",
    ] {
        let answer = ask(bad).await;
        assert_eq!((answer.status, &answer.json), (406, &refusal), "{bad}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    let two = ann
        .request("GET", "/api/users/me/")
        .header("accept", "text/html")
        .header("accept", "application/json");
    send(two).await.expect(200);
}

async fn accept_comes_after_the_path_and_before_the_token(app: TestApp) {
    let ask = async |method: &str, path: &str| {
        send(
            app.stranger()
                .request(method, path)
                .header("accept", "text/html"),
        )
        .await
        .status
    };
    assert_eq!(ask("GET", "/api/nothing/").await, 404);
    assert_eq!(ask("GET", "/api/users/").await, 406);
    assert_eq!(ask("BREW", "/api/users/").await, 406);
    assert_eq!(ask("POST", "/api/auth/login/").await, 406);
    assert_eq!(ask("GET", "/api/health/").await, 406);
}
