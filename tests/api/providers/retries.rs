//! What is asked again, when, and what is not.

use std::time::{Duration, Instant};

use meggy::llm::{
    Category, ErrorKind,
    ProviderName::{self, OpenAi},
    Providers,
};

use super::{answer, ask, begun, persistent, settings_for};
use crate::support::model_server::{End, ModelServer, Reply, nobody, openai_error};

fn busy() -> Reply {
    openai_error(429, "Slow down", "rate_limit_exceeded")
}

#[tokio::test]
async fn a_busy_server_is_asked_again_when_it_says() {
    for provider in ProviderName::ALL {
        let replies = vec![
            busy().header("retry-after", "1"),
            Reply::text(503, "text/plain", "busy").header("retry-after-ms", "10"),
            answer(provider, "Fine."),
        ];
        let server = ModelServer::start(replies).await;
        let start = Instant::now();
        assert_eq!(ask(&persistent(&server), provider).await.text, "Fine.");
        assert!(start.elapsed() >= Duration::from_secs(1));
        let asked = server.asked();
        assert_eq!(asked.len(), 3);
        assert_eq!(asked[0].body, asked[2].body);
    }
}

#[tokio::test]
async fn failures_that_may_pass_are_tried_again_and_then_reported() {
    for (status, kind, category) in [
        (408, ErrorKind::Failed(None), Category::BadGateway),
        (429, ErrorKind::Overloaded, Category::Overloaded),
        (500, ErrorKind::Failed(None), Category::BadGateway),
        (503, ErrorKind::Overloaded, Category::Overloaded),
        (529, ErrorKind::Overloaded, Category::Overloaded),
    ] {
        for provider in ProviderName::ALL {
            let reply = Reply::text(status, "text/plain", "no").header("retry-after-ms", "5");
            let server = ModelServer::start(reply).await;
            let answer = ask(&persistent(&server), provider).await;
            assert_eq!(answer.error().kind(), &kind, "{status}");
            assert_eq!(answer.error().category(), category, "{status}");
            assert_eq!(answer.error().retry_after(), Some(Duration::from_millis(5)));
            assert_eq!(server.calls(), 3, "{status}");
        }
    }
}

#[tokio::test]
async fn without_advice_the_pauses_grow() {
    let replies = vec![
        Reply::text(500, "text/plain", "no"),
        Reply::text(500, "text/plain", "no"),
        answer(OpenAi, "Fine."),
    ];
    let server = ModelServer::start(replies).await;
    let start = Instant::now();
    assert_eq!(ask(&persistent(&server), OpenAi).await.text, "Fine.");
    // 0.5 s and 1 s, each up to a quarter less.
    assert!(
        start.elapsed() >= Duration::from_millis(1125),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_server_that_wants_too_much_patience_is_left_alone() {
    let server = ModelServer::start(busy().header("retry-after", "21")).await;
    let answer = ask(&persistent(&server), OpenAi).await;
    assert_eq!(answer.error().category(), Category::Overloaded);
    assert_eq!(answer.error().retry_after(), Some(Duration::from_secs(21)));
    assert_eq!(server.calls(), 1);
}

#[tokio::test]
async fn failures_that_will_not_pass_are_not_tried_again() {
    let quota = openai_error(429, "You exceeded your current quota", "insufficient_quota");
    for (reply, kind) in [
        (quota, ErrorKind::QuotaExhausted),
        (
            openai_error(400, "Nope", "x"),
            ErrorKind::Refused(Some("Nope".to_owned())),
        ),
        (
            openai_error(401, "Incorrect API key", "invalid_api_key"),
            ErrorKind::BadKey,
        ),
        (
            openai_error(404, "No model m", "model_not_found"),
            ErrorKind::UnknownModel,
        ),
        (
            openai_error(500, "no", "x").header("x-should-retry", "false"),
            ErrorKind::Failed(Some("no".to_owned())),
        ),
    ] {
        let server = ModelServer::start(reply).await;
        let answer = ask(&persistent(&server), OpenAi).await;
        assert_eq!(answer.error().kind(), &kind);
        assert_eq!(answer.error().category(), Category::BadGateway);
        assert_eq!(server.calls(), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn the_server_may_ask_for_a_retry_itself() {
    let refused = openai_error(409, "locked", "x")
        .header("x-should-retry", "true")
        .header("retry-after-ms", "5");
    let server = ModelServer::start(vec![refused, answer(OpenAi, "Fine.")]).await;
    assert_eq!(ask(&persistent(&server), OpenAi).await.text, "Fine.");
}

#[tokio::test]
async fn a_server_that_is_not_there_cannot_be_reached() {
    let address = nobody().await;
    let mut settings = settings_for(&format!("{address}/v1"), &address);
    settings.max_retries = 1;
    for provider in ProviderName::ALL {
        let start = Instant::now();
        let answer = ask(&settings, provider).await;
        assert_eq!(answer.error().kind(), &ErrorKind::Unreachable);
        assert_eq!(answer.error().category(), Category::BadGateway);
        assert!(answer.error().detail().is_some());
        assert!(
            start.elapsed() >= Duration::from_millis(375),
            "there was no retry"
        );
        let models = Providers::new(&settings).unwrap().models(provider).await;
        assert_eq!(models.unwrap_err().kind(), &ErrorKind::Unreachable);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_first_word_is_tried_again() {
    for provider in ProviderName::ALL {
        for broken in [
            Reply::silence().end(End::Close),
            Reply::silence().end(End::Reset),
            begun(provider, 0).end(End::Reset),
        ] {
            let server = ModelServer::start(vec![broken, answer(provider, "Fine.")]).await;
            let answer = ask(&persistent(&server), provider).await;
            assert_eq!(answer.text, "Fine.");
            assert_eq!(server.calls(), 2);
        }
    }
}
