//! The events of a turn as Meggy's own front ends are told them, by server-sent events and over WebSockets.

use serde::Serialize;

use super::reader::Event;
use super::turn::{End, Turn};
use crate::messages::{ErrorCode, MessageBody, Status};

/// An event: its id, its name, and what it says.
pub struct Told {
    pub id: u64,
    pub name: &'static str,
    pub body: Body,
}

/// What an event says.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Body {
    Start {
        user_message: Box<MessageBody>,
        assistant_message: Box<MessageBody>,
    },
    Text {
        text: String,
    },
    Usage {
        prompt_tokens: i32,
        completion_tokens: i32,
        tokens_used: i32,
        estimated: bool,
    },
    Finish {
        status: Status,
        finish_reason: Option<String>,
        assistant_message: Box<MessageBody>,
    },
    Error {
        error: String,
        code: ErrorCode,
        status: u16,
        /// After how many seconds another try may help.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
        assistant_message: Box<MessageBody>,
    },
    Closing {},
}

/// Puts an event of a turn into words: two of them at its end, if it is known what the turn cost.
pub fn tell(turn: &Turn, id: u64, event: Event) -> impl Iterator<Item = Told> + use<> {
    let one = |name, body| (None, Told { id, name, body });
    let (usage, event) = match event {
        Event::Start => one(
            "start",
            Body::Start {
                user_message: Box::new(turn.question.clone().into()),
                assistant_message: Box::new(turn.answer.clone().into()),
            },
        ),
        Event::Text(text) => one("delta", Body::Text { text }),
        Event::Reasoning(text) => one("reasoning", Body::Text { text }),
        Event::Closing => one("closing", Body::Closing {}),
        Event::End(end) => (usage(&end, id), ending(&end, id)),
    };
    usage.into_iter().chain([event])
}

fn usage(end: &End, id: u64) -> Option<Told> {
    let answer = &end.answer;
    Some(Told {
        // Before the end itself, behind the text.
        id: id - 1,
        name: "usage",
        body: Body::Usage {
            prompt_tokens: answer.prompt_tokens?,
            completion_tokens: answer.completion_tokens?,
            tokens_used: answer.tokens_used?,
            estimated: answer.usage_estimated,
        },
    })
}

fn ending(end: &End, id: u64) -> Told {
    let assistant_message = Box::new(MessageBody::from(end.answer.clone()).without_text());
    match end.answer.error_code {
        None => Told {
            id,
            name: "finish",
            body: Body::Finish {
                status: end.answer.status,
                finish_reason: end.answer.finish_reason.clone(),
                assistant_message,
            },
        },
        Some(code) => Told {
            id,
            name: "error",
            body: Body::Error {
                error: end.answer.error.clone().unwrap_or_default(),
                code,
                status: code.status().as_u16(),
                retry_after: end.retry_after_seconds(),
                assistant_message,
            },
        },
    }
}
