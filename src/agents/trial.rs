//! Trying an agent: one question, of which nothing is stored.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use super::document::{AgentId, Trial};
use super::model::SYSTEM_PROMPT;
use super::repository;
use crate::app::App;
use crate::auth::CurrentUser;
use crate::conversations::document::Unanswered;
use crate::conversations::turn::Exchange;
use crate::conversations::{read_content, turn};
use crate::error::{Error, Result};
use crate::http::accept::accepts_events;
use crate::http::fields::{Boolean, Form};
use crate::http::openapi::responses::BadWordedBody;
use crate::http::path::Id;
use crate::http::payload::Payload;
use crate::live::sse;
use crate::live::told::EventStream;

/// Tries an agent.
///
/// Asks the agent something, perhaps with another system prompt than its own, and answers as if it were said in a
/// conversation, of which nothing is stored. Who leaves a stream takes the question back.
#[utoipa::path(
    post,
    path = "/api/agents/{id}/test/",
    tag = "agents",
    params(AgentId),
    request_body = Trial,
    responses(
        (
            status = 200,
            description = "Both messages, or the events of the turn.",
            content((Exchange = "application/json"), (EventStream = "text/event-stream")),
        ),
        (status = 400, response = BadWordedBody),
        Unanswered,
    ),
)]
pub async fn test(
    CurrentUser(user): CurrentUser,
    State(app): State<App>,
    Id(id): Id,
    headers: HeaderMap,
    payload: Payload,
) -> Result<Response> {
    let mut agent = repository::find(&app.db, user.id, id)
        .await?
        .ok_or(Error::NotFound)?;
    let fields = payload.fields().await?;
    let content = read_content(&fields)?;
    let mut form = Form::new(fields);
    let stream = form.optional("stream", &Boolean);
    if let Some(system_prompt) = form.optional("system_prompt", &SYSTEM_PROMPT) {
        agent.system_prompt = system_prompt;
    }
    form.finish()?;

    let rehearsal = turn::rehearse(&app, user.id, agent, content).await?;
    if stream.unwrap_or_else(|| accepts_events(&headers)) {
        let events = sse::events(rehearsal.turn.reader());
        // Goes with the stream when its reader leaves.
        let events = events.map(move |event| {
            let _ = &rehearsal;
            event
        });
        Ok(sse::response(events))
    } else {
        turn::exchange(&rehearsal.turn)
            .await
            .map(|exchange| Json(exchange).into_response())
    }
}
