//! What a model is told of a long conversation.

use std::sync::Arc;

use meggy::llm::{
    ChatMessage, ProviderName,
    ProviderName::{Ollama, OpenAi},
    Providers, Request, Role, Usage,
};
use serde_json::json;

use super::{answer, read, request, settings};
use crate::support::model_server::ModelServer;

/// A conversation of so many exchanges, each with about 2,000 bytes.
fn long(exchanges: usize) -> Request {
    let message = |role| ChatMessage {
        role,
        content: "so it was ".repeat(100),
    };
    let mut request = request();
    for _ in 0..exchanges {
        let exchange = [message(Role::User), message(Role::Assistant)];
        request.messages.splice(1..1, exchange);
    }
    request
}

#[tokio::test]
async fn what_fits_into_the_context_is_told() {
    for provider in ProviderName::ALL {
        let server = ModelServer::start(answer(provider, "Yes.")).await;
        let mut settings = settings(&server);
        settings.ollama.context_length = 4096;
        let providers = Providers::new(&settings).unwrap();
        let request = Request {
            model: "gpt-4".to_owned(),
            ..long(100)
        };
        let fitted = providers.fit(provider, request).await.unwrap();
        // An exchange takes 610 tokens of 8,115 by OpenAI's count, 676 of 4,019 by the estimate.
        let told = match provider {
            OpenAi => 2 * 13,
            Ollama => 2 * 5,
        };
        assert_eq!(fitted.left_out, 200 - told);
        read(&providers, provider, Arc::clone(&fitted.request)).await;
        let asked = server.only_asked();
        let messages = asked.body["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 4 + told as usize);
        assert_eq!(messages[0]["role"], "system");
        assert_eq!(messages[1]["role"], "user");
        assert_eq!(
            messages.last().unwrap()["content"],
            "Wie geht's, Jürgen? 🦀"
        );

        let trimmed = fitted.trimmed().unwrap();
        let more = trimmed.left_out - fitted.left_out;
        assert!((told / 2..told).contains(&more), "{more}");
    }
}

#[tokio::test]
async fn the_agents_own_context_goes_before_all_others() {
    let server = ModelServer::start(answer(Ollama, "Yes.")).await;
    let providers = Providers::new(&settings(&server)).unwrap();
    let request = Request {
        context_window: Some(1000),
        ..long(3)
    };
    let fitted = providers.fit(Ollama, request).await.unwrap();
    assert_eq!(fitted.left_out, 4);
    read(&providers, Ollama, fitted.request).await;
    assert_eq!(server.only_asked().body["options"]["num_ctx"], json!(1000));
}

#[tokio::test]
async fn too_long_a_question_is_refused_without_asking() {
    let server = ModelServer::start(answer(OpenAi, "Yes.")).await;
    let providers = Providers::new(&settings(&server)).unwrap();
    let mut request = Request {
        model: "gpt-4".to_owned(),
        ..long(1)
    };
    request.messages.last_mut().unwrap().content = "so it was ".repeat(3000);
    let error = providers.fit(OpenAi, request).await.unwrap_err();
    assert_eq!((error.budget, error.needed > 9000), (8192 - 77, true));
    assert_eq!(server.calls(), 0);
}

#[tokio::test]
async fn usage_can_be_estimated() {
    let server = ModelServer::start(answer(OpenAi, "Yes.")).await;
    let providers = Providers::new(&settings(&server)).unwrap();
    let request = Arc::new(Request {
        model: "gpt-4o".to_owned(),
        ..request()
    });
    assert_eq!(
        providers
            .estimate_usage(OpenAi, &request, &["Hm.", "Yes, it is."])
            .await,
        Usage {
            prompt_tokens: 3 + 4 * 4 + 3 + 1 + 2 + 10,
            completion_tokens: 2 + 5,
        }
    );
}
