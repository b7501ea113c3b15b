//! `meggy backup`.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Failure, configuration, open};
use crate::config::{DatabaseUrl, MediaConfig};
use crate::server::StopSignal;
use crate::tasks::Tasks;

/// What to copy where.
#[derive(Args)]
pub struct Options {
    /// Where to put the copy
    file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

pub async fn run(options: Options) -> Result<(), Failure> {
    let config = configuration()?;
    let DatabaseUrl::Sqlite(database) = &config.database.url else {
        return Err(
            "this is for SQLite. Copy a Postgres database with Postgres' own pg_dump, for example \
             `pg_dump --format=custom --file=meggy.dump \"$DATABASE_URL\"`"
                .into(),
        );
    };
    if !database.exists() {
        return Err(format!(
            "there is no database {}. Check DATABASE_URL",
            database.display()
        )
        .into());
    }
    let target = &options.file;
    refuse_taken(target, database, options.force)?;

    let db = open(&config).await?;
    // What is not ours is not copied.
    db.schema_state().await?;
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", target.display());
    let folder = folder(target);
    // Only its owner can read it: it holds the hashes of passwords.
    let copy = tempfile::Builder::new()
        .prefix(".meggy-backup-")
        .tempfile_in(folder)
        .map_err(failed)?;
    // However it ends, no half of a copy stays.
    let interrupted = StopSignal::listen()?.stop(Tasks::default());
    tokio::select! {
        copied = db.copy_to(copy.path()) => copied?,
        () = interrupted => return Err("interrupted".into()),
    }
    db.close().await;
    copy.as_file().sync_all().map_err(failed)?;
    let persisted = if options.force {
        copy.persist(target)
    } else {
        copy.persist_noclobber(target)
    };
    let file = persisted.map_err(|error| failed(error.error))?;
    // The name, too, has to outlive a power cut.
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)?;

    println!(
        "The database was copied to {} ({} bytes).",
        target.display(),
        file.metadata()?.len()
    );
    match &config.media {
        MediaConfig::Folder(folder) => println!(
            "Uploaded pictures are not in it: copy {} after it.",
            folder.display()
        ),
        MediaConfig::Bucket(bucket) => println!(
            "Uploaded pictures are not in it: they are in the bucket {}.",
            bucket.name
        ),
    }
    Ok(())
}

fn folder(file: &Path) -> &Path {
    file.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Refuses to write where that would destroy something.
fn refuse_taken(target: &Path, database: &Path, force: bool) -> Result<(), Failure> {
    if !target.exists() {
        return Ok(());
    }
    if !force {
        return Err(format!(
            "{} is there already. Choose another name, or replace it with --force",
            target.display()
        )
        .into());
    }
    let target_path = target.canonicalize()?;
    let database = database.canonicalize()?;
    if target_path == database {
        return Err("this is the database itself".into());
    }
    // SQLite's files beside it, and ours.
    for suffix in ["-wal", "-shm", "-journal", "-server"] {
        let mut beside = database.as_os_str().to_owned();
        beside.push(suffix);
        if target_path.as_os_str() == beside {
            return Err("this is a part of the database".into());
        }
    }
    for suffix in ["-wal", "-journal"] {
        let mut beside = target.as_os_str().to_owned();
        beside.push(suffix);
        if Path::new(&beside).exists() {
            return Err(format!(
                "{} is a database in use, or one that was not closed: {} is beside it",
                target.display(),
                Path::new(&beside).display()
            )
            .into());
        }
    }
    Ok(())
}
