//! Reading an answer in OpenAI's format, with the liberties that servers take.

use std::{collections::VecDeque, sync::Arc};

use async_openai::{error::OpenAIError, types::stream::StreamResponse};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;

use crate::llm::{
    Error, ErrorKind, Event, LAST_WORDS, ProviderName, StopReason, Usage,
    reader::{Reader, push},
    refusal::{Refusal, is_truthy},
    transport::{Server, Trouble, causes, error_place},
};

/// One event of the stream. Nothing in it can be relied on: see [`Answer`].
#[derive(Deserialize)]
pub(super) struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<WireUsage>,
    #[serde(default)]
    error: Value,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
    /// Takes the place of `content` when OpenAI's models decline.
    refusal: Option<String>,
    /// The two names of thinking text; some servers send it under both.
    reasoning_content: Option<String>,
    reasoning: Option<String>,
}

#[derive(Deserialize)]
struct WireUsage {
    prompt_tokens: Option<u32>,
    completion_tokens: Option<u32>,
}

/// An answer being read.
pub(super) struct Answer {
    server: Arc<Server>,
    model: String,
    chunks: StreamResponse<Chunk>,
    /// Whether any chunk came at all.
    began: bool,
    finish: Option<StopReason>,
    usage: Option<Usage>,
}

impl Reader for Answer {
    async fn read(&mut self, events: &mut VecDeque<Event>) -> Result<(), Error> {
        let next = self.chunks.next();
        let chunk = match self.finish {
            None => next.await,
            Some(_) => timeout(LAST_WORDS, next).await.ok().flatten(),
        };
        match (chunk, self.finish.take()) {
            (Some(Ok(chunk)), finish) => {
                self.finish = finish;
                self.take(chunk, events)
            }
            // `[DONE]`, the end and a broken connection are all the same to a complete answer.
            (_, Some(reason)) => {
                let usage = self.usage;
                events.push_back(Event::Done { reason, usage });
                Ok(())
            }
            (Some(Err(error)), None) => Err(self.broken(&error)),
            (None, None) if self.began => Err(self.error(ErrorKind::CutOff)),
            // llama-cpp-python answers so when the conversation does not fit.
            (None, None) => Err(self.error(ErrorKind::NoAnswer(None))),
        }
    }
}

impl Answer {
    pub fn new(server: Arc<Server>, model: String, chunks: StreamResponse<Chunk>) -> Self {
        Self {
            server,
            model,
            chunks,
            began: false,
            finish: None,
            usage: None,
        }
    }

    fn take(&mut self, chunk: Chunk, events: &mut VecDeque<Event>) -> Result<(), Error> {
        self.began = true;
        // OpenRouter sends it beside choices that look like the end of an answer.
        if is_truthy(&chunk.error) {
            let refusal = Box::new(Refusal::in_stream(&chunk.error));
            return Err(self
                .server
                .error(Some(&self.model), Trouble::Refused(refusal)));
        }
        if let Some(usage) = chunk.usage.and_then(WireUsage::read) {
            self.usage = Some(usage);
        }
        // We ask for one choice; the chunk with the usage has none or an empty one.
        let Some(choice) = chunk.choices.into_iter().flatten().next() else {
            return Ok(());
        };
        if let Some(delta) = choice.delta {
            let thought = delta
                .reasoning_content
                .filter(|thought| !thought.is_empty());
            push(events, Event::Reasoning, thought.or(delta.reasoning));
            push(events, Event::Text, delta.content);
            push(events, Event::Text, delta.refusal);
        }
        match choice.finish_reason.as_deref() {
            Some("error") => return Err(self.error(ErrorKind::Failed(None))),
            Some(reason) if !reason.is_empty() => self.finish = Some(StopReason::from_wire(reason)),
            _ => {}
        }
        Ok(())
    }

    fn broken(&self, error: &OpenAIError) -> Error {
        match error {
            OpenAIError::JSONDeserialize(error, _) => self
                .error(ErrorKind::Malformed)
                .because(&error_place(error)),
            // The connection broke; before the first token that is worth another try.
            error => self
                .error(ErrorKind::CutOff)
                .retryable(true)
                .because(&causes(error)),
        }
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(ProviderName::OpenAi, Some(&self.model), kind)
    }
}

impl WireUsage {
    fn read(self) -> Option<Usage> {
        (self.prompt_tokens.is_some() || self.completion_tokens.is_some()).then(|| Usage {
            prompt_tokens: self.prompt_tokens.unwrap_or(0),
            completion_tokens: self.completion_tokens.unwrap_or(0),
        })
    }
}
