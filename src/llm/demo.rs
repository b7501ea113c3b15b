//! A stand-in for a language model, so that the program can be tried without one.

use std::{sync::Arc, time::Duration};

use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, ready},
    stream::{self, BoxStream},
};
use tokio::time::sleep;

use super::{Error, Event, Provider, Request, Role, StopReason, Usage};

/// Time between two words: fast reading speed, so that streaming can be seen.
const PACE: Duration = Duration::from_millis(15);

/// Most characters repeated of a question or a system prompt.
const QUOTE_LIMIT: usize = 200;

/// Answers every question by saying what it was asked, word by word, and never fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct Demo;

impl Provider for Demo {
    fn chat(&self, request: Arc<Request>) -> BoxStream<'static, Result<Event, Error>> {
        let answer = answer(&request);
        let words: Vec<_> = answer.split_inclusive(' ').map(str::to_owned).collect();
        let asked = request
            .messages
            .iter()
            .map(|m| count_words(&m.content))
            .sum();
        let done = Event::Done {
            reason: StopReason::Stop,
            usage: Some(Usage {
                prompt_tokens: asked,
                completion_tokens: count_words(&answer),
            }),
        };
        stream::iter(words)
            .then(|word| async {
                sleep(PACE).await;
                Ok(Event::Text(word))
            })
            .chain(stream::once(ready(Ok(done))))
            .boxed()
    }

    fn models(&self) -> BoxFuture<'static, Result<Vec<String>, Error>> {
        ready(Ok(vec!["demo".to_owned()])).boxed()
    }
}

fn answer(request: &Request) -> String {
    let last = |role| {
        let mut messages = request.messages.iter().rev();
        messages
            .find(|m| m.role == role)
            .map(|m| first_line(&m.content))
    };
    let said = request.messages.iter().filter(|m| m.role != Role::System);
    let mut parts = vec!["I am Meggy's built-in demo model, not a real language model.".to_owned()];
    if let Some(question) = last(Role::User) {
        parts.push(format!("You asked: \"{question}\"."));
    }
    parts.push(match said.count() {
        0 | 1 => "This is the first message of our conversation.".to_owned(),
        count => format!("Our conversation has {count} messages so far."),
    });
    if let Some(prompt) = last(Role::System) {
        parts.push(format!("My instructions begin with: \"{prompt}\"."));
    }
    parts.join(" ")
}

/// The first line with something in it, shortened.
fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.unwrap_or_default();
    match line.char_indices().nth(QUOTE_LIMIT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

fn count_words(text: &str) -> u32 {
    u32::try_from(text.split_whitespace().count()).unwrap_or(u32::MAX)
}
