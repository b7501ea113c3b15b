//! The language models, and which of them new agents have.

use std::time::Duration;

use secrecy::SecretString;

use super::env::Reader;
use crate::llm::{OllamaSettings, OpenAiSettings, ProviderName, Settings};

/// What a new agent is like unless its maker says otherwise.
#[derive(Clone, Debug)]
pub struct AgentDefaults {
    /// `DEFAULT_LLM_PROVIDER`.
    pub provider: ProviderName,
    /// `DEFAULT_MODEL`.
    pub model: String,
}

impl AgentDefaults {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let provider = match reader.text("DEFAULT_LLM_PROVIDER") {
            None => ProviderName::OpenAi,
            Some(value) => value.to_ascii_lowercase().parse().unwrap_or_else(|_| {
                reader.reject(
                    "DEFAULT_LLM_PROVIDER",
                    format!("`{value}` is neither openai nor ollama"),
                );
                ProviderName::OpenAi
            }),
        };
        let model = reader
            .text("DEFAULT_MODEL")
            .unwrap_or_else(|| "gpt-4".to_owned());
        if model.chars().count() > 100 {
            reader.reject(
                "DEFAULT_MODEL",
                "is longer than the 100 characters that a model's name may have, for example gpt-4",
            );
        }
        Self { provider, model }
    }
}

/// The settings of the language models.
pub(super) fn read(reader: &mut Reader<'_>) -> Settings {
    let defaults = Settings::default();
    let seconds = |reader: &mut Reader<'_>, name, default: Duration| {
        Duration::from_secs(reader.number(name, default.as_secs(), 1..=86_400))
    };
    Settings {
        openai: OpenAiSettings {
            api_key: read_api_key(reader),
            base_url: read_base_url(reader, "OPENAI_BASE_URL", "http://localhost:8080/v1"),
        },
        ollama: OllamaSettings {
            base_url: read_base_url(reader, "OLLAMA_BASE_URL", "http://localhost:11434")
                .unwrap_or(defaults.ollama.base_url),
            context_length: reader.number(
                "OLLAMA_CONTEXT_LENGTH",
                defaults.ollama.context_length,
                256..=16 * 1024 * 1024,
            ),
        },
        connect_timeout: seconds(
            reader,
            "LLM_CONNECT_TIMEOUT_SECONDS",
            defaults.connect_timeout,
        ),
        first_token_timeout: seconds(
            reader,
            "LLM_FIRST_TOKEN_TIMEOUT_SECONDS",
            defaults.first_token_timeout,
        ),
        idle_timeout: seconds(reader, "LLM_IDLE_TIMEOUT_SECONDS", defaults.idle_timeout),
        max_retries: reader.number("LLM_MAX_RETRIES", defaults.max_retries, 0..=10),
        max_retry_after: seconds(
            reader,
            "LLM_MAX_RETRY_AFTER_SECONDS",
            defaults.max_retry_after,
        ),
        max_answer_bytes: reader.number(
            "LLM_MAX_ANSWER_BYTES",
            defaults.max_answer_bytes,
            1024..=1024 * 1024 * 1024,
        ),
    }
}

/// A key goes into a header, so it has no line breaks and nothing beyond ASCII.
fn read_api_key(reader: &mut Reader<'_>) -> Option<SecretString> {
    let key = reader.text("OPENAI_API_KEY")?;
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        reader.reject("OPENAI_API_KEY", "contains white space or other characters that no key has; paste the key alone, for example sk-abc123");
    }
    Some(key.into())
}

/// An address of a server, without a slash at its end.
pub(super) fn read_base_url(
    reader: &mut Reader<'_>,
    name: &'static str,
    example: &str,
) -> Option<String> {
    let value = reader.text(name)?;
    match reqwest::Url::parse(&value) {
        Ok(url)
            if matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.query().is_none() =>
        {
            Some(value.trim_end_matches('/').to_owned())
        }
        _ => {
            // The value may hold a password, so it is not repeated.
            reader.reject(
                name,
                format!("is no http or https address without parameters, for example {example}"),
            );
            None
        }
    }
}
