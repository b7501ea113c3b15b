//! Taking a file in: it is put aside, checked as a whole, and then stored one conversation at a time, each in a
//! transaction of its own.

mod chatgpt;
mod intake;
mod meggy;
mod object;
mod outline;
mod report;
mod scanner;
mod upload;
mod writing;

use std::collections::HashSet;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::http::StatusCode;
use tokio::runtime::Handle;
use uuid::Uuid;

pub use report::Report;

use crate::app::App;
use crate::error::{Error, Result};
use intake::Intake;
use outline::Outline;

/// Who is importing here, because one file of a user's at a time is enough. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Imports(Arc<Mutex<HashSet<Uuid>>>);

impl Imports {
    /// The user's place, until it is dropped; `None` if it is taken.
    fn begin(&self, owner: Uuid) -> Option<Place> {
        let is_free = self.owners().insert(owner);
        is_free.then(|| Place {
            imports: self.clone(),
            owner,
        })
    }

    /// Nothing that runs under this lock can panic half-way, so a poisoned one is as good as any.
    fn owners(&self) -> std::sync::MutexGuard<'_, HashSet<Uuid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Place {
    imports: Imports,
    owner: Uuid,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.imports.owners().remove(&self.owner);
    }
}

/// Reads the file in the body of a request and stores what it holds. Once the file is there, it is stored even if the
/// client does not wait for the report.
///
/// # Errors
/// The user is importing already; the file is too long, malformed or of a format that is not known; the database
/// failed, or the server ends. What was stored until then stays, and is skipped when the file is sent again.
pub async fn take_in(
    app: &App,
    owner: Uuid,
    agent: Option<Uuid>,
    request: Request,
) -> Result<Report> {
    const IMPORTING: Error = Error::Refused(
        StatusCode::CONFLICT,
        "Another file of yours is being imported. Wait until that is done.",
    );
    let place = app.imports.begin(owner).ok_or(IMPORTING)?;
    let file = upload::receive(request, app.config.server.import_max_bytes).await?;
    let intake = Intake::new(app, owner, agent, Handle::current());
    let held = app.tasks.hold();
    let importing = tokio::task::spawn_blocking(move || {
        let report = read(&file, intake);
        drop((place, held));
        report
    });
    importing
        .await
        .map_err(|error| Error::Internal(error.into()))?
}

fn read(file: &File, mut intake: Intake) -> Result<Report> {
    match outline::read(file)? {
        Outline::Meggy {
            agents,
            conversations,
        } => meggy::read(file, &agents, &conversations, &mut intake)?,
        Outline::ChatGpt { conversations } => chatgpt::read(file, &conversations, &mut intake)?,
    }
    Ok(intake.into_report())
}
