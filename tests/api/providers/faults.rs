//! Faults that every provider meets the same way: silence, broken connections, too much.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use meggy::llm::{
    Category, ErrorKind, Event,
    ProviderName::{self, Ollama, OpenAi},
    Providers,
};
use serde_json::json;

use super::{KEY, answer, ask, ask_for, begun, persistent, request, settings};
use crate::support::model_server::{
    End, ModelServer, Reply, Script, ollama_line, openai_chunk, openai_error, openai_finish,
};

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_reset_inside_a_character_is_an_error_after_the_text() {
    for provider in ProviderName::ALL {
        // Two of the four bytes of the crab.
        let reply = answer(provider, "one two 🦀")
            .up_to("🦀", 2)
            .end(End::Reset);
        let server = ModelServer::start(reply).await;
        let answer = ask(&persistent(&server), provider).await;
        assert_eq!(answer.text, "one two ");
        assert_eq!(answer.error().kind(), &ErrorKind::CutOff);
        assert_eq!(
            server.calls(),
            1,
            "an answer that has begun is not asked for again"
        );
    }
}

#[tokio::test]
async fn broken_json_is_an_error() {
    for provider in ProviderName::ALL {
        let reply = match provider {
            OpenAi => Reply::text(200, "text/event-stream", "data: {\"choices\": [\n\n"),
            Ollama => Reply::text(200, "application/x-ndjson", "{\"message\": {\n"),
        };
        let server = ModelServer::start(reply).await;
        let answer = ask(&persistent(&server), provider).await;
        assert_eq!(answer.error().kind(), &ErrorKind::Malformed);
        assert_eq!(server.calls(), 1);
    }
}

#[tokio::test]
async fn silence_before_the_first_word_is_given_up() {
    for provider in ProviderName::ALL {
        for silent in [Reply::silence(), begun(provider, 0).end(End::Silence)] {
            let server = ModelServer::start(silent).await;
            let mut settings = persistent(&server);
            settings.first_token_timeout = SHORT;
            let start = Instant::now();
            let answer = ask(&settings, provider).await;
            assert!(start.elapsed() < SHORT * 20);
            assert_eq!(answer.error().kind(), &ErrorKind::FirstTokenTimeout(SHORT));
            assert_eq!(answer.error().category(), Category::Timeout);
            assert!(answer.error().to_string().contains("0.3 s"));
            server.client_left().await;
            assert_eq!(server.calls(), 1);
        }
    }
}

#[tokio::test]
async fn silence_between_words_is_given_up() {
    for provider in ProviderName::ALL {
        let server = ModelServer::start(begun(provider, 2).end(End::Silence)).await;
        let mut settings = persistent(&server);
        settings.idle_timeout = SHORT;
        let start = Instant::now();
        let answer = ask(&settings, provider).await;
        assert!(start.elapsed() < SHORT * 20);
        assert_eq!(answer.text, "one two ");
        assert_eq!(answer.error().kind(), &ErrorKind::IdleTimeout(SHORT));
        assert_eq!(answer.error().category(), Category::Timeout);
        server.client_left().await;
    }
}

#[tokio::test]
async fn a_slow_answer_may_take_longer_than_any_limit() {
    let words = "a b c d e f g h";
    for provider in ProviderName::ALL {
        let reply = answer(provider, words).pace(Duration::from_millis(200));
        let server = ModelServer::start(reply).await;
        let mut settings = settings(&server);
        settings.first_token_timeout = Duration::from_millis(1500);
        settings.idle_timeout = Duration::from_millis(1500);
        let start = Instant::now();
        assert_eq!(ask(&settings, provider).await.text, words);
        assert!(start.elapsed() > Duration::from_millis(1500));
    }
}

#[tokio::test]
async fn dropping_the_stream_closes_the_connection() {
    for provider in ProviderName::ALL {
        let server = ModelServer::start(begun(provider, 1).end(End::Silence)).await;
        let providers = Providers::new(&settings(&server)).unwrap();
        let mut events = providers.chat(provider, request());
        let first = events.next().await.unwrap().unwrap();
        assert_eq!(first, Event::Text("one ".to_owned()));
        assert!(server.nobody_left());
        drop(events);
        server.client_left().await;

        let server = ModelServer::start(Reply::silence()).await;
        let providers = Providers::new(&settings(&server)).unwrap();
        let mut events = providers.chat(provider, request());
        let waited = tokio::time::timeout(SHORT, events.next()).await;
        assert!(waited.is_err() && server.calls() == 1);
        drop(events);
        server.client_left().await;
    }
}

#[tokio::test]
async fn connections_are_used_again() {
    for provider in ProviderName::ALL {
        let server = ModelServer::start(answer(provider, "Fine.")).await;
        let providers = Providers::new(&settings(&server)).unwrap();
        for _ in 0..5 {
            let answer = super::read(&providers, provider, request()).await;
            assert_eq!(answer.text, "Fine.");
        }
        assert_eq!((server.calls(), server.connections()), (5, 1));
    }
}

#[tokio::test]
async fn the_size_of_an_answer_is_bounded() {
    for provider in ProviderName::ALL {
        let server = ModelServer::start(answer(provider, &"0123456 ".repeat(100))).await;
        let mut settings = settings(&server);
        settings.max_answer_bytes = 800;
        assert_eq!(ask(&settings, provider).await.text.len(), 800);
        settings.max_answer_bytes = 799;
        let answer = ask(&settings, provider).await;
        assert_eq!(answer.text.len(), 792);
        assert_eq!(answer.error().kind(), &ErrorKind::TooLong(799));
    }
}

#[tokio::test]
async fn an_event_without_end_is_given_up() {
    let piece = vec![b'x'; 1024 * 1024];
    for (provider, content_type, kind) in [
        (OpenAi, "text/event-stream", ErrorKind::CutOff),
        (Ollama, "application/x-ndjson", ErrorKind::Malformed),
    ] {
        let reply = Reply::new(200, content_type, vec![piece.clone(); 9]).end(End::Silence);
        let server = ModelServer::start(reply).await;
        let answer = ask(&settings(&server), provider).await;
        assert_eq!(answer.error().kind(), &kind);
        server.client_left().await;
    }
}

#[tokio::test]
async fn what_follows_the_end_is_not_heard() {
    for provider in ProviderName::ALL {
        let twice = match provider {
            OpenAi => {
                let more = openai_chunk(&json!({ "content": "no" }));
                let finish = openai_finish("stop");
                let text = format!("data: {finish}\n\ndata: [DONE]\n\ndata: {more}\n\n");
                let yes = openai_chunk(&json!({ "content": "Yes" }));
                Reply::text(200, "text/event-stream", &format!("data: {yes}\n\n{text}"))
            }
            Ollama => {
                let mut last = ollama_line("Yes");
                last["done"] = json!(true);
                Reply::lines(&[last, ollama_line("no")])
            }
        };
        let server = ModelServer::start(twice).await;
        let answer = ask(&settings(&server), provider).await;
        assert_eq!(answer.text, "Yes");
        assert!(answer.end.is_ok());
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for provider in ProviderName::ALL {
        let elsewhere = ModelServer::start(answer(provider, "Stolen.")).await;
        let reply = Reply::text(307, "text/plain", "").header("location", &elsewhere.ollama_url());
        let server = ModelServer::start(reply).await;
        let answer = ask(&persistent(&server), provider).await;
        assert_eq!(answer.error().kind(), &ErrorKind::WrongServer);
        assert_eq!(elsewhere.calls(), 0);
    }
}

#[tokio::test]
async fn errors_repeat_no_secrets() {
    let text = format!("Key {KEY} is wrong at http://127.0.0.1:80/v1, ask 10.0.0.7\nTraceback");
    for status in [400, 500] {
        for provider in ProviderName::ALL {
            let server = ModelServer::start(openai_error(status, &text, "x")).await;
            let mut settings = settings(&server);
            settings.max_retries = 0;
            let answer = ask(&settings, provider).await;
            let sentence = answer.end.as_ref().expect_err("an error").to_string();
            assert!(!sentence.contains("10.0.0.7") && !sentence.contains("Traceback"));
            assert!(sentence.contains("is wrong at […], ask […]"), "{sentence}");
            if provider == OpenAi {
                answer.error();
            }
        }
    }
}

#[tokio::test]
async fn each_model_fails_by_itself() {
    let script = Script::by_model([
        ("good", vec![answer(OpenAi, "Fine.")]),
        ("bad", vec![openai_error(400, "Nope", "x")]),
    ]);
    let server = ModelServer::start(script).await;
    let settings = settings(&server);
    for (model, expected) in [
        ("good", Ok("Fine.")),
        (
            "bad",
            Err(
                "openai could not answer with \"bad\": the request was refused (Nope); check the message \
                 and the agent's settings.",
            ),
        ),
        (
            "a\r\nb",
            Err(
                "openai could not answer with \"a b\": there is no such model; choose another one \
                 for this agent.",
            ),
        ),
    ] {
        let mut request = request();
        request.model = model.to_owned();
        let answer = ask_for(&settings, OpenAi, request).await;
        match expected {
            Ok(text) => assert_eq!(answer.text, text),
            Err(sentence) => assert_eq!(answer.error().to_string(), sentence),
        }
    }
    let models = Providers::new(&settings).unwrap().models(OpenAi).await;
    assert_eq!(models.unwrap(), ["bad", "good"]);
}
