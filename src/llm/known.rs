//! What is known of models by their names: how they make tokens of text, and how many they can take
//! in.

use super::{
    ProviderName,
    context::Window,
    tokens::Tokenizer::{self, Cl100k, O200k},
};

/// What is known of a model.
pub(super) struct Known {
    pub tokenizer: Tokenizer,
    /// `None` for open models: it depends on where they run.
    pub window: Option<Window>,
}

/// OpenAI's models, each by how its name and those of its kin begin; the first that fits counts. Of
/// newer ones that can take in more than their elders, an agent's `context_window` can say so.
const MODELS: [(&str, Known); 25] = [
    ("gpt-3.5", known(Cl100k, 16_385)),
    // As Azure spells it.
    ("gpt-35", known(Cl100k, 16_385)),
    ("gpt-4-32k", known(Cl100k, 32_768)),
    ("gpt-4-0125", known(Cl100k, 128_000)),
    ("gpt-4-1106", known(Cl100k, 128_000)),
    ("gpt-4-turbo", known(Cl100k, 128_000)),
    ("gpt-4-vision", known(Cl100k, 128_000)),
    ("gpt-4.1", known(O200k, 1_047_576)),
    ("gpt-4.5", known(O200k, 128_000)),
    ("gpt-4o", known(O200k, 128_000)),
    ("gpt-4", known(Cl100k, 8_192)),
    ("chatgpt-4o", known(O200k, 128_000)),
    ("gpt-5-chat", known(O200k, 128_000)),
    ("gpt-5.1-chat", known(O200k, 128_000)),
    ("gpt-5.2-chat", known(O200k, 128_000)),
    ("gpt-5.3-chat", known(O200k, 128_000)),
    ("gpt-5", with_shorter_prompt(400_000, 272_000)),
    ("gpt-6", with_shorter_prompt(1_050_000, 922_000)),
    ("gpt-audio", known(O200k, 128_000)),
    ("o1-mini", known(O200k, 128_000)),
    ("o1-preview", known(O200k, 128_000)),
    ("o1", known(O200k, 200_000)),
    ("o3", known(O200k, 200_000)),
    ("o4", known(O200k, 200_000)),
    ("gpt-oss", GPT_OSS),
];

/// OpenAI's open models, which run anywhere.
const GPT_OSS: Known = Known {
    tokenizer: O200k,
    window: None,
};

const fn known(tokenizer: Tokenizer, window: u32) -> Known {
    Known {
        tokenizer,
        window: Some(Window::of(window)),
    }
}

/// A model of which a part of the window is for the answer only.
const fn with_shorter_prompt(total: u32, prompt: u32) -> Known {
    Known {
        tokenizer: O200k,
        window: Some(Window {
            prompt,
            ..Window::of(total)
        }),
    }
}

/// What is known of a model. Gateways put a provider and a slash before the name, OpenAI `ft:` before
/// those of fine-tuned models. Ollama's users give names as they like, so that there only the open
/// models are known.
pub(super) fn find(provider: ProviderName, model: &str) -> Option<&'static Known> {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.strip_prefix("ft:").unwrap_or(name);
    let fits = |beginning: &str| {
        name.strip_prefix(beginning).is_some_and(|rest| {
            // `gpt-4` is no beginning of `gpt-4all`.
            !rest.starts_with(|next: char| next.is_alphanumeric())
        })
    };
    let found = MODELS.iter().find(|(beginning, _)| fits(beginning));
    found
        .map(|(_, known)| known)
        .filter(|known| provider == ProviderName::OpenAi || known.window.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(provider: ProviderName, model: &str) -> Option<(Tokenizer, Option<Window>)> {
        find(provider, model).map(|known| (known.tokenizer, known.window))
    }

    #[test]
    fn openais_models_are_known_by_how_their_names_begin() {
        let of = |window| Some(Window::of(window));
        let gpt_5 = Some(Window {
            prompt: 272_000,
            ..Window::of(400_000)
        });
        for (model, expected) in [
            ("gpt-3.5-turbo", Some((Cl100k, of(16_385)))),
            ("gpt-3.5-turbo-0125", Some((Cl100k, of(16_385)))),
            ("gpt-35-turbo", Some((Cl100k, of(16_385)))),
            ("gpt-4", Some((Cl100k, of(8_192)))),
            ("gpt-4-0613", Some((Cl100k, of(8_192)))),
            ("gpt-4-32k", Some((Cl100k, of(32_768)))),
            ("gpt-4-turbo-2024-04-09", Some((Cl100k, of(128_000)))),
            ("gpt-4-1106-preview", Some((Cl100k, of(128_000)))),
            ("gpt-4o", Some((O200k, of(128_000)))),
            ("gpt-4o-mini-2024-07-18", Some((O200k, of(128_000)))),
            ("gpt-4.1-nano", Some((O200k, of(1_047_576)))),
            ("gpt-5", Some((O200k, gpt_5))),
            ("gpt-5.2-2025-12-11", Some((O200k, gpt_5))),
            ("gpt-5.1-chat-latest", Some((O200k, of(128_000)))),
            ("o1-preview", Some((O200k, of(128_000)))),
            ("o1", Some((O200k, of(200_000)))),
            ("o4-mini", Some((O200k, of(200_000)))),
            (
                "ft:gpt-4o-mini-2024-07-18:org::id",
                Some((O200k, of(128_000))),
            ),
            ("openai/gpt-4o:extended", Some((O200k, of(128_000)))),
            ("openai/gpt-oss-20b", Some((O200k, None))),
            ("gpt-4all-j", None),
            ("gpt-j", None),
            ("o11y-model", None),
            ("llama-3.3-70b", None),
            ("anthropic/claude-sonnet-4.5", None),
            ("", None),
        ] {
            assert_eq!(found(ProviderName::OpenAi, model), expected, "{model}");
        }
    }

    #[test]
    fn of_ollamas_models_openais_open_ones_are_known() {
        for (model, expected) in [
            ("gpt-oss:20b", Some((O200k, None))),
            ("gpt-4", None),
            ("o1", None),
            ("llama3.2:1b", None),
        ] {
            assert_eq!(found(ProviderName::Ollama, model), expected, "{model}");
        }
    }
}
