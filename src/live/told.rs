//! The events of a turn as Meggy's own front ends are told them, by server-sent events and over WebSockets.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::reader::Event;
use super::turn::{End, Turn};
use crate::http::openapi::events::{Schemas, add, event, json_data};
use crate::messages::{ErrorCode, MessageBody, Status, ToldMessage};

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
    Start(Start),
    Text(Text),
    Usage(Usage),
    Finish(Finish),
    Error(Failed),
    Closing(Closing),
}

/// A turn has begun. Both messages as they were stored; the answer is empty and `pending`.
#[derive(Serialize, ToSchema)]
#[schema(as = StartEvent)]
pub struct Start {
    user_message: Box<MessageBody>,
    assistant_message: Box<MessageBody>,
}

/// The next piece of the answer, or of what the model thinks.
#[derive(Serialize, ToSchema)]
#[schema(as = TextEvent)]
pub struct Text {
    text: String,
}

/// What the turn cost; left out where that is not known.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageEvent)]
pub struct Usage {
    prompt_tokens: i32,
    completion_tokens: i32,
    tokens_used: i32,
    /// Whether these counts are the server's own, because the provider gave none.
    estimated: bool,
}

/// The last event of an answer that is complete or was stopped.
#[derive(Serialize, ToSchema)]
#[schema(as = FinishEvent)]
pub struct Finish {
    /// `complete` or `stopped`.
    status: Status,
    #[schema(required)]
    finish_reason: Option<String>,
    #[schema(value_type = ToldMessage)]
    assistant_message: Box<MessageBody>,
}

/// The last event where there is no answer, or not all of it. The text that came is kept.
#[derive(Serialize, ToSchema)]
#[schema(as = ErrorEvent)]
pub struct Failed {
    /// A sentence for the user.
    error: String,
    code: ErrorCode,
    /// What a request that waits for the answer is answered with.
    status: u16,
    /// After how many seconds another try may help, where the provider told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after: Option<u64>,
    #[schema(value_type = ToldMessage)]
    assistant_message: Box<MessageBody>,
}

/// The last event of a server that ends while the turn goes on elsewhere: join it again.
#[derive(Serialize, ToSchema)]
#[schema(as = ClosingEvent)]
pub struct Closing {}

/// How the API's document shows the events of a stream.
pub struct EventStream;

impl PartialSchema for EventStream {
    fn schema() -> RefOr<Schema> {
        let events = [
            ("start", Start::name()),
            ("reasoning", Text::name()),
            ("delta", Text::name()),
            ("usage", Usage::name()),
            ("finish", Finish::name()),
            ("error", Failed::name()),
            ("closing", Closing::name()),
        ];
        let events = events.map(|(name, data)| event(name, json_data(data)));
        events
            .into_iter()
            .fold(OneOfBuilder::new(), OneOfBuilder::item)
            .description(Some(
                "An event of a stream: `start`, then `reasoning` and `delta` with the pieces of the answer, `usage`, and \
                 `finish` or `error` at the end; `closing` if this server ends before that. Ids are numbers, which \
                 increase within a conversation. Comments come at once and after 15 seconds of silence.",
            ))
            .into()
    }
}

impl ToSchema for EventStream {
    fn name() -> Cow<'static, str> {
        "TurnEvent".into()
    }

    fn schemas(schemas: &mut Schemas) {
        add::<Start>(schemas);
        add::<Text>(schemas);
        add::<Usage>(schemas);
        add::<Finish>(schemas);
        add::<Failed>(schemas);
        add::<Closing>(schemas);
    }
}

/// Puts an event of a turn into words: two of them at its end, if it is known what the turn cost.
pub fn tell(turn: &Turn, id: u64, event: Event) -> impl Iterator<Item = Told> + use<> {
    let one = |name, body| (None, Told { id, name, body });
    let (usage, event) = match event {
        Event::Start => one(
            "start",
            Body::Start(Start {
                user_message: Box::new(turn.question.clone().into()),
                assistant_message: Box::new(turn.answer.clone().into()),
            }),
        ),
        Event::Text(text) => one("delta", Body::Text(Text { text })),
        Event::Reasoning(text) => one("reasoning", Body::Text(Text { text })),
        Event::Closing => one("closing", Body::Closing(Closing {})),
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
        body: Body::Usage(Usage {
            prompt_tokens: answer.prompt_tokens?,
            completion_tokens: answer.completion_tokens?,
            tokens_used: answer.tokens_used?,
            estimated: answer.usage_estimated,
        }),
    })
}

fn ending(end: &End, id: u64) -> Told {
    let assistant_message = Box::new(MessageBody::from(end.answer.clone()).without_text());
    match end.answer.error_code {
        None => Told {
            id,
            name: "finish",
            body: Body::Finish(Finish {
                status: end.answer.status,
                finish_reason: end.answer.finish_reason.clone(),
                assistant_message,
            }),
        },
        Some(code) => Told {
            id,
            name: "error",
            body: Body::Error(Failed {
                error: end.answer.error.clone().unwrap_or_default(),
                code,
                status: code.status().as_u16(),
                retry_after: end.retry_after_seconds(),
                assistant_message,
            }),
        },
    }
}
