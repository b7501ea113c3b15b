//! Moving in from the Django backend that this program replaces: its users, agents, conversations and messages are read
//! out of its database and stored in ours, with their ids and times.
//!
//! An account goes in with its agents in one transaction, a conversation with all its messages; several of either share
//! one while it is short. So whoever interrupts an import and starts it again ends where one run would have. What is here
//! already is never written again, and what was deleted here since an earlier run stays deleted. No more than a piece of a
//! conversation is held in memory, beside the agents of one user and the addresses of all.

mod accounts;
mod conversations;
mod convert;
mod destination;
mod old;
mod progress;
mod report;
mod repository;
mod row;
mod source;
mod thread;

use std::collections::HashMap;
use std::io;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use crate::config::AgentDefaults;
use crate::db::{Cells, Db, Foreign, Sql};
use destination::Destination;
use old::Table;
pub use progress::Progress;
use report::Outcome;
pub use report::Report;
use row::Row;
pub use source::check;

/// Why an import ends before its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The old database is none, or not the old backend's.
    #[error("the old database {0}")]
    Unfit(String),
    /// The old database fails.
    #[error("the old database cannot be read: {0}")]
    Source(sqlx::Error),
    /// Our database fails.
    #[error(
        "the import was cut off, because the database failed: {0}. What is in stays; start it again to go on"
    )]
    Destination(#[from] sqlx::Error),
    /// The file that the report goes to fails.
    #[error("the report cannot be written: {0}")]
    Report(#[from] io::Error),
}

/// An import under way.
struct Import<'a> {
    source: Foreign,
    destination: Destination,
    report: Report,
    progress: Progress,
    defaults: &'a AgentDefaults,
    /// Whose each address is, by [`email_key`](crate::users::email_key).
    addresses: HashMap<String, (bool, DateTime<Utc>, Uuid)>,
}

/// Stores everything of a database that was [checked](check) in another one, or only says what would become of it if it
/// `is_trial`.
///
/// # Errors
/// Either database fails, or the report's file.
pub async fn run(
    source: Foreign,
    db: Db,
    is_trial: bool,
    defaults: &AgentDefaults,
    report: Report,
    progress: Progress,
) -> Result<Report, ImportError> {
    let mut import = Import {
        source,
        destination: Destination::new(db, is_trial),
        report,
        progress,
        defaults,
        addresses: HashMap::new(),
    };
    for table in old::TABLES {
        import.report.table(table.name);
    }
    import.read_addresses().await?;
    let mut after = old::start(&import.source).to_owned();
    loop {
        let page = import.rows(old::users::PAGE, &[&after]).await?;
        for cells in &page {
            let row = Row::new(&old::users::TABLE, cells);
            after = row.key();
            import.account(row).await?;
        }
        if page.is_empty() {
            break;
        }
    }
    import.destination.commit().await?;
    import
        .leave_out(
            &old::agents::TABLE,
            old::agents::ORPHANS,
            "its account is not there",
        )
        .await?;
    import
        .leave_out(
            &old::conversations::TABLE,
            old::conversations::ORPHANS,
            "its account is not there; its messages are left out, too",
        )
        .await?;
    import
        .leave_out(
            &old::messages::TABLE,
            old::messages::ORPHANS,
            "its conversation is not there, or has no account",
        )
        .await?;
    if let Some(tx) = import.destination.tx().await? {
        repository::forget_daily_totals(tx).await?;
    }
    import.destination.commit().await?;
    import.report.finish()?;
    import.progress.finish();
    Ok(import.report)
}

impl Import<'_> {
    /// The rows of a statement that has few.
    async fn rows(&mut self, sql: Sql, parameters: &[&str]) -> Result<Vec<Cells>, ImportError> {
        let rows = self.source.rows(sql, parameters).try_collect().await;
        rows.map_err(ImportError::Source)
    }

    /// Notes that rows have no place here.
    async fn leave_out(
        &mut self,
        table: &'static Table,
        orphans: Sql,
        reason: &str,
    ) -> Result<(), ImportError> {
        let reasons = [reason.to_owned()];
        let mut rows = self.source.rows(orphans, &[]);
        while let Some(cells) = rows.next().await {
            let cells = cells.map_err(ImportError::Source)?;
            let name = Row::new(table, &cells).name();
            self.report
                .row(table.name, &name, Outcome::LeftOut, &reasons)?;
        }
        Ok(())
    }
}

/// What became of a row that is brought in.
fn taken(notes: &[String]) -> Outcome {
    if notes.is_empty() {
        Outcome::BroughtIn
    } else {
        Outcome::Adjusted
    }
}

/// What became of a row that was here already, and of which some fields may differ.
fn compared(fields: &[(&str, bool)]) -> (Outcome, Vec<String>) {
    let differing: Vec<_> = fields
        .iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    if differing.is_empty() {
        return (Outcome::AlreadyThere, Vec::new());
    }
    let reason = format!("different here: {}", differing.join(", "));
    (Outcome::Kept, vec![reason])
}
