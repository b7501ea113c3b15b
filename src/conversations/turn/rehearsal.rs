//! Questions that are answered like any other and of which nothing is stored.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio_util::sync::DropGuard;
use tracing::Instrument;
use uuid::Uuid;

use super::{check_length, job};
use crate::agents::Agent;
use crate::app::App;
use crate::error::{Error, Result};
use crate::live::Turn;
use crate::messages::Message;

const DEACTIVATED: Error = Error::Refused(
    StatusCode::BAD_REQUEST,
    "This agent is deactivated. Activate it to try it.",
);

/// A turn outside of all conversations, known only to who began it. Dropping this breaks it off.
pub struct Rehearsal {
    /// The turn. Its messages have ids that nobody can look up, and the nil UUID for a conversation.
    pub turn: Arc<Turn>,
    _leaving: DropGuard,
}

/// Asks an agent something.
///
/// # Errors
/// `DoesNotFit` if the question is too long for the model; `Refused` if the agent is deactivated; `Unavailable` while
/// the server ends.
pub async fn rehearse(app: &App, owner: Uuid, agent: Agent, content: String) -> Result<Rehearsal> {
    if app.tasks.draining().is_cancelled() {
        return Err(Error::Unavailable);
    }
    if !agent.is_active {
        return Err(DEACTIVATED);
    }
    check_length(app, &agent, &content).await?;
    let nowhere = Uuid::nil();
    let turn = Arc::new(Turn::new(
        owner,
        Message::question(nowhere, content, None),
        Message::pending_answer(nowhere, None, agent.model.clone()),
    ));
    let rehearsal = Rehearsal {
        _leaving: turn.stop().clone().drop_guard(),
        turn: Arc::clone(&turn),
    };
    let (app, tasks) = (app.clone(), app.tasks.clone());
    let work = async move { job::rehearse(&app, &turn, agent).await };
    tasks.spawn(work.in_current_span());
    Ok(rehearsal)
}
