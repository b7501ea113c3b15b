//! A turn: something is said, and the agent's model answers.
//!
//! Question and place of the answer are committed before the model is asked. The turn is a task of the server's: it
//! goes on and is written down whoever watches. While it runs it holds no connection to the database; the process as a
//! whole promises to be alive, so that a crash can be told from a model that takes its time.

mod alternation;
mod failure;
mod fallback;
pub mod idempotency;
mod job;
mod question;
mod rehearsal;
mod repository;

use std::sync::Arc;

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::oneshot;
use tracing::Instrument;
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::rehearsal::{Rehearsal, rehearse};
pub use self::repository::find_place;

use self::idempotency::Key;
use self::repository::Stored;
use crate::agents::Agent;
use crate::app::App;
use crate::clock;
use crate::conversations;
use crate::conversations::titles::Namer;
use crate::error::{Error, NoAnswer, Result};
use crate::live::{self, End, Turn};
use crate::llm::{ChatMessage, Role};
use crate::messages::tree::NOT_SHOWN;
use crate::messages::{self, Message, MessageBody, Status};

/// What a turn is to begin with.
pub struct Opening {
    /// Whose conversation it is.
    pub owner: Uuid,
    pub place: Place,
    pub said: Said,
}

/// Where a turn takes place.
pub struct Place {
    pub conversation: Uuid,
    /// Who answers.
    pub agent: Agent,
    /// When something happened there last. What is said now is later, whatever this server's clock says.
    pub latest: DateTime<Utc>,
}

/// What is to be answered.
pub enum Said {
    /// Something new.
    New {
        content: String,
        /// What the client calls the message.
        client_id: Option<String>,
        /// The client's name for this request.
        key: Option<Key>,
    },
    /// A message that is there already, perhaps with another text. What was there is kept as another version.
    Again {
        question: Box<Message>,
        /// The client's name for this request.
        key: Option<Key>,
    },
}

/// Begins a turn, or finds the one that the client's key began.
///
/// # Errors
/// `Answering` while another answer is being written in the conversation; `DoesNotFit` if the question is too long for
/// the model; `NotFound` if the conversation is gone; [`NOT_SHOWN`] if what is to be answered again is on a path that the
/// conversation does not show; `KeyReused` if the key was used for something else; `Refused` if the agent is deactivated.
pub async fn begin(app: &App, opening: Opening) -> Result<Arc<Turn>> {
    // Announced before looking, so that either this sees the end coming or the end sees this.
    let announcement = app.live.announce();
    if app.tasks.draining().is_cancelled() {
        return Err(Error::Unavailable);
    }
    // As a task, so that a client that leaves meanwhile does not leave a question behind that nobody answers.
    let (tell, told) = oneshot::channel();
    let app = app.clone();
    let tasks = app.tasks.clone();
    let work = async move {
        // Boxed, because what opening takes would else be kept for as long as the turn lasts.
        let opened = Box::pin(open(&app, &opening)).await;
        drop(announcement);
        match opened {
            Ok(Opened::Begun(turn)) => {
                let _ = tell.send(Ok(Arc::clone(&turn)));
                let namer = Namer::of(&opening.place.agent);
                job::run(&app, &turn, opening.place.agent).await;
                // Everybody has been told the answer by now.
                if let Some(namer) = namer {
                    Box::pin(namer.name(&app, &turn)).await;
                }
            }
            Ok(Opened::Known(turn)) => drop(tell.send(Ok(turn))),
            Err(error) => drop(tell.send(Err(error))),
        }
    };
    // So that what is logged until its end has the id of the request that began it.
    tasks.spawn(work.in_current_span());
    told.await.map_err(|error| Error::Internal(error.into()))?
}

enum Opened {
    Begun(Arc<Turn>),
    Known(Arc<Turn>),
}

/// How often to try when what is in the way is gone as soon as one looks at it.
const ATTEMPTS: usize = 8;

async fn open(app: &App, opening: &Opening) -> Result<Opened> {
    let Opening { owner, place, said } = opening;
    let (owner, conversation, agent) = (*owner, place.conversation, &place.agent);
    let (Said::New { key, .. } | Said::Again { key, .. }) = said;
    let key = key.as_ref();
    let content = match said {
        Said::New { content, .. } => content,
        Said::Again { question, .. } => &question.content,
    };
    for _ in 0..ATTEMPTS {
        if let Some(turn) = find_by_key(app, owner, key).await? {
            return Ok(Opened::Known(turn));
        }
        check_active(agent)?;
        check_length(app, agent, content).await?;
        match store(app, opening).await {
            Ok(Stored::Begun { question, answer }) => {
                let turn = Arc::new(Turn::new(owner, *question, *answer));
                app.live.begin(&turn);
                return Ok(Opened::Begun(turn));
            }
            Ok(Stored::Hidden) => return Err(NOT_SHOWN),
            Ok(Stored::Gone) => return Err(Error::NotFound),
            Ok(Stored::Outrun) => {
                let found = conversations::repository::find(&app.db, owner, conversation);
                found.await?.ok_or(Error::NotFound)?;
            }
            Err(error) if is_taken(&error) => {}
            Err(error) => return Err(error.into()),
        }
        // What was in the way is the same request, which came at the same time, or another one.
        if let Some(turn) = find_by_key(app, owner, key).await? {
            return Ok(Opened::Known(turn));
        }
        let running = messages::repository::find_running(&app.db, owner, conversation).await?;
        if let Some(running) = running {
            return Err(Error::Answering(running.id));
        }
    }
    Err(Error::Unavailable)
}

/// Stores both messages of a turn.
async fn store(app: &App, opening: &Opening) -> sqlx::Result<Stored> {
    let Opening { owner, place, said } = opening;
    let (owner, conversation, model) = (*owner, place.conversation, &place.agent.model);
    let (db, replica) = (&app.db, app.live.replica());
    match said {
        Said::New {
            content,
            client_id,
            key,
        } => {
            let mut question = Message::question(conversation, content.clone(), client_id.clone());
            question.created_at = clock::now_after(place.latest);
            let mut answer =
                Message::pending_answer(conversation, Some(question.id), model.clone());
            answer.created_at = clock::now_after(question.created_at);
            let (question, answer) = (Box::new(question), Box::new(answer));
            repository::open(db, owner, question, answer, replica, key.as_ref()).await
        }
        Said::Again { question, key } => {
            repository::reopen(db, owner, question, model, replica, key.as_ref()).await
        }
    }
}

/// Refuses agents that were deactivated.
///
/// # Errors
/// The agent is.
pub fn check_active(agent: &Agent) -> Result<()> {
    const DEACTIVATED: Error = Error::Refused(
        StatusCode::BAD_REQUEST,
        "This agent is deactivated. Activate it, or choose another one for this conversation.",
    );

    if agent.is_active {
        Ok(())
    } else {
        Err(DEACTIVATED)
    }
}

/// Refuses what is too long for the model even without a history, before anything is stored.
async fn check_length(app: &App, agent: &Agent, content: &str) -> Result<()> {
    let Ok(provider) = agent.llm_provider.parse() else {
        return Ok(());
    };
    let question = ChatMessage {
        role: Role::User,
        content: content.to_owned(),
    };
    let request = question::request(agent, vec![question]);
    app.llm.fit(provider, request).await?;
    Ok(())
}

/// Whether the key was used, or an answer is being written in the conversation.
fn is_taken(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|cause| cause.is_unique_violation())
}

/// The turn that a key began, running or over.
async fn find_by_key(app: &App, owner: Uuid, key: Option<&Key>) -> Result<Option<Arc<Turn>>> {
    let Some(key) = key else {
        return Ok(None);
    };
    match repository::find_key(&app.db, owner, key).await? {
        Some(used) if used.request_digest != key.digest => Err(Error::KeyReused),
        Some(used) => find(app, owner, used.answer).await,
        None => Ok(None),
    }
}

/// The turn of an answer, running or over.
///
/// # Errors
/// `Unavailable` if it runs where nobody can be reached.
pub async fn find(app: &App, owner: Uuid, answer: Uuid) -> Result<Option<Arc<Turn>>> {
    let Some(stored) = messages::repository::find(&app.db, owner, answer).await? else {
        return Ok(None);
    };
    if stored.status == Status::Pending
        && let Some(turn) = app.live.join(owner, stored.conversation_id).await?
        && turn.answer.id == answer
    {
        return Ok(Some(turn));
    }
    // It may have ended just now.
    let Some(stored) = messages::repository::find(&app.db, owner, answer).await? else {
        return Ok(None);
    };
    if stored.status == Status::Pending {
        return Err(Error::Unavailable);
    }
    let question = messages::repository::find_question_of(&app.db, owner, &stored).await?;
    Ok(question.map(|question| Arc::new(Turn::ended_as(owner, question, stored))))
}

/// Both messages of a turn.
#[derive(Debug, Serialize, ToSchema)]
pub struct Exchange {
    user_message: MessageBody,
    assistant_message: MessageBody,
}

/// Waits for the end of a turn.
///
/// # Errors
/// `NoAnswer` if the model gave none; `NotFound` if the conversation was deleted meanwhile.
pub async fn exchange(turn: &Turn) -> Result<Exchange> {
    let end = turn.ended().await.ok_or(Error::Unavailable)?;
    match no_answer(turn, &end) {
        Some(error) => Err(error),
        None => Ok(Exchange {
            user_message: turn.question.clone().into(),
            assistant_message: end.answer.clone().into(),
        }),
    }
}

fn no_answer(turn: &Turn, end: &End) -> Option<Error> {
    let code = end.answer.error_code?;
    if code == messages::ErrorCode::Deleted {
        return Some(Error::NotFound);
    }
    let user_message = MessageBody::from(turn.question.clone());
    Some(Error::NoAnswer(Box::new(NoAnswer {
        status: code.status(),
        text: end.answer.error.clone().unwrap_or_default(),
        retry_after: end.retry_after_seconds(),
        user_message: serde_json::to_value(user_message).unwrap_or_default(),
    })))
}

/// Stops the answer that is being written in the user's conversation, if it is the one that is meant, and waits for it
/// to be stored. `None` if there is nothing to stop.
pub async fn stop(
    app: &App,
    owner: Uuid,
    conversation: Uuid,
    answer: Option<Uuid>,
) -> Result<Option<Arc<End>>> {
    let Some(turn) = app.live.join(owner, conversation).await? else {
        return Ok(None);
    };
    if answer.is_some_and(|answer| answer != turn.answer.id) {
        return Ok(None);
    }
    turn.stop().cancel();
    if turn.is_image() {
        live::request_stop(&app.db, &turn).await?;
    }
    Ok(turn.ended().await)
}
