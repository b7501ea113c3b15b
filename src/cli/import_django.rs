//! `meggy import-django`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Failure, configuration, open, open_migrated};
use crate::config::{Config, DatabaseUrl};
use crate::db::{self, Db, Foreign, SchemaState};
use crate::django::{self, Progress, Report};

/// Options of `meggy import-django`.
#[derive(clap::Args)]
pub struct Options {
    /// The old database: sqlite://FILE or postgres://USER@HOST/NAME
    ///
    /// It is only read. A password can also be in the variable PGPASSWORD, where other users of this machine do not see
    /// it.
    #[arg(long, value_name = "URL")]
    from: String,
    /// Say what would become of everything, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// A file for everything there is to say of single rows, one JSON object a line
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Returns whether every row is here.
pub async fn run(options: Options) -> Result<bool, Failure> {
    let config = configuration()?;
    let url = DatabaseUrl::parse(&options.from).map_err(|problem| format!("--from {problem}"))?;
    let failed = |error| format!("the old database cannot be opened: {error}. Check --from");
    let mut source = Foreign::open(&url).await.map_err(failed)?;
    let file = options.report.as_deref().map(create).transpose();
    let file = file.map_err(|error| format!("the report cannot be written: {error}"))?;
    let mut report = Report::new(file);
    let messages = django::check(&mut source, &mut report).await?;
    let (db, _folder) = if options.dry_run {
        open_for_trial(&config).await?
    } else {
        (open_migrated(&config).await?, None)
    };
    let report = django::run(
        source,
        db.clone(),
        options.dry_run,
        &config.agents,
        report,
        Progress::new(messages),
    )
    .await;
    db.close().await;
    let report = report?;
    if options.dry_run {
        println!("This was a dry run: nothing was written. What would become of each row:\n");
    }
    print!("{report}");
    Ok(report.is_complete())
}

/// Makes a file that others on this machine cannot read, because it has addresses of people. In the place of an earlier
/// report it may come, but of nothing else.
fn create(path: &Path) -> io::Result<File> {
    if let Ok(earlier) = File::open(path)
        && earlier.metadata()?.is_file()
    {
        let mut beginning = Vec::new();
        earlier.take(1).read_to_end(&mut beginning)?;
        if !matches!(beginning[..], [] | [b'{']) {
            return Err(io::Error::other(format!(
                "{} is there already, and is no report. Choose another name",
                path.display()
            )));
        }
    }
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // One of an earlier run that others could read.
    #[cfg(unix)]
    if file.metadata()?.is_file() {
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    }
    Ok(file)
}

/// The database to compare with, and a folder to be kept as long as that is used. What is not there yet is an empty
/// database in that folder.
async fn open_for_trial(config: &Config) -> Result<(Db, Option<TempDir>), Failure> {
    let db = open(config).await?;
    match db.schema_state().await? {
        SchemaState::Current => Ok((db, None)),
        state if state.is_empty() => {
            let folder = tempfile::tempdir()?;
            let mut config = config.database.clone();
            config.url = DatabaseUrl::Sqlite(folder.path().join("empty.sqlite3"));
            let db = db::connect(&config).await?;
            db.migrate().await?;
            Ok((db, Some(folder)))
        }
        SchemaState::Behind(_) => {
            Err("this database is of an older version. Run `meggy migrate` first".into())
        }
    }
}
