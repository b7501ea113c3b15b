//! The list of models to choose from.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::model_server::{
    Asked, ModelServer, Reply, Script, nobody, ollama_models, openai_error, openai_models,
};
use crate::support::{OPENAI_KEY, TestApp, eventually, on_each_database};

on_each_database! {
    the_models_of_both_providers_are_listed,
    models_are_sorted_and_may_be_none,
    a_provider_that_is_down_is_listed_as_such,
    a_provider_that_is_not_configured_says_what_is_missing,
    a_providers_refusal_is_told_without_its_secrets,
    slow_providers_are_waited_for_at_the_same_time,
    twenty_at_once_ask_each_provider_once,
    a_provider_that_comes_back_is_seen_soon,
}

const MODELS: &str = "/api/models/";

fn available(provider: &str, models: &[&str]) -> Value {
    json!({ "provider": provider, "available": true, "error": null, "models": models })
}

fn unavailable(provider: &str, error: &str) -> Value {
    json!({ "provider": provider, "available": false, "error": error, "models": [] })
}

/// A server beside `app` whose providers are both at `model`.
async fn with_models_at(app: &TestApp, model: &ModelServer) -> TestApp {
    app.another(&[
        ("OPENAI_BASE_URL", &model.openai_url()),
        ("OLLAMA_BASE_URL", &model.ollama_url()),
    ])
    .await
}

fn list(asked: &Asked, names: &[&str]) -> Reply {
    match asked.path.as_str() {
        "/v1/models" => openai_models(names),
        _ => ollama_models(names),
    }
}

async fn the_models_of_both_providers_are_listed(app: TestApp) {
    let ann = app.register("ann").await;
    let expected = json!({ "providers": [
        available("openai", &["gpt-4"]),
        available("ollama", &["llama3"]),
    ] });
    ann.get(MODELS).await.is(200, &expected);
    // They are the same for everybody, and remembered.
    let bob = app.register("bob").await;
    bob.get("/api/models").await.is(200, &expected);
    let mut asked: Vec<String> = app
        .model
        .server
        .asked()
        .into_iter()
        .map(|asked| asked.path)
        .collect();
    asked.sort();
    assert_eq!(asked, ["/api/tags", "/v1/models"]);
}

async fn models_are_sorted_and_may_be_none(app: TestApp) {
    let script = Script::new(|asked, _| match asked.path.as_str() {
        "/v1/models" => openai_models(&["o3", "gpt-4", "gpt-4.1"]),
        _ => ollama_models(&[]),
    });
    let model = ModelServer::start(script).await;
    let app = with_models_at(&app, &model).await;
    let ann = app.register("ann").await;
    let expected = json!({ "providers": [
        available("openai", &["gpt-4", "gpt-4.1", "o3"]),
        available("ollama", &[]),
    ] });
    ann.get(MODELS).await.is(200, &expected);
}

async fn a_provider_that_is_down_is_listed_as_such(app: TestApp) {
    let app = app.another(&[("OLLAMA_BASE_URL", &nobody().await)]).await;
    let ann = app.register("ann").await;
    let expected = json!({ "providers": [
        available("openai", &["gpt-4"]),
        unavailable(
            "ollama",
            "ollama cannot be used: Ollama cannot be reached; make sure that it is running and that \
             OLLAMA_BASE_URL leads to it.",
        ),
    ] });
    ann.get(MODELS).await.is(200, &expected);
}

async fn a_provider_that_is_not_configured_says_what_is_missing(app: TestApp) {
    let app = app
        .another(&[("OPENAI_API_KEY", ""), ("OPENAI_BASE_URL", "")])
        .await;
    let ann = app.register("ann").await;
    let expected = json!({ "providers": [
        unavailable(
            "openai",
            "openai cannot be used: OPENAI_API_KEY is not set; set it to a key of your OpenAI account and restart \
             the server, or set OPENAI_BASE_URL to a server that needs no key.",
        ),
        available("ollama", &["llama3"]),
    ] });
    ann.get(MODELS).await.is(200, &expected);
}

async fn a_providers_refusal_is_told_without_its_secrets(app: TestApp) {
    let refusal = format!("Incorrect API key provided: {OPENAI_KEY}");
    let script = Script::new(move |asked, _| match asked.path.as_str() {
        "/v1/models" => openai_error(401, &refusal, "invalid_api_key"),
        _ => Reply::text(200, "text/html", "<h1>Hello</h1>"),
    });
    let model = ModelServer::start(script).await;
    let app = with_models_at(&app, &model).await;
    let answer = app.register("ann").await.get(MODELS).await;
    assert!(!answer.text.contains(OPENAI_KEY), "{}", answer.text);
    let expected = json!({ "providers": [
        unavailable(
            "openai",
            "openai cannot be used: the API key is missing or was refused; ask the operator to check it.",
        ),
        unavailable(
            "ollama",
            "ollama cannot be used: the configured address does not lead to the expected model server; ask the \
             operator to check OLLAMA_BASE_URL.",
        ),
    ] });
    answer.is(200, &expected);
}

async fn slow_providers_are_waited_for_at_the_same_time(app: TestApp) {
    let delay = Duration::from_millis(1500);
    let script = Script::new(move |asked, _| list(asked, &["slow"]).delay(delay));
    let model = ModelServer::start(script).await;
    let app = with_models_at(&app, &model).await;
    let ann = app.register("ann").await;
    let begin = Instant::now();
    let lists = ann.get(MODELS).await.expect(200);
    let took = begin.elapsed();
    assert_eq!(lists["providers"][1], available("ollama", &["slow"]));
    assert!(delay <= took && took < 2 * delay, "{took:?}");
}

async fn twenty_at_once_ask_each_provider_once(app: TestApp) {
    let script = Script::new(|asked, _| list(asked, &["m"]).delay(Duration::from_millis(200)));
    let model = ModelServer::start(script).await;
    let app = with_models_at(&app, &model).await;
    let ann = app.register("ann").await;
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let ann = ann.clone();
            tokio::spawn(async move { ann.get(MODELS).await.expect(200) })
        })
        .collect();
    for answer in asking {
        let lists = answer.await.expect("no panic");
        assert_eq!(lists["providers"][0], available("openai", &["m"]));
    }
    assert_eq!(model.calls(), 2);
}

async fn a_provider_that_comes_back_is_seen_soon(app: TestApp) {
    // Both are asked once, and have nothing but errors then.
    let script = Script::new(|asked, calls| match calls {
        0 | 1 => Reply::json(500, &json!({ "error": "starting" })),
        _ => list(asked, &["m"]),
    });
    let model = ModelServer::start(script).await;
    let app = with_models_at(&app, &model).await;
    let ann = app.register("ann").await;
    let begin = Instant::now();
    for _ in 0..3 {
        let lists = ann.get(MODELS).await.expect(200);
        assert_eq!(
            lists["providers"][1],
            unavailable(
                "ollama",
                "ollama cannot be used: its server reported an error (starting); try again later.",
            )
        );
    }
    assert_eq!(model.calls(), 2);
    eventually("the models", async || {
        let lists = ann.get(MODELS).await.expect(200);
        (lists["providers"][1]["available"] == true).then_some(())
    })
    .await;
    assert!(begin.elapsed() >= Duration::from_secs(4));
    assert!((3..=4).contains(&model.calls()), "{}", model.calls());
}
