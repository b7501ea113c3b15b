//! A turn: something is said, and the agent's model answers.
//!
//! Question and place of the answer are committed before the model is asked. The turn is a task of the server's: it
//! ends and is written down even if the client that asked is gone. While it runs it holds no connection to the
//! database, only a lease on the answer's row, so that a crash can be told from a model that takes its time.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use super::turn_repository;
use crate::agents::Agent;
use crate::app::App;
use crate::clock;
use crate::error::{Error, NoAnswer, Result};
use crate::llm::{
    self, Category, ChatMessage, ErrorKind, Event, ProviderName, Request, Role, Usage,
};
use crate::messages::{self, Ending, Message, MessageBody, Status};

/// How long the writer of an answer promises to be alive.
const LEASE: Duration = Duration::from_secs(30);
/// How often it promises so again, and how often broken promises are looked for.
const LEASE_RENEWAL: Duration = Duration::from_secs(10);

/// How long to wait before an answer that could not be written down is tried again.
const WRITE_PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
];

const INTERRUPTED: &str =
    "The server was stopped before the answer was complete. Send the message again.";

/// Both messages of a turn.
#[derive(Debug, Serialize)]
pub struct Exchange {
    user_message: MessageBody,
    assistant_message: MessageBody,
}

/// Says something in the user's conversation and waits for the answer.
///
/// # Errors
/// `NotFound` if the conversation is gone; `NoAnswer` if the model gave none, in which case the question stays and
/// the answer's row says why.
pub async fn say(
    app: App,
    owner: Uuid,
    conversation: Uuid,
    agent: Agent,
    content: String,
) -> Result<Exchange> {
    let tasks = app.tasks.clone();
    let turn = tasks.spawn(take_turn(app, owner, conversation, agent, content));
    turn.await.map_err(|error| Error::Internal(error.into()))?
}

/// Stores the question, gets the answer and writes it down.
async fn take_turn(
    app: App,
    owner: Uuid,
    conversation: Uuid,
    agent: Agent,
    content: String,
) -> Result<Exchange> {
    let history = messages::repository::history(&app.db, owner, conversation).await?;
    let question = Message::question(conversation, content);
    let answer = Message::pending_answer(conversation, agent.model.clone());
    turn_repository::open(&app.db, owner, &question, &answer, lease_end()).await?;
    answer_question(app, owner, question, answer.id, agent, history).await
}

/// Gets the answer and writes it down, all the while renewing the lease on it.
async fn answer_question(
    app: App,
    owner: Uuid,
    question: Message,
    answer: Uuid,
    agent: Agent,
    history: Vec<ChatMessage>,
) -> Result<Exchange> {
    let turn = async {
        let said = tokio::select! {
            said = ask(&app, agent, history, question.content.clone()) => said,
            () = app.tasks.ending().cancelled() => Err(Failure::Interrupted),
        };
        let (ending, failure) = match said {
            Ok(answer) => (answer.into(), None),
            Err(failure) => (failure.ending(), Some(failure)),
        };
        match (write_down(&app, owner, answer, &ending).await, failure) {
            (Ok(Some(answer)), None) => Ok(Exchange {
                user_message: question.into(),
                assistant_message: answer.into(),
            }),
            (Ok(Some(_)), Some(failure)) => Err(failure.into_error(question)),
            (Ok(None), _) => Err(Error::NotFound),
            (Err(error), _) => {
                tracing::error!(%error, "an answer could not be written down");
                Err(Failure::NotStored.into_error(question))
            }
        }
    };
    tokio::select! {
        done = turn => done,
        never = keep_lease(&app, owner, answer) => match never {},
    }
}

/// Writes down how a turn ended, again and again if need be: an answer is paid for and nobody can give it twice.
async fn write_down(
    app: &App,
    owner: Uuid,
    answer: Uuid,
    ending: &Ending,
) -> sqlx::Result<Option<Message>> {
    for pause in WRITE_PAUSES {
        match turn_repository::close(&app.db, owner, answer, ending).await {
            Ok(answer) => return Ok(answer),
            Err(error) => tracing::warn!(%error, "an answer could not be written down yet"),
        }
        tokio::time::sleep(pause).await;
    }
    turn_repository::close(&app.db, owner, answer, ending).await
}

/// A complete answer.
#[derive(Default)]
struct Answer {
    content: String,
    reasoning: String,
    finish_reason: String,
    usage: Option<Usage>,
}

impl From<Answer> for Ending {
    fn from(answer: Answer) -> Self {
        Self {
            status: Status::Complete,
            content: storable(answer.content),
            reasoning: Some(storable(answer.reasoning)).filter(|reasoning| !reasoning.is_empty()),
            finish_reason: Some(storable(answer.finish_reason)),
            error: None,
            usage: answer.usage,
        }
    }
}

/// Models can say anything, but Postgres cannot store U+0000.
fn storable(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

/// Asks the agent's model and listens until it is done.
async fn ask(
    app: &App,
    agent: Agent,
    history: Vec<ChatMessage>,
    question: String,
) -> Result<Answer, Failure> {
    let provider: ProviderName = agent
        .llm_provider
        .parse()
        .map_err(|_| Failure::UnknownProvider(agent.llm_provider.clone()))?;
    let prompt = Some(agent.system_prompt).filter(|prompt| !prompt.is_empty());
    let prompt = prompt.map(|content| ChatMessage {
        role: Role::System,
        content,
    });
    let question = ChatMessage {
        role: Role::User,
        content: question,
    };
    let request = Request {
        model: agent.model,
        messages: prompt
            .into_iter()
            .chain(history)
            .chain([question])
            .collect(),
        temperature: agent.temperature,
        max_tokens: u32::try_from(agent.max_tokens).unwrap_or(1),
        context_window: agent
            .context_window
            .and_then(|window| u32::try_from(window).ok()),
    };

    let alternating = with_alternating_roles(&request);
    let said = listen(app.llm.chat(provider, request)).await;
    // A question that got no answer is followed by the next one, and some models' templates refuse two in a row.
    match (said, alternating) {
        (Err(error), Some(request)) if wants_alternating_roles(&error) => {
            Ok(listen(app.llm.chat(provider, request)).await?)
        }
        (said, _) => Ok(said?),
    }
}

/// Whether a model server complains about the order of roles. There is no code for that; the templates that do so all
/// say that roles "must alternate".
fn wants_alternating_roles(error: &llm::Error) -> bool {
    match error.kind() {
        ErrorKind::Refused(Some(text)) | ErrorKind::Failed(Some(text)) => {
            text.contains("alternate")
        }
        _ => false,
    }
}

/// The same request with neighbours of one role made into one message; `None` if there are none.
fn with_alternating_roles(request: &Request) -> Option<Request> {
    let is_same = |pair: &[ChatMessage]| pair[0].role == pair[1].role;
    if !request.messages.windows(2).any(is_same) {
        return None;
    }
    let mut messages: Vec<ChatMessage> = Vec::with_capacity(request.messages.len());
    for message in &request.messages {
        match messages.last_mut() {
            Some(last) if last.role == message.role => {
                last.content.push_str("\n\n");
                last.content.push_str(&message.content);
            }
            _ => messages.push(message.clone()),
        }
    }
    Some(Request {
        messages,
        model: request.model.clone(),
        ..*request
    })
}

/// Gathers an answer until it is done.
async fn listen(
    mut events: BoxStream<'static, Result<Event, llm::Error>>,
) -> Result<Answer, llm::Error> {
    let mut answer = Answer::default();
    while let Some(event) = events.next().await {
        match event? {
            Event::Text(text) => answer.content.push_str(&text),
            Event::Reasoning(text) => answer.reasoning.push_str(&text),
            Event::Done { reason, usage } => {
                reason.as_str().clone_into(&mut answer.finish_reason);
                answer.usage = usage;
            }
        }
    }
    Ok(answer)
}

/// Why there is no answer.
enum Failure {
    Provider(llm::Error),
    UnknownProvider(String),
    Interrupted,
    NotStored,
}

impl From<llm::Error> for Failure {
    fn from(error: llm::Error) -> Self {
        Self::Provider(error)
    }
}

impl Failure {
    fn text(&self) -> String {
        match self {
            Self::Provider(error) => error.to_string(),
            Self::UnknownProvider(name) => {
                format!(
                    "This agent's provider \"{name}\" is not known here. Change it to openai or ollama."
                )
            }
            Self::Interrupted => INTERRUPTED.to_owned(),
            Self::NotStored => {
                "The answer came but could not be stored. Send the message again.".to_owned()
            }
        }
    }

    fn ending(&self) -> Ending {
        let status = if matches!(self, Self::Interrupted) {
            Status::Interrupted
        } else {
            Status::Failed
        };
        if let Self::Provider(error) = self {
            tracing::warn!(%error, detail = error.detail(), "no answer");
        }
        Ending::without_answer(status, self.text())
    }

    fn into_error(self, question: Message) -> Error {
        let (status, retry_after) = match &self {
            Self::Provider(error) => match error.category() {
                Category::BadGateway => (StatusCode::BAD_GATEWAY, None),
                Category::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, error.retry_after()),
                Category::Timeout => (StatusCode::GATEWAY_TIMEOUT, None),
            },
            Self::UnknownProvider(_) => (StatusCode::BAD_GATEWAY, None),
            Self::Interrupted | Self::NotStored => (StatusCode::SERVICE_UNAVAILABLE, None),
        };
        let text = self.text();
        // A fraction of a second is rounded up: sooner would be too soon.
        let retry_after =
            retry_after.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        let user_message = serde_json::to_value(MessageBody::from(question)).unwrap_or_default();
        Error::NoAnswer(Box::new(NoAnswer {
            status,
            text,
            retry_after,
            user_message,
        }))
    }
}

fn lease_end() -> DateTime<Utc> {
    clock::now() + LEASE
}

/// Renews the lease on an answer for as long as it is polled.
async fn keep_lease(app: &App, owner: Uuid, answer: Uuid) -> Infallible {
    loop {
        tokio::time::sleep(LEASE_RENEWAL).await;
        if let Err(error) =
            messages::repository::renew_lease(&app.db, owner, answer, lease_end()).await
        {
            tracing::warn!(%error, "the lease on a running answer could not be renewed");
        }
    }
}

/// Ends, now and then, the turns whose writers are gone. Any replica may do this for all.
pub async fn reap_periodically(app: App) {
    let mut ticks = interval(LEASE_RENEWAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while app
        .tasks
        .draining()
        .run_until_cancelled(ticks.tick())
        .await
        .is_some()
    {
        match messages::repository::reap(&app.db, clock::now(), INTERRUPTED).await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(
                count,
                "answers were cut off by the end of the server that wrote them"
            ),
            Err(error) => tracing::warn!(%error, "interrupted answers could not be looked for"),
        }
    }
}
