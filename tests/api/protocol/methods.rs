//! HEAD, OPTIONS, methods that a path does not have, and the order in which mistakes are told.

use serde_json::json;

use super::{ROUTES, is_public};
use crate::support::client::send;
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    every_path_answers_options_and_refuses_other_methods,
    protected_paths_want_a_token_whatever_the_method,
    head_is_get_without_the_body,
    mistakes_are_told_in_the_order_of_the_contract,
}

const METHODS: [&str; 8] = [
    "GET",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "TRACE",
    "BREW",
    "CONNECTED",
];

/// A path of [`ROUTES`] with the id of something that is there, or with words to look for.
fn existing(
    path: &str,
    ann: &Client,
    agent: &str,
    conversation: &str,
    message: &str,
    share: &str,
) -> String {
    let id = match path.split('/').nth(2) {
        Some("search") => return format!("{path}?q=Hello"),
        Some("users") => ann.id(),
        Some("agents") => agent,
        Some("conversations" | "chat") => conversation,
        _ => message,
    };
    path.replace("{id}", id)
        .replace("{message}", message)
        .replace("{number}", "1")
        .replace("{share}", share)
}

async fn every_path_answers_options_and_refuses_other_methods(app: TestApp) {
    let ann = app.register("ann").await;
    for (path, methods) in ROUTES {
        // An unknown object does not matter: the method is looked at first.
        let path = path.replace("{id}", "00000000-0000-4000-8000-000000000000");
        let mut allowed: Vec<&str> = methods.iter().copied().chain(["OPTIONS"]).collect();
        if methods.contains(&"GET") {
            allowed.push("HEAD");
        }
        allowed.sort_unstable();
        let options = ann.send("OPTIONS", &path, None).await;
        assert_eq!(
            (options.status, options.json.is_object()),
            (200, true),
            "{path}: {}",
            options.text
        );
        assert_eq!(options.list("allow"), allowed, "{path}");
        for method in METHODS
            .into_iter()
            .filter(|method| !methods.contains(method))
        {
            let answer = ann.send(method, &path, None).await;
            answer.is(
                405,
                &json!({ "detail": format!("Method \"{method}\" not allowed.") }),
            );
            assert_eq!(answer.list("allow"), allowed, "{method} {path}");
        }
    }
}

async fn protected_paths_want_a_token_whatever_the_method(app: TestApp) {
    for (path, methods) in ROUTES.iter().filter(|(path, _)| !is_public(path)) {
        for method in METHODS.into_iter().chain(["OPTIONS", "HEAD"]) {
            let answer = app.stranger().send(method, path, None).await;
            assert_eq!(
                (answer.status, answer.header("www-authenticate")),
                (401, Some("Bearer")),
                "{method} {path}"
            );
            if method == "OPTIONS" {
                assert!(
                    answer.list("allow").contains(&methods[0].to_owned()),
                    "{path}: {:?}",
                    answer.headers
                );
            }
        }
    }
}

async fn head_is_get_without_the_body(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({})).await;
    let conversation = ann.conversation_with(&agent).await;
    let turn = ann.say(&conversation, "Hello").await.expect(200);
    let message = turn["user_message"]["id"].as_str().unwrap();
    let shares = format!("/api/conversations/{conversation}/share/");
    let share = ann.post(&shares, json!({})).await.expect(201);
    let share = share["id"].as_str().unwrap();
    for (path, methods) in ROUTES {
        let path = existing(path, &ann, &agent, &conversation, message, share);
        let head = ann.send("HEAD", &path, None).await;
        assert_eq!(head.text, "");
        if methods.contains(&"GET") {
            let get = ann.get(&path).await;
            // There is no running answer to stream.
            let (status, content_type) = if path.ends_with("/stream/") {
                (204, None)
            } else {
                (200, Some("application/json"))
            };
            for answer in [&get, &head] {
                assert_eq!(
                    (answer.status, answer.header("content-type")),
                    (status, content_type),
                    "{path}: {}",
                    answer.text
                );
            }
        } else {
            assert_eq!(head.status, 405, "{path}");
        }
    }
    assert_eq!(
        ann.send("HEAD", "/api/agents/?page=7", None).await.status,
        404
    );
}

async fn mistakes_are_told_in_the_order_of_the_contract(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({})).await;
    let stranger = app.stranger();
    let unknown = "/api/agents/00000000-0000-4000-8000-000000000000/";
    let known = format!("/api/agents/{agent}/");
    // Each request has all the mistakes that come later, too.
    for (client, method, path, accept, content_type, body, status) in [
        (
            &stranger,
            "BREW",
            "/api/nothing/",
            "text/html",
            "text/plain",
            "{",
            404,
        ),
        (
            &stranger,
            "BREW",
            unknown,
            "text/html",
            "text/plain",
            "{",
            406,
        ),
        (&stranger, "BREW", unknown, "*/*", "text/plain", "{", 401),
        (&ann, "BREW", unknown, "*/*", "text/plain", "{", 405),
        (&ann, "PATCH", unknown, "*/*", "text/plain", "{", 404),
        (&ann, "PATCH", &known, "*/*", "text/plain", "{", 415),
        (&ann, "PATCH", &known, "*/*", "application/json", "{", 400),
        (
            &ann,
            "PATCH",
            &known,
            "*/*",
            "application/json",
            "{\"name\": \"\"}",
            400,
        ),
    ] {
        let request = client
            .request(method, path)
            .header("accept", accept)
            .header("content-type", content_type);
        let answer = send(request.body(body)).await;
        assert_eq!(
            answer.status, status,
            "{method} {path} {accept} {content_type} {body}: {}",
            answer.text
        );
    }
}
