//! When the model does not answer: the question stays, the answer's row says why, and the next question works.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::model_server::{End, Reply, nobody, openai_answer, openai_chunk, openai_error};
use crate::support::{Answer, Client, OPENAI_KEY, TestApp, eventually, on_each_database};

on_each_database! {
    each_failure_has_its_status,
    a_failed_question_stays_and_the_next_one_works,
    an_unreachable_model_is_a_bad_gateway,
    an_overloaded_model_says_when_to_come_back,
    a_model_that_never_begins_is_a_timeout,
    a_model_that_falls_silent_is_a_timeout,
    an_answer_that_breaks_off_is_not_kept_as_one,
    a_missing_key_is_told_as_that,
    a_provider_nobody_knows_is_told_as_that,
    a_passing_failure_is_tried_again,
    nothing_secret_is_in_an_error,
    a_server_that_stops_writes_its_answers_off,
    a_server_that_stops_lets_answers_end_in_time,
}

/// Checks the whole body of a failure before the first word against what is stored; returns its sentence.
async fn told(client: &Client, conversation: &str, answer: &Answer) -> String {
    told_after(client, conversation, answer, "").await
}

/// The same of a failure after some words.
async fn told_after(client: &Client, conversation: &str, answer: &Answer, said: &str) -> String {
    let sentence = answer.json["error"]
        .as_str()
        .unwrap_or_else(|| panic!("{}", answer.text))
        .to_owned();
    let messages = client.messages(conversation).await;
    let [question, failed] = &messages[messages.len() - 2..] else {
        unreachable!()
    };
    assert_eq!(
        answer.json,
        json!({ "error": sentence, "user_message": question })
    );
    assert_eq!(
        (&question["role"], &failed["role"]),
        (&json!("user"), &json!("assistant"))
    );
    assert_eq!(
        (&failed["content"], &failed["error"]),
        (&json!(said), &json!(sentence))
    );
    assert_ne!(failed["status"], "complete");
    assert_ne!(failed["error_code"], Value::Null);
    // The provider gave no count; if it had begun, there is an estimate.
    assert_eq!(failed["usage_estimated"], !said.is_empty());
    assert_eq!(failed["tokens_used"].is_null(), said.is_empty());
    assert!(sentence.ends_with('.') && sentence.len() > 20, "{sentence}");
    sentence
}

fn last_status(messages: &[Value]) -> &str {
    messages.last().unwrap()["status"].as_str().unwrap()
}

async fn each_failure_has_its_status(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let first_words = || openai_answer("one two three four", None).pieces(3);
    let mut codes = BTreeMap::new();
    for (status, what, reply) in [
        (
            502,
            "bad key",
            openai_error(401, "Incorrect API key provided", "invalid_api_key"),
        ),
        (
            502,
            "unknown model",
            openai_error(404, "The model does not exist", "model_not_found"),
        ),
        (
            502,
            "refused",
            openai_error(400, "Something is wrong", "invalid_request"),
        ),
        (
            502,
            "server error",
            openai_error(500, "Oh no", "server_error"),
        ),
        (
            502,
            "no model server",
            Reply::text(200, "text/html", "<html><body>It works!</body></html>"),
        ),
        (
            502,
            "no JSON",
            Reply::text(200, "text/event-stream", "data: {oops\n\n"),
        ),
        (
            502,
            "nothing at all",
            Reply::text(200, "text/event-stream", ""),
        ),
        (
            502,
            "error in the stream",
            Reply::events(&[json!({ "error": { "message": "Oh no", "code": 500 } })]),
        ),
        (
            502,
            "no finish reason",
            Reply::events(&[openai_chunk(&json!({ "content": "Hi" }))]),
        ),
        (502, "cut off", first_words().end(End::Close)),
        (502, "reset", first_words().end(End::Reset)),
        (
            503,
            "too many requests",
            openai_error(429, "Rate limit reached", "rate_limit_exceeded"),
        ),
        (
            503,
            "unavailable",
            openai_error(503, "Overloaded", "overloaded"),
        ),
    ] {
        app.model.replies([reply]);
        let answer = ann.say(&conversation, what).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let said = match what {
            "no finish reason" => "Hi",
            "cut off" | "reset" => "one two ",
            _ => "",
        };
        told_after(&ann, &conversation, &answer, said).await;
        let messages = ann.messages(&conversation).await;
        assert_eq!(last_status(&messages), "failed", "{what}");
        let code = messages.last().unwrap()["error_code"].clone();
        codes.insert(status, code);
    }
    assert_eq!(
        codes,
        [
            (502, json!("provider_failed")),
            (503, json!("provider_overloaded"))
        ]
        .into()
    );
}

async fn a_failed_question_stays_and_the_next_one_works(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    app.model
        .replies([openai_error(500, "Oh no", "server_error")]);
    let answer = ann.say(&conversation, "first").await;
    assert_eq!(answer.json["user_message"]["content"], "first");
    let last = async || {
        let list = ann.get("/api/conversations/").await.expect(200);
        let listed = list["results"][0].clone();
        (
            listed["message_count"].clone(),
            listed["last_message"]["content"].clone(),
        )
    };
    assert_eq!(
        last().await,
        (json!(2), json!("first")),
        "what was said last was the question"
    );
    let turn = ann.say(&conversation, "second").await.expect(200);
    assert_eq!(turn["assistant_message"]["content"], "You said: second");
    assert_eq!(last().await, (json!(4), json!("You said: second")));
    // An answer that never came was not said; the question was.
    let asked = app.model.last_asked().body["messages"].clone();
    let said: Vec<_> = asked
        .as_array()
        .unwrap()
        .iter()
        .skip(1)
        .map(|message| message["content"].clone())
        .collect();
    assert_eq!(said, ["first", "second"]);
    let contents: Vec<_> = ann
        .messages(&conversation)
        .await
        .iter()
        .map(|message| message["content"].clone())
        .collect();
    assert_eq!(contents, ["first", "", "second", "You said: second"]);
}

async fn an_unreachable_model_is_a_bad_gateway(app: TestApp) {
    let nobody = nobody().await;
    let app = app
        .another(&[("OPENAI_BASE_URL", &nobody), ("OLLAMA_BASE_URL", &nobody)])
        .await;
    let ann = app.register("ann").await;
    for provider in ["openai", "ollama"] {
        let agent = ann
            .agent(json!({ "name": provider, "llm_provider": provider }))
            .await;
        let conversation = ann.conversation_with(&agent).await;
        let answer = ann.say(&conversation, "Hello").await;
        assert_eq!(answer.status, 502);
        let sentence = told(&ann, &conversation, &answer).await;
        assert!(
            sentence.contains(provider) && sentence.contains("cannot be reached"),
            "{sentence}"
        );
    }
}

async fn an_overloaded_model_says_when_to_come_back(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let busy = || openai_error(429, "Rate limit reached", "rate_limit_exceeded");
    for (reply, retry_after) in [
        (busy().header("retry-after", "37"), Some("37")),
        (busy(), None),
    ] {
        app.model.replies([reply]);
        let answer = ann.say(&conversation, "Hello").await;
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (503, retry_after),
            "{}",
            answer.text
        );
    }
}

async fn a_model_that_never_begins_is_a_timeout(app: TestApp) {
    let app = app
        .another(&[("LLM_FIRST_TOKEN_TIMEOUT_SECONDS", "1")])
        .await;
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    app.model.replies([Reply::silence()]);
    let answer = ann.say(&conversation, "Hello").await;
    assert_eq!(answer.status, 504);
    told(&ann, &conversation, &answer).await;
}

async fn a_model_that_falls_silent_is_a_timeout(app: TestApp) {
    let app = app.another(&[("LLM_IDLE_TIMEOUT_SECONDS", "1")]).await;
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    app.model.replies([openai_answer("one two three", None)
        .pieces(3)
        .end(End::Silence)]);
    let answer = ann.say(&conversation, "Hello").await;
    assert_eq!(answer.status, 504);
    told_after(&ann, &conversation, &answer, "one two ").await;
    app.model.server.client_left().await;
}

async fn an_answer_that_breaks_off_is_not_kept_as_one(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    app.model.replies([openai_answer("half an answer", None)
        .pieces(3)
        .end(End::Reset)]);
    ann.say(&conversation, "Hello").await.expect(502);
    let list = ann.get("/api/messages/").await.expect(200);
    let broken = &list["results"][1];
    assert_eq!(
        (&broken["content"], &broken["status"]),
        (&json!("half an "), &json!("failed"))
    );
    // What was there to read was said.
    ann.say(&conversation, "Go on").await.expect(200);
    let asked = app.model.last_asked().body["messages"].clone();
    assert_eq!(
        asked.as_array().unwrap()[1..],
        [
            json!({ "role": "user", "content": "Hello" }),
            json!({ "role": "assistant", "content": "half an " }),
            json!({ "role": "user", "content": "Go on" })
        ]
    );
}

async fn a_missing_key_is_told_as_that(app: TestApp) {
    let app = app
        .another(&[("OPENAI_API_KEY", ""), ("OPENAI_BASE_URL", "")])
        .await;
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let answer = ann.say(&conversation, "Hello").await;
    assert_eq!(answer.status, 502);
    let sentence = told(&ann, &conversation, &answer).await;
    assert!(sentence.contains("OPENAI_API_KEY"), "{sentence}");
}

async fn a_provider_nobody_knows_is_told_as_that(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let query = meggy::db::Executor::query(&app.db, "UPDATE agents SET llm_provider = 'bard'");
    assert_eq!(query.execute().await.unwrap(), 1);
    let answer = ann.say(&conversation, "Hello").await;
    assert_eq!(answer.status, 502);
    let sentence = told(&ann, &conversation, &answer).await;
    assert!(sentence.contains("bard"), "{sentence}");
}

async fn a_passing_failure_is_tried_again(app: TestApp) {
    let app = app.another(&[("LLM_MAX_RETRIES", "2")]).await;
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let busy =
        openai_error(429, "Rate limit reached", "rate_limit_exceeded").header("retry-after", "0");
    app.model
        .replies([busy, Reply::text(500, "text/plain", "Oh no")]);
    ann.say(&conversation, "Hello").await.expect(200);
    assert_eq!(
        (
            app.model.server.calls(),
            ann.messages(&conversation).await.len()
        ),
        (3, 2)
    );
}

async fn nothing_secret_is_in_an_error(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let leak = format!(
        "Incorrect API key provided: {OPENAI_KEY}. Bearer {OPENAI_KEY} at http://10.1.2.3:8000/v1"
    );
    for status in [400, 401, 403, 404, 429, 500] {
        app.model
            .replies([openai_error(status, &leak, "some_code")]);
        let answer = ann.say(&conversation, "Hello").await;
        assert!(answer.status >= 500, "{}", answer.text);
        for secret in [OPENAI_KEY, "10.1.2.3", "127.0.0.1", "http://"] {
            assert!(!answer.text.contains(secret), "{status}: {}", answer.text);
        }
    }
    let list = ann.get("/api/messages/").await;
    assert!(!list.text.contains(OPENAI_KEY) && !list.text.contains("10.1.2.3"));
}

async fn a_server_that_stops_writes_its_answers_off(app: TestApp) {
    let stopping = app.another(&[("SHUTDOWN_GRACE_SECONDS", "0")]).await;
    let ann = stopping.register("ann").await;
    let conversation = ann.conversation().await;
    app.model.replies([openai_answer("one two three", None)
        .pieces(3)
        .end(End::Silence)]);
    let asking = tokio::spawn({
        let (ann, conversation) = (ann.clone(), conversation.clone());
        async move { ann.say(&conversation, "Hello").await }
    });
    eventually("the model is asked", async || {
        (app.model.server.calls() == 1).then_some(())
    })
    .await;
    stopping.stop().await;
    let answer = asking.await.unwrap();
    assert_eq!(answer.status, 503, "{}", answer.text);
    let ann = app.stranger().with_token(ann.token());
    told_after(&ann, &conversation, &answer, "one two ").await;
    assert_eq!(
        last_status(&ann.messages(&conversation).await),
        "interrupted"
    );
    ann.say(&conversation, "And now?").await.expect(200);
}

async fn a_server_that_stops_lets_answers_end_in_time(app: TestApp) {
    let stopping = app.another(&[("SHUTDOWN_GRACE_SECONDS", "20")]).await;
    let ann = stopping.register("ann").await;
    let conversation = ann.conversation().await;
    app.model
        .replies([openai_answer("one two three", None).pace(Duration::from_millis(100))]);
    let asking = tokio::spawn({
        let (ann, conversation) = (ann.clone(), conversation.clone());
        async move { ann.say(&conversation, "Hello").await }
    });
    eventually("the model is asked", async || {
        (app.model.server.calls() == 1).then_some(())
    })
    .await;
    stopping.stop().await;
    let turn = asking.await.unwrap().expect(200);
    assert_eq!(turn["assistant_message"]["content"], "one two three");
    let ann = app.stranger().with_token(ann.token());
    assert_eq!(last_status(&ann.messages(&conversation).await), "complete");
}
