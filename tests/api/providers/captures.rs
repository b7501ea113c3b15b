//! What real servers sent, replayed whole and in pieces.

use meggy::llm::{Category, ErrorKind, ProviderName::OpenAi, Providers, StopReason};

use super::{Answer, ask, settings, usage};
use crate::support::model_server::{ModelServer, Reply};

async fn answer_to(reply: Reply) -> Answer {
    let server = ModelServer::start(reply).await;
    ask(&settings(&server), OpenAi).await
}

#[tokio::test]
async fn captured_answers_are_read_however_they_are_cut() {
    let llama = " was people8most turn be;year allOwhy what";
    let python = " was people8most turn be;year all8.my";
    for (capture, text, reason, counts) in [
        ("llama-server-0.5.0-dev/chat-stream", llama, "length", None),
        (
            "llama-server-0.5.0-dev/chat-stream-usage",
            llama,
            "length",
            usage(38, 12),
        ),
        (
            "llama-server-0.5.0-dev/chat-stream-stop-string",
            " was p",
            "stop",
            None,
        ),
        (
            "llama-cpp-python-0.3.36/chat-stream",
            python,
            "length",
            None,
        ),
        (
            "llama-cpp-python-0.3.36/chat-stream-usage",
            python,
            "length",
            None,
        ),
        ("litellm-1.106.2/chat-stream", python, "length", None),
        (
            "litellm-1.106.2/chat-stream-usage",
            python,
            "length",
            usage(17, 11),
        ),
    ] {
        for cut in [usize::MAX, 7, 1] {
            let answer = answer_to(Reply::capture(capture).cut(cut)).await;
            assert_eq!(answer.text, text, "{capture} cut by {cut}");
            assert_eq!(answer.reasoning, "");
            assert_eq!(answer.reason().as_str(), reason, "{capture} cut by {cut}");
            assert_eq!(answer.usage(), counts, "{capture} cut by {cut}");
        }
    }
}

#[tokio::test]
async fn long_captured_answers_arrive_whole() {
    for (capture, bytes, counts) in [
        (
            "llama-server-0.5.0-dev/chat-stream-no-limit",
            682,
            usage(38, 218),
        ),
        ("llama-cpp-python-0.3.36/chat-stream-no-limit", 571, None),
        ("litellm-1.106.2/chat-stream-no-limit", 571, usage(17, 172)),
    ] {
        for cut in [usize::MAX, 1000] {
            let answer = answer_to(Reply::capture(capture).cut(cut)).await;
            assert_eq!(answer.text.len(), bytes, "{capture} cut by {cut}");
            assert_eq!(answer.usage(), counts, "{capture} cut by {cut}");
        }
    }
}

#[tokio::test]
async fn captured_refusals_are_understood() {
    for (capture, kind) in [
        (
            "llama-server-0.5.0-dev/chat-stream-overflow",
            ErrorKind::ContextOverflow,
        ),
        (
            "llama-server-0.5.0-dev/chat-overflow",
            ErrorKind::ContextOverflow,
        ),
        (
            "llama-cpp-python-0.3.36/chat-overflow",
            ErrorKind::ContextOverflow,
        ),
        ("litellm-1.106.2/chat-overflow", ErrorKind::ContextOverflow),
        (
            "llama-cpp-python-0.3.36/chat-stream-overflow",
            ErrorKind::NoAnswer(None),
        ),
        (
            "litellm-1.106.2/chat-stream-overflow",
            ErrorKind::NoAnswer(Some(StopReason::Stop)),
        ),
        ("llama-server-0.5.0-dev/chat-bad-key", ErrorKind::BadKey),
        ("llama-server-0.5.0-dev/chat-no-key", ErrorKind::BadKey),
        ("llama-cpp-python-0.3.36/chat-bad-key", ErrorKind::BadKey),
        (
            "litellm-1.106.2/chat-bad-key",
            ErrorKind::Refused(Some("No connected db".to_owned())),
        ),
        (
            "litellm-1.106.2/chat-stream-unknown-model",
            ErrorKind::UnknownModel,
        ),
        (
            "llama-server-0.5.0-dev/no-such-path",
            ErrorKind::WrongServer,
        ),
        (
            "llama-cpp-python-0.3.36/no-such-path",
            ErrorKind::WrongServer,
        ),
        ("litellm-1.106.2/no-such-path", ErrorKind::WrongServer),
        (
            "llama-cpp-python-0.3.36/chat-bad-temperature",
            ErrorKind::Failed(Some("1 validation error".to_owned())),
        ),
        (
            "litellm-1.106.2/chat-stream-dead-upstream",
            ErrorKind::Failed(Some(
                "[…]: InternalServerError: OpenAIException - Connection error".to_owned(),
            )),
        ),
        ("litellm-1.106.2/models-no-key", ErrorKind::Failed(None)),
    ] {
        for cut in [usize::MAX, 7] {
            let answer = answer_to(Reply::capture(capture).cut(cut)).await;
            assert_eq!(answer.error().kind(), &kind, "{capture}");
            assert_eq!(answer.error().category(), Category::BadGateway, "{capture}");
        }
    }
}

#[tokio::test]
async fn a_captured_death_in_mid_answer_is_an_error_after_the_text() {
    let killed = Reply::capture("llama-server-0.5.0-dev/chat-stream-killed");
    let server = ModelServer::start(killed).await;
    let mut settings = settings(&server);
    settings.max_retries = 2;
    let answer = ask(&settings, OpenAi).await;
    assert_eq!(answer.text, "_+ housef\u{fffd}\u{fffd}");
    assert_eq!(answer.error().kind(), &ErrorKind::CutOff);
    assert_eq!(
        server.calls(),
        1,
        "an answer that has begun is not asked for again"
    );
}

#[tokio::test]
async fn captured_lists_of_models_are_read() {
    for (capture, names) in [
        ("llama-server-0.5.0-dev/models", &["tiny-random"][..]),
        ("llama-cpp-python-0.3.36/models", &["tiny-random"]),
        ("litellm-1.106.2/models", &["tiny-random", "dead-upstream"]),
    ] {
        let server = ModelServer::start(Reply::capture(capture)).await;
        let providers = Providers::new(&settings(&server)).unwrap();
        assert_eq!(providers.models(OpenAi).await.unwrap(), names);
        let asked = server.only_asked();
        assert_eq!(
            (asked.method.as_str(), asked.path.as_str()),
            ("GET", "/v1/models")
        );
        assert_eq!(asked.authorization(), Some("Bearer hunter22"));
    }
    let server = ModelServer::start(Reply::capture("llama-server-0.5.0-dev/models-no-key")).await;
    let providers = Providers::new(&settings(&server)).unwrap();
    let error = providers.models(OpenAi).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::BadKey);
    assert_eq!(error.model(), None);
}
