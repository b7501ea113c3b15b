//! OpenAI's format and the many ways in which servers speak it.

use meggy::llm::{ErrorKind, ProviderName::OpenAi, Providers, Settings, SettingsError, StopReason};
use serde_json::{Value, json};

use super::{Answer, KEY, ask, settings, usage};
use crate::support::model_server::{
    End, ModelServer, Reply, openai_answer, openai_chunk, openai_finish, openai_usage,
};

async fn answer_to(reply: Reply) -> Answer {
    let server = ModelServer::start(reply).await;
    ask(&settings(&server), OpenAi).await
}

/// The reply consists of these chunks and `[DONE]`.
async fn answer_of(chunks: &[Value]) -> Answer {
    answer_to(Reply::events(chunks)).await
}

#[tokio::test]
async fn the_request_says_what_was_asked() {
    let server = ModelServer::start(openai_answer("Fine.", Some((3, 1)))).await;
    let answer = ask(&settings(&server), OpenAi).await;
    assert_eq!(
        (answer.text.as_str(), answer.usage()),
        ("Fine.", usage(3, 1))
    );
    let asked = server.only_asked();
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("POST", "/v1/chat/completions")
    );
    assert_eq!(asked.authorization(), Some("Bearer hunter22"));
    assert_eq!(
        asked.body,
        json!({
            "model": "m",
            "messages": [
                { "role": "system", "content": "Be brief." },
                { "role": "user", "content": "Hello" },
                { "role": "assistant", "content": "Hi." },
                { "role": "user", "content": "Wie geht's, Jürgen? 🦀" },
            ],
            "temperature": 0.5,
            "max_tokens": 77,
            "stream": true,
            "stream_options": { "include_usage": true },
        }),
    );
}

#[tokio::test]
async fn a_server_of_our_own_needs_no_key() {
    for key in [None, Some("".into()), Some("  ".into())] {
        let server = ModelServer::start(openai_answer("Fine.", None)).await;
        let mut settings = settings(&server);
        settings.openai.api_key = key;
        // A slash at the end is a frequent slip.
        settings.openai.base_url = Some(server.openai_url() + "/");
        assert_eq!(ask(&settings, OpenAi).await.text, "Fine.");
        assert_eq!(server.only_asked().authorization(), None);
        assert_eq!(server.only_asked().path, "/v1/chat/completions");
    }
}

#[tokio::test]
async fn a_missing_key_is_told_at_first_use() {
    let settings = Settings::default();
    let answer = ask(&settings, OpenAi).await;
    assert!(matches!(answer.error().kind(), ErrorKind::NotConfigured(_)));
    assert_eq!(
        answer.error().to_string(),
        "openai could not answer with \"m\": OPENAI_API_KEY is not set; set it to a key of your \
         OpenAI account and restart the server, or set OPENAI_BASE_URL to a server that needs no \
         key.",
    );
    let error = Providers::new(&settings)
        .unwrap()
        .models(OpenAi)
        .await
        .unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotConfigured(_)));
}

#[test]
fn settings_that_cannot_work_are_refused_without_showing_them() {
    for key in ["hunter22\n", "hunter22\r\nX: y", "hünter22", "hunter22\0"] {
        let mut settings = Settings::default();
        settings.openai.api_key = Some(key.into());
        let error = Providers::new(&settings).err().expect("an error");
        assert_eq!(error, SettingsError::ApiKey);
        assert!(!error.to_string().contains("22"), "{error}");
    }
    for url in [
        "",
        "localhost:1234",
        "ftp://x/v1",
        "http://x/v1?key=hunter22",
        "http://",
        "x",
    ] {
        let mut settings = Settings::default();
        settings.openai.base_url = Some(url.to_owned());
        let error = Providers::new(&settings)
            .err()
            .expect("an error")
            .to_string();
        assert!(error.starts_with("OPENAI_BASE_URL is not"), "{error}");
        assert!(!error.contains(KEY), "{error}");
    }
}

#[tokio::test]
async fn a_temperature_that_a_model_does_not_take_is_left_out() {
    let error = json!({ "error": {
        "message": "Unsupported value: 'temperature' does not support 0.5 with this model.",
        "type": "invalid_request_error", "param": "temperature", "code": "unsupported_value",
    } });
    let replies = vec![Reply::json(400, &error), openai_answer("Fine.", None)];
    let server = ModelServer::start(replies).await;
    assert_eq!(ask(&settings(&server), OpenAi).await.text, "Fine.");
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].body["temperature"], json!(0.5));
    assert_eq!(asked[1].body.get("temperature"), None);
    assert_eq!(asked[1].body["messages"], asked[0].body["messages"]);

    let out_of_range = json!({ "error": {
        "message": "Expected a value <= 2", "param": "temperature", "code": "decimal_above_max_value",
    } });
    let server = ModelServer::start(Reply::json(400, &out_of_range)).await;
    let answer = ask(&settings(&server), OpenAi).await;
    assert!(matches!(answer.error().kind(), ErrorKind::Refused(Some(_))));
    assert_eq!(server.calls(), 1);
}

#[tokio::test]
async fn thinking_is_kept_apart_from_the_answer() {
    let done = openai_finish("stop");
    for thought in [
        json!({ "reasoning_content": "Hm.", "content": null }),
        json!({ "reasoning": "Hm.", "content": "" }),
        json!({ "reasoning": "Hm.", "reasoning_content": "Hm." }),
        json!({ "reasoning": "Hm.", "reasoning_content": "" }),
    ] {
        let said = openai_chunk(&json!({ "content": "Yes." }));
        let answer = answer_of(&[openai_chunk(&thought), said, done.clone()]).await;
        assert_eq!(
            (answer.reasoning.as_str(), answer.text.as_str()),
            ("Hm.", "Yes.")
        );
        assert_eq!(answer.reason(), &StopReason::Stop);
    }
}

#[tokio::test]
async fn usage_is_found_wherever_it_stands() {
    let said = openai_chunk(&json!({ "content": "Yes." }));
    let mut with_finish = openai_finish("stop");
    with_finish["usage"] = openai_usage(5, 2)["usage"].clone();
    let mut not_empty = openai_usage(5, 2);
    not_empty["choices"] = json!([{ "index": 0, "delta": {} }]);
    let mut no_choices = openai_usage(5, 2);
    no_choices["choices"] = Value::Null;
    let finish = openai_finish("stop");
    for chunks in [
        vec![said.clone(), with_finish],
        vec![said.clone(), finish.clone(), not_empty],
        vec![said.clone(), finish.clone(), no_choices],
        vec![openai_usage(5, 2), said.clone(), finish.clone()],
    ] {
        assert_eq!(answer_of(&chunks).await.usage(), usage(5, 2), "{chunks:?}");
    }
    let mut empty = finish.clone();
    empty["usage"] = json!({});
    assert_eq!(answer_of(&[said.clone(), empty]).await.usage(), None);
    assert_eq!(answer_of(&[said, finish]).await.usage(), None);
}

#[tokio::test]
async fn finish_reasons_are_passed_on() {
    let said = openai_chunk(&json!({ "content": "Yes." }));
    for (word, reason) in [
        ("length", StopReason::Length),
        ("content_filter", StopReason::ContentFilter),
        ("tool_calls", StopReason::Other("tool_calls".to_owned())),
    ] {
        let answer = answer_of(&[said.clone(), openai_finish(word)]).await;
        assert_eq!(answer.reason(), &reason);
        assert_eq!(answer.reason().as_str(), word);
    }
    let declined = openai_chunk(&json!({ "refusal": "I won't.", "content": null }));
    assert_eq!(
        answer_of(&[declined, openai_finish("stop")]).await.text,
        "I won't."
    );
}

#[tokio::test]
async fn an_answer_without_text_is_an_error_that_says_why() {
    for (reason, advice) in [
        ("stop", "may be too long"),
        ("length", "raise the agent's max_tokens"),
        ("content_filter", "content filter"),
    ] {
        let role = openai_chunk(&json!({ "role": "assistant", "content": null }));
        let answer = answer_of(&[role, openai_finish(reason)]).await;
        let sentence = answer.error().to_string();
        assert!(sentence.contains(advice), "{sentence}");
    }
}

#[tokio::test]
async fn carriage_returns_comments_and_other_fields_do_no_harm() {
    let body = format!(
        ": OPENROUTER PROCESSING\r\n\r\nevent: message\r\nid: 1\r\ndata: {}\r\n\r\n: x\r\n\
         retry: 5\r\n\r\ndata:{}\r\n\r\ndata: [DONE]\r\n\r\n",
        openai_chunk(&json!({ "content": "Ja, ö." })),
        openai_finish("stop"),
    );
    for cut in [usize::MAX, 7, 1] {
        let reply = Reply::text(200, "text/event-stream; charset=utf-8", &body).cut(cut);
        assert_eq!(answer_to(reply).await.text, "Ja, ö.");
    }
}

#[tokio::test]
async fn errors_in_the_stream_are_errors_whatever_their_shape() {
    let said = openai_chunk(&json!({ "content": "Yes" }));
    let failed = |text: &str| ErrorKind::Failed(Some(text.to_owned()));
    let mut beside = openai_finish("error");
    beside["error"] = json!({ "code": 502, "message": "upstream died" });
    for (chunk, kind) in [
        (
            json!({ "error": { "message": "it broke", "code": null } }),
            failed("it broke"),
        ),
        (
            json!({ "error": { "message": "it broke", "code": 500 } }),
            failed("it broke"),
        ),
        (
            json!({ "error": { "message": "it broke", "code": "500" } }),
            failed("it broke"),
        ),
        (
            json!({ "error": { "message": "slow down", "code": 429 } }),
            ErrorKind::Overloaded,
        ),
        (
            json!({ "error": { "code": "context_length_exceeded" } }),
            ErrorKind::ContextOverflow,
        ),
        (json!({ "error": "it broke" }), failed("it broke")),
        (
            json!({ "error": {}, "choices": [] , "usage": null }),
            ErrorKind::CutOff,
        ),
        (beside, failed("upstream died")),
        (openai_finish("error"), ErrorKind::Failed(None)),
    ] {
        let answer = answer_of(&[said.clone(), chunk.clone()]).await;
        assert_eq!(answer.text, "Yes");
        assert_eq!(answer.error().kind(), &kind, "{chunk}");
    }
}

#[tokio::test]
async fn what_is_no_stream_is_an_error() {
    let whole = json!({ "choices": [{ "message": { "content": "Hi" }, "finish_reason": "stop" }] });
    let error = json!({ "error": { "message": "it broke", "code": 400 } });
    for (reply, kind) in [
        (
            Reply::text(200, "text/html", "<h1>Hello</h1>"),
            ErrorKind::WrongServer,
        ),
        (
            Reply::text(200, "", "<h1>Hello</h1>\n\n"),
            ErrorKind::NoAnswer(None),
        ),
        (Reply::json(200, &whole), ErrorKind::Malformed),
        (
            Reply::json(200, &error),
            ErrorKind::Refused(Some("it broke".to_owned())),
        ),
        (Reply::events(&[]), ErrorKind::NoAnswer(None)),
        (
            Reply::text(502, "text/html", "<h1>Bad Gateway</h1>"),
            ErrorKind::Failed(None),
        ),
    ] {
        let answer = answer_to(reply).await;
        assert_eq!(answer.error().kind(), &kind);
    }
}

#[tokio::test]
async fn done_alone_is_no_success_and_a_finish_reason_is() {
    let said = openai_chunk(&json!({ "content": "Yes" }));
    let answer = answer_of(std::slice::from_ref(&said)).await;
    assert_eq!(answer.error().kind(), &ErrorKind::CutOff);
    let finished = Reply::events(&[said, openai_finish("stop")]).pieces(2);
    for end in [End::Complete, End::Close, End::Reset, End::Silence] {
        let answer = answer_to(finished.clone().end(end)).await;
        assert_eq!(answer.text, "Yes", "{end:?}");
        assert_eq!(answer.reason(), &StopReason::Stop, "{end:?}");
    }
}

#[test]
fn debug_output_of_the_settings_hides_the_key() {
    let mut settings = Settings::default();
    settings.openai.api_key = Some(KEY.into());
    assert!(!format!("{settings:?}").contains(KEY));
}
