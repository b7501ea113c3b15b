//! Ollama's native format.

use meggy::llm::{ErrorKind, ProviderName::Ollama, Providers, Settings, StopReason};
use serde_json::{Value, json};

use super::{Answer, ask, settings, usage};
use crate::support::model_server::{ModelServer, Reply, ollama_answer, ollama_line, ollama_models};

async fn answer_to(reply: Reply) -> Answer {
    let server = ModelServer::start(reply).await;
    ask(&settings(&server), Ollama).await
}

/// The last line of an answer, with these fields beside the usual ones.
fn last(fields: Value) -> Value {
    let mut line = ollama_line("");
    line["done"] = json!(true);
    line["done_reason"] = json!("stop");
    for (name, value) in fields.as_object().into_iter().flatten() {
        line[name] = value.clone();
    }
    line
}

#[tokio::test]
async fn the_request_says_what_was_asked() {
    let server = ModelServer::start(ollama_answer("Fine.", Some((26, 3)))).await;
    let mut settings = settings(&server);
    settings.ollama.context_length = 4096;
    // A slash at the end is a frequent slip.
    settings.ollama.base_url += "/";
    let answer = ask(&settings, Ollama).await;
    assert_eq!(
        (answer.text.as_str(), answer.usage()),
        ("Fine.", usage(26, 3))
    );
    let asked = server.only_asked();
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("POST", "/api/chat")
    );
    assert_eq!(asked.authorization(), None);
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
            "stream": true,
            "truncate": false,
            "options": { "temperature": 0.5, "num_predict": 77, "num_ctx": 4096 },
        }),
    );
}

#[tokio::test]
async fn answers_are_read_however_they_are_cut() {
    for cut in [usize::MAX, 7, 1] {
        let reply = ollama_answer("Grüße 🦀 und 漢字", Some((26, 9))).cut(cut);
        let answer = answer_to(reply).await;
        assert_eq!(answer.text, "Grüße 🦀 und 漢字", "cut by {cut}");
        assert_eq!(answer.usage(), usage(26, 9));
        assert_eq!(answer.reason(), &StopReason::Stop);
    }
}

#[tokio::test]
async fn thinking_is_kept_apart_and_the_last_line_may_have_text() {
    let mut thought = ollama_line("");
    thought["message"]["thinking"] = json!("Hm.");
    let mut end = last(json!({ "done_reason": "length", "eval_count": 7 }));
    end["message"]["content"] = json!("es.");
    let answer = answer_to(Reply::lines(&[thought, ollama_line("Y"), end])).await;
    assert_eq!(
        (answer.reasoning.as_str(), answer.text.as_str()),
        ("Hm.", "Yes.")
    );
    assert_eq!(answer.reason(), &StopReason::Length);
    // A prompt that was wholly cached is not counted.
    assert_eq!(answer.usage(), usage(0, 7));
}

#[tokio::test]
async fn counts_that_are_absent_are_unknown() {
    let answer = answer_to(ollama_answer("Yes.", None)).await;
    assert_eq!((answer.text.as_str(), answer.usage()), ("Yes.", None));
}

#[tokio::test]
async fn refusals_are_understood() {
    let refused = |text: &str| ErrorKind::Refused(Some(text.to_owned()));
    for (status, text, kind) in [
        (404, "model 'm' not found", ErrorKind::UnknownModel),
        (
            404,
            "model \"m\" not found, try pulling it first",
            ErrorKind::UnknownModel,
        ),
        (400, "invalid model name", ErrorKind::UnknownModel),
        (
            400,
            "the prompt is longer than the context length currently available to the model; x",
            ErrorKind::ContextOverflow,
        ),
        (
            500,
            "the input length exceeds the context length",
            ErrorKind::ContextOverflow,
        ),
        (
            400,
            "\"m\" does not support chat",
            refused("\"m\" does not support chat"),
        ),
        (401, "unauthorized", ErrorKind::BadKey),
        (
            403,
            "remote inference is off",
            refused("remote inference is off"),
        ),
        (
            503,
            "server busy, please try again.  maximum pending",
            ErrorKind::Overloaded,
        ),
        (
            500,
            "model runner has unexpectedly stopped at 10.0.0.7:4711",
            ErrorKind::Failed(Some(
                "model runner has unexpectedly stopped at […]".to_owned(),
            )),
        ),
    ] {
        let answer = answer_to(Reply::json(status, &json!({ "error": text }))).await;
        assert_eq!(answer.error().kind(), &kind, "{text}");
    }
    for (status, text) in [(404, "404 page not found"), (405, "405 method not allowed")] {
        let answer = answer_to(Reply::text(status, "text/plain", text)).await;
        assert_eq!(answer.error().kind(), &ErrorKind::WrongServer);
    }
}

#[tokio::test]
async fn an_error_line_ends_the_answer() {
    let error = json!({ "error": "it broke" });
    let answer = answer_to(Reply::lines(&[ollama_line("Yes"), error, last(json!({}))])).await;
    assert_eq!(answer.text, "Yes");
    assert_eq!(
        answer.error().kind(),
        &ErrorKind::Failed(Some("it broke".to_owned())),
    );
}

#[tokio::test]
async fn only_done_is_success() {
    let answer = answer_to(Reply::lines(&[ollama_line("Yes")])).await;
    assert_eq!(answer.text, "Yes");
    assert_eq!(answer.error().kind(), &ErrorKind::CutOff);

    let load = last(json!({ "done_reason": "load" }));
    let reason = StopReason::Other("load".to_owned());
    let answer = answer_to(Reply::lines(&[load])).await;
    assert_eq!(answer.error().kind(), &ErrorKind::NoAnswer(Some(reason)));

    let answer = answer_to(Reply::lines(&[])).await;
    assert_eq!(answer.error().kind(), &ErrorKind::NoAnswer(None));
}

#[tokio::test]
async fn what_is_no_stream_of_lines_is_an_error() {
    for (reply, kind) in [
        (
            Reply::text(200, "text/html", "<h1>Hello</h1>"),
            ErrorKind::WrongServer,
        ),
        (
            Reply::text(200, "text/plain", "Ollama is running"),
            ErrorKind::Malformed,
        ),
    ] {
        assert_eq!(answer_to(reply).await.error().kind(), &kind);
    }
}

#[tokio::test]
async fn models_are_listed() {
    let server = ModelServer::start(ollama_models(&["llama3.2:latest", "m:1b"])).await;
    let providers = Providers::new(&settings(&server)).unwrap();
    assert_eq!(
        providers.models(Ollama).await.unwrap(),
        ["llama3.2:latest", "m:1b"]
    );
    assert_eq!(server.only_asked().path, "/api/tags");

    let server = ModelServer::start(Reply::text(200, "text/plain", "hello")).await;
    let providers = Providers::new(&settings(&server)).unwrap();
    let error = providers.models(Ollama).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::WrongServer);
    assert!(
        error.to_string().starts_with("ollama cannot be used: "),
        "{error}"
    );
}

#[test]
fn an_address_that_cannot_work_is_refused() {
    let mut settings = Settings::default();
    settings.ollama.base_url = "localhost:11434".to_owned();
    let error = Providers::new(&settings).err().expect("an error");
    assert_eq!(
        error.to_string(),
        "OLLAMA_BASE_URL is not an address such as http://localhost:11434",
    );
}
