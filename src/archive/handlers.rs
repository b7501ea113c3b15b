//! Exporting and importing.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::disposition::attachment;
use super::document::{ExportFile, ExportParameters, ImportFile, ImportForm, ImportParameters};
use super::download::{self, Label};
use super::export::Export;
use super::import::{self, Report};
use super::repository;
use crate::agents;
use crate::app::App;
use crate::auth::CurrentUser;
use crate::clock;
use crate::conversations::document::ConversationPath;
use crate::error::{Error, Result};
use crate::http::fields::{Choice, Form, Reference};
use crate::http::openapi::responses::{BodyErrors, RefusalBody};
use crate::http::path::{Id, query_value};

/// Which kind of file.
#[derive(Clone, Copy)]
enum Kind {
    Json,
    Markdown,
}

impl Kind {
    /// What the address says after `as=`; `format` has another meaning for conversations.
    fn read(uri: &Uri) -> Result<Self> {
        const KIND: Choice<Kind> = Choice(|word| match word {
            "json" => Some(Kind::Json),
            "markdown" => Some(Kind::Markdown),
            _ => None,
        });
        let mut form = form_of(uri, "as");
        let kind = form.optional("as", &KIND);
        form.finish()?;
        Ok(kind.unwrap_or(Self::Json))
    }

    fn label(self, name: &str) -> Label {
        let (media_type, ending) = match self {
            Self::Json => ("application/json", "json"),
            Self::Markdown => ("text/markdown; charset=utf-8", "md"),
        };
        Label {
            media_type,
            disposition: attachment(name, ending),
        }
    }
}

/// A parameter of the address as a form, so that it is checked and refused like a field.
fn form_of(uri: &Uri, name: &str) -> Form {
    let value = query_value(uri, name).map(|value| (name.to_owned(), Value::String(value)));
    Form::new(Map::from_iter(value))
}

/// Exports all conversations as a file.
///
/// It is made while it is sent. Conversations and agents come in the order of their ids, messages by time, so that the same
/// data makes the same file. A file that breaks off ends its connection.
#[utoipa::path(
    get,
    path = "/api/export/",
    tag = "archive",
    params(ExportParameters),
    responses(
        (
            status = 200,
            description = "The file.",
            content((ExportFile = "application/json"), (String = "text/markdown")),
            headers(
                ("Content-Disposition" = String, description = "A name for the file."),
                ("Cache-Control" = String, description = "Always `no-store`."),
            ),
        ),
        (status = 400, description = "A parameter is not good.", body = BodyErrors),
    ),
)]
pub async fn export_all(
    CurrentUser(user): CurrentUser,
    State(app): State<App>,
    uri: Uri,
) -> Result<Response> {
    let kind = Kind::read(&uri)?;
    let name = format!("conversations {}", clock::now().format("%Y-%m-%d"));
    send(&app, user.id, None, kind, &name).await
}

/// Exports one conversation as a file. In all else it is as the export of all.
#[utoipa::path(
    get,
    path = "/api/conversations/{id}/export/",
    tag = "archive",
    params(ConversationPath, ExportParameters),
    responses(
        (
            status = 200,
            description = "The file.",
            content((ExportFile = "application/json"), (String = "text/markdown")),
            headers(
                ("Content-Disposition" = String, description = "A name for the file."),
                ("Cache-Control" = String, description = "Always `no-store`."),
            ),
        ),
        (status = 400, description = "A parameter is not good.", body = BodyErrors),
    ),
)]
pub async fn export_one(
    CurrentUser(user): CurrentUser,
    State(app): State<App>,
    Id(id): Id,
    uri: Uri,
) -> Result<Response> {
    let titled = repository::conversation(&app.db, user.id, id)
        .await?
        .ok_or(Error::NotFound)?;
    let kind = Kind::read(&uri)?;
    send(&app, user.id, Some(id), kind, &titled.conversation.title).await
}

async fn send(
    app: &App,
    owner: Uuid,
    only: Option<Uuid>,
    kind: Kind,
    name: &str,
) -> Result<Response> {
    let export = Export {
        db: app.db.clone(),
        owner,
        only,
    };
    let label = kind.label(name);
    match kind {
        Kind::Json => download::respond(&app.tasks, label, |sink| export.write_json(sink)).await,
        Kind::Markdown => {
            download::respond(&app.tasks, label, |sink| export.write_markdown(sink)).await
        }
    }
}

/// Imports conversations from a file.
///
/// It may be one of Meggy's own or ChatGPT's `conversations.json`, and is checked as a whole before anything is stored. Then
/// each conversation is stored whole or not at all. One that is there already is skipped. Storing goes on if the client
/// does not wait for the answer.
#[utoipa::path(
    post,
    path = "/api/import/",
    tag = "archive",
    params(ImportParameters),
    request_body(content((ImportFile = "application/json"), (ImportForm = "multipart/form-data"))),
    responses(
        (status = 200, description = "What was taken.", body = Report),
        (status = 409, description = "Another file of the user's is being imported.", body = RefusalBody),
    ),
)]
pub async fn import(
    CurrentUser(user): CurrentUser,
    State(app): State<App>,
    uri: Uri,
    request: Request,
) -> Result<Json<Report>> {
    let mut form = form_of(&uri, "agent");
    let agent = form.optional("agent", &Reference);
    if let Some(agent) = agent
        && !agents::repository::exists(&app.db, user.id, agent).await?
    {
        form.reject("agent", "You have no such agent.");
    }
    form.finish()?;
    import::take_in(&app, user.id, agent, request)
        .await
        .map(Json)
}
