//! The page of an agent, and what can be changed there.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::repository;
use crate::admin::audit::{self, Object, Record};
use crate::admin::page::{Frame, Page, Section, filters, go};
use crate::admin::refusal::{Refusal, Result};
use crate::admin::staff::Staff;
use crate::admin::submission::{Errors, Submission};
use crate::admin::users;
use crate::agents::{self, Agent, AgentChanges};
use crate::app::App;
use crate::db::Tx;
use crate::error::Error;
use crate::http::path::{Id, Ids};

/// A field of the form.
struct Field {
    name: &'static str,
    label: &'static str,
    kind: Kind,
    value: String,
    errors: Vec<String>,
    hint: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Line,
    Lines,
    Words(&'static [&'static str]),
}

#[derive(Template)]
#[template(path = "agents/show.html")]
struct ShowPage {
    frame: Frame,
    agent: Agent,
    owner: Uuid,
    email: String,
    fields: Vec<Field>,
    /// As the form shows them.
    is_default: bool,
    is_active: bool,
    records: Vec<Record>,
}

/// The fields that are not flags: name, label, kind, whether nothing in it means that there is no value, and a hint.
const FIELDS: [(&str, &str, Kind, bool, &str); 15] = [
    ("name", "Name", Kind::Line, false, ""),
    ("description", "Description", Kind::Lines, false, ""),
    (
        "llm_provider",
        "Provider",
        Kind::Words(&["openai", "ollama"]),
        false,
        "",
    ),
    ("model", "Model", Kind::Line, false, ""),
    ("system_prompt", "System prompt", Kind::Lines, false, ""),
    (
        "temperature",
        "Temperature",
        Kind::Line,
        false,
        "From 0 to 2.",
    ),
    (
        "max_tokens",
        "Longest answer",
        Kind::Line,
        false,
        "In tokens.",
    ),
    (
        "context_window",
        "Context window",
        Kind::Line,
        true,
        "In tokens. Empty: what is known of the model.",
    ),
    ("top_p", "Top p", Kind::Line, true, "Above 0, up to 1."),
    (
        "stop",
        "Stop",
        Kind::Lines,
        true,
        "Up to four texts that end an answer, a line each.",
    ),
    ("seed", "Seed", Kind::Line, true, ""),
    (
        "reasoning_effort",
        "Reasoning effort",
        Kind::Words(&[
            "", "none", "minimal", "low", "medium", "high", "xhigh", "max",
        ]),
        true,
        "",
    ),
    (
        "fallback_agent",
        "Fallback: another agent",
        Kind::Line,
        true,
        "The id of one of the same user's.",
    ),
    (
        "fallback_model",
        "Fallback: another model",
        Kind::Line,
        true,
        "Of the same provider.",
    ),
    (
        "title_model",
        "Model for titles",
        Kind::Line,
        true,
        "Of the same provider. Empty: none.",
    ),
];

/// The path of an agent's page.
fn path(owner: Uuid, id: Uuid) -> String {
    format!("/admin/agents/{owner}/{id}/")
}

/// For those who know only the id.
pub async fn find(State(app): State<App>, _: Staff, Id(id): Id) -> Result<Redirect> {
    let owner = repository::find_owner(&app.db, id).await?;
    let owner = owner.ok_or_else(Refusal::not_found)?;
    Ok(Redirect::to(&path(owner, id)))
}

pub async fn show(State(app): State<App>, staff: Staff, Ids(owner, id): Ids) -> Result<Response> {
    let agent = agents::repository::find(&app.db, owner, id).await?;
    let agent = agent.ok_or_else(Refusal::not_found)?;
    let stored = stored(&agent)?;
    let value = |name: &str| shown(stored.get(name).unwrap_or(&Value::Null));
    let page = page(&app, &staff, owner, agent, value, &Errors::default()).await?;
    Ok(Page(page).into_response())
}

/// The fields of an agent by their names in the API.
fn stored(agent: &Agent) -> crate::error::Result<Map<String, Value>> {
    let body = agents::AgentBody::from(agent.clone());
    serde_json::to_value(body)
        .and_then(serde_json::from_value)
        .map_err(|error| Error::Internal(error.into()))
}

/// A value as the form shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(texts) => {
            let texts = texts.iter().filter_map(Value::as_str);
            texts.collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    }
}

async fn page(
    app: &App,
    staff: &Staff,
    owner: Uuid,
    agent: Agent,
    value: impl Fn(&str) -> String,
    errors: &Errors,
) -> Result<ShowPage> {
    let account = users::repository::find(&app.db, owner).await?;
    let account = account.ok_or_else(Refusal::not_found)?;
    let fields = FIELDS
        .into_iter()
        .map(|(name, label, kind, _, hint)| Field {
            name,
            label,
            kind,
            value: value(name),
            errors: errors.of(name).to_vec(),
            hint,
        });
    let is_ticked = |name| ["true", "on"].contains(&value(name).as_str());
    Ok(ShowPage {
        frame: staff.frame(Section::Agents),
        records: audit::of_object(&app.db, agent.id).await?,
        email: account.email,
        fields: fields.collect(),
        is_default: is_ticked("is_default"),
        is_active: is_ticked("is_active"),
        owner,
        agent,
    })
}

/// A text with the ends of lines that people mean; browsers send others.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// What was sent, as the API would be sent it.
fn sent(submission: &Submission) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, _, kind, may_be_null, _) in FIELDS {
        let text = lines(submission.get(name));
        let value = match kind {
            _ if may_be_null && text.trim().is_empty() => Value::Null,
            Kind::Lines if may_be_null => {
                let lines = text.lines().filter(|line| !line.is_empty());
                lines.map(Value::from).collect::<Vec<_>>().into()
            }
            _ => text.into(),
        };
        fields.insert(name.to_owned(), value);
    }
    for name in ["is_default", "is_active"] {
        fields.insert(name.to_owned(), submission.is_ticked(name).into());
    }
    fields
}

/// Changes an agent by the rules that the API has for its owner.
pub async fn update(
    State(app): State<App>,
    staff: Staff,
    Ids(owner, id): Ids,
    submission: Submission,
) -> Result<Response> {
    let agent = agents::repository::find(&app.db, owner, id).await?;
    let agent = agent.ok_or_else(Refusal::not_found)?;
    // What is as it was stays so, even if it could not be written today.
    let before = stored(&agent)?;
    let mut fields = sent(&submission);
    fields.retain(|name, _| match before.get(name) {
        Some(&Value::Bool(flag)) => submission.is_ticked(name) != flag,
        value => lines(submission.get(name)) != shown(value.unwrap_or(&Value::Null)),
    });
    let saved = async {
        let changes = AgentChanges::read(fields)?;
        let mut tx = app.db.begin().await?;
        agents::repository::lock(&mut tx, owner).await?;
        let before = agents::repository::find(&mut tx, owner, id).await?;
        let before = before.ok_or(Error::NotFound)?;
        let default = agents::repository::find_default(&mut tx, owner).await?;
        let after = agents::repository::update(&mut tx, owner, id, changes).await?;
        let after = after.ok_or(Error::NotFound)?;
        write(&mut tx, &staff, &before, &after).await?;
        if let Some(former) = default.filter(|former| after.is_default && former.id != id) {
            let what = Object::new("agent", former.id, former.name);
            let entry = staff.entry("agent.update", what);
            audit::write(&mut tx, entry.change("is_default", true, false)).await?;
        }
        tx.commit().await?;
        Ok::<_, Error>(())
    };
    match saved.await {
        Ok(()) => Ok(go(&path(owner, id), "The agent is saved.")),
        Err(Error::Invalid(errors)) => {
            let value = |name: &str| submission.get(name).to_owned();
            let page = page(&app, &staff, owner, agent, value, &Errors(errors)).await?;
            Ok((StatusCode::BAD_REQUEST, Page(page)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes down what was changed, without what the user wrote.
async fn write(
    tx: &mut Tx,
    staff: &Staff,
    before: &Agent,
    after: &Agent,
) -> crate::error::Result<()> {
    const WRITTEN: [&str; 3] = ["description", "system_prompt", "stop"];
    let (old, new) = (stored(before)?, stored(after)?);
    let what = Object::new("agent", after.id, &after.name);
    let mut entry = staff.entry("agent.update", what);
    for (name, value) in &new {
        let former = old.get(name).unwrap_or(&Value::Null);
        if name == "updated_at" || former == value {
            continue;
        }
        entry = if WRITTEN.contains(&name.as_str()) {
            entry.fact(name, "changed")
        } else {
            entry.change(name, former.clone(), value.clone())
        };
    }
    if entry.is_empty() {
        return Ok(());
    }
    audit::write(tx, entry).await?;
    Ok(())
}
