//! Providers against a local server that replays captured bytes and scripted faults.

mod captures;
mod context;
mod faults;
mod ollama;
mod openai;
mod retries;

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use meggy::llm::{
    ChatMessage, Demo, Error, Event, Parameters, ProviderName, Providers, Request, Role, Settings,
    StopReason, Usage,
};

use crate::support::model_server::{ModelServer, Reply, ollama_answer, openai_answer};

/// A key that an error must never show.
const KEY: &str = "hunter22";

/// Limits that no test reaches unless it sets out to, and no retries.
fn settings(server: &ModelServer) -> Settings {
    settings_for(&server.openai_url(), &server.ollama_url())
}

fn settings_for(openai: &str, ollama: &str) -> Settings {
    let mut settings = Settings::default();
    settings.openai.base_url = Some(openai.to_owned());
    settings.openai.api_key = Some(KEY.into());
    settings.ollama.base_url = ollama.to_owned();
    settings.first_token_timeout = Duration::from_secs(20);
    settings.idle_timeout = Duration::from_secs(20);
    settings.max_retries = 0;
    settings
}

/// Settings with the two retries that are the default.
fn persistent(server: &ModelServer) -> Settings {
    Settings {
        max_retries: 2,
        ..settings(server)
    }
}

/// The same answer in the provider's own format.
fn answer(provider: ProviderName, text: &str) -> Reply {
    match provider {
        ProviderName::OpenAi => openai_answer(text, Some((9, 2))),
        ProviderName::Ollama => ollama_answer(text, Some((9, 2))),
    }
}

/// So many pieces of an answer that hold text.
fn begun(provider: ProviderName, words: usize) -> Reply {
    let role = usize::from(provider == ProviderName::OpenAi);
    answer(provider, "one two three").pieces(role + words)
}

fn request() -> Request {
    let message = |role, content: &str| ChatMessage {
        role,
        content: content.to_owned(),
    };
    Request {
        model: "m".to_owned(),
        messages: vec![
            message(Role::System, "Be brief."),
            message(Role::User, "Hello"),
            message(Role::Assistant, "Hi."),
            message(Role::User, "Wie geht's, Jürgen? 🦀"),
        ],
        temperature: 0.5,
        max_tokens: 77,
        context_window: None,
        parameters: Parameters::default(),
    }
}

/// A stream read to its end.
#[derive(Debug)]
struct Answer {
    text: String,
    reasoning: String,
    end: Result<(StopReason, Option<Usage>), Error>,
}

impl Answer {
    /// The error, which must be fit for users.
    fn error(&self) -> &Error {
        let error = self.end.as_ref().expect_err("an error");
        let sentence = error.to_string();
        for secret in [KEY, "127.0.0.1", "http:", "localhost", "Bearer"] {
            assert!(!sentence.contains(secret), "{sentence}");
        }
        assert!(sentence.contains(error.provider().as_str()), "{sentence}");
        assert!(
            sentence.ends_with('.') && !sentence.contains('\n'),
            "{sentence}"
        );
        assert!(
            !error.detail().unwrap_or_default().contains(KEY),
            "{error:?}"
        );
        error
    }

    fn usage(&self) -> Option<Usage> {
        self.end.as_ref().expect("an answer").1
    }

    fn reason(&self) -> &StopReason {
        &self.end.as_ref().expect("an answer").0
    }
}

async fn ask(settings: &Settings, provider: ProviderName) -> Answer {
    ask_for(settings, provider, request()).await
}

async fn ask_for(settings: &Settings, provider: ProviderName, request: Request) -> Answer {
    let providers = Providers::new(settings).expect("usable settings");
    read(&providers, provider, request).await
}

/// Reads an answer, which must have exactly one end.
async fn read(
    providers: &Providers,
    provider: ProviderName,
    request: impl Into<Arc<Request>>,
) -> Answer {
    let mut events = providers.chat(provider, request);
    let (mut text, mut reasoning) = (String::new(), String::new());
    let end = loop {
        match events.next().await.expect("an end") {
            Ok(Event::Text(piece)) => text += &piece,
            Ok(Event::Reasoning(piece)) => reasoning += &piece,
            Ok(Event::Done { reason, usage }) => break Ok((reason, usage)),
            Err(error) => break Err(error),
        }
    };
    assert!(events.next().await.is_none(), "an event after the end");
    Answer {
        text,
        reasoning,
        end,
    }
}

fn usage(prompt_tokens: u32, completion_tokens: u32) -> Option<Usage> {
    Some(Usage {
        prompt_tokens,
        completion_tokens,
    })
}

#[tokio::test]
async fn the_demo_says_what_it_is_and_what_it_was_asked() {
    let providers = Providers::with(Arc::new(Demo));
    for provider in ProviderName::ALL {
        let answer = read(&providers, provider, request()).await;
        assert_eq!(
            answer.text,
            "I am Meggy's built-in demo model, not a real language model. You asked: \"Wie geht's, \
             Jürgen? 🦀\". Our conversation has 3 messages so far. My instructions begin with: \"Be \
             brief.\".",
        );
        assert_eq!(answer.reason(), &StopReason::Stop);
        assert_eq!(answer.usage(), usage(8, 30));
        assert_eq!(providers.models(provider).await.unwrap(), ["demo"]);
    }
}

#[tokio::test]
async fn the_demo_comes_word_by_word() {
    let providers = Providers::with(Arc::new(Demo));
    let mut events = providers.chat(ProviderName::OpenAi, request());
    assert_eq!(
        events.next().await.unwrap().unwrap(),
        Event::Text("I ".to_owned())
    );
    assert_eq!(
        events.next().await.unwrap().unwrap(),
        Event::Text("am ".to_owned())
    );
}

#[test]
fn provider_names_are_read_and_written() {
    for name in ProviderName::ALL {
        assert_eq!(name.as_str().parse(), Ok(name));
    }
    assert!("OpenAI".parse::<ProviderName>().is_err());
}
