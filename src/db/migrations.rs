//! The schema's versions, embedded in the binary.

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Connection, SqlSafeStr};

use super::{Db, Executor, FromRow, Row};

/// Where the schema stands compared to this version of the program.
#[derive(Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// All migrations are applied.
    Current,
    /// This many migrations have yet to be applied.
    Behind(usize),
}

impl SchemaState {
    /// Whether there is no schema at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::Behind(SQLITE.len())
    }
}

/// Why the schema cannot be brought up to this version. Each text tells an operator what to do.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// Some other program's tables are in the way.
    #[error(
        "this database already has a table `users` that Meggy did not make. Give Meggy a database of its own: set \
         DATABASE_URL to a new SQLite file or to an empty Postgres database"
    )]
    Foreign,
    /// A later version of the program has changed the schema.
    #[error(
        "this database was migrated by a newer version of Meggy (it has migration {0}, which this version does not \
         know). Start that newer version, or restore a backup made before the upgrade"
    )]
    Newer(i64),
    /// A migration that was applied has other text than the one embedded here.
    #[error(
        "migration {0} of this database is not the one this version of Meggy contains. The database was made by a \
         different build: start that build, or restore a backup made by this one"
    )]
    Different(i64),
    /// A migration was begun and did not end.
    #[error(
        "migration {0} of this database was begun but not finished. Restore the backup made before the upgrade and \
         start again; if there is none, undo by hand what the migration did and delete its row from `_sqlx_migrations`"
    )]
    HalfApplied(i64),
    /// Anything else that the database says.
    #[error("the database refused a migration, and nothing of it was kept: {0}")]
    Refused(String),
    /// The database cannot be asked.
    #[error("the database cannot be read: {0}")]
    Database(#[from] sqlx::Error),
}

impl From<MigrateError> for MigrationError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(version) => Self::Newer(version),
            MigrateError::VersionMismatch(version) => Self::Different(version),
            MigrateError::Dirty(version) => Self::HalfApplied(version),
            other => Self::Refused(other.to_string()),
        }
    }
}

/// The migrations by name: the same file in `migrations/postgres` and in `migrations/sqlite`.
macro_rules! embedded {
    ($folder:literal: $($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../migrations/", $folder, "/", $name, ".sql")))),*]
    };
}

/// The names are given once, so that neither database can miss a migration of the other.
macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        const POSTGRES: &[(&str, &str)] = &embedded!("postgres": $($name),*);
        const SQLITE: &[(&str, &str)] = &embedded!("sqlite": $($name),*);
    };
}

migrations!(
    "0001_accounts",
    "0002_chat",
    "0003_live_answers",
    "0004_versions",
    "0005_organise",
    "0006_search",
    "0007_profile",
    "0008_agents",
    "0009_archive",
    "0010_admin",
    "0011_admin_lists",
    "0012_django",
);

fn migrator(files: &'static [(&'static str, &'static str)]) -> Migrator {
    let migration = |(version, &(name, sql)): (i64, &(&'static str, &'static str))| {
        Migration::new(
            version,
            name.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations((1..).zip(files).map(migration).collect())
}

pub(super) async fn run(db: &Db) -> Result<(), MigrationError> {
    match db {
        Db::Sqlite { writer, .. } => {
            writer.make_file().map_err(sqlx::Error::from)?;
            // Before the first connection that writes, which would change the journal of a database that is not ours.
            state(db).await?;
            // All in one transaction that holds the write lock: a second process waits, and a failure leaves nothing.
            let mut connection = writer.acquire().await?.take()?;
            // Ten minutes: a large database takes another process longer than one waits for anything else. The connection is
            // not used again.
            sqlx::query("PRAGMA busy_timeout = 600000")
                .execute(&mut connection)
                .await?;
            let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
            state(db).await?;
            migrator(SQLITE).run_direct(None, &mut *tx, false).await?;
            tx.commit().await?;
            connection.close().await?;
        }
        Db::Postgres(pool) => {
            state(db).await?;
            migrator(POSTGRES).run(pool.inner()).await?;
        }
    }
    Ok(())
}

/// Also finds what must stop a start: another program's tables, a newer schema, a half-applied migration.
pub(super) async fn state(db: &Db) -> Result<SchemaState, MigrationError> {
    if let Db::Sqlite { readers, .. } = db
        && !readers.file().exists()
    {
        return Ok(SchemaState::Behind(SQLITE.len()));
    }
    let (tables, known) = match db {
        Db::Sqlite { .. } => (
            "SELECT name FROM sqlite_master WHERE type = 'table'",
            SQLITE.len(),
        ),
        Db::Postgres(_) => (
            "SELECT CAST(table_name AS TEXT) AS name FROM information_schema.tables WHERE table_schema = current_schema()",
            POSTGRES.len(),
        ),
    };
    let tables: Vec<Table> = db.query(tables).fetch_all().await?;
    let exists = |name: &str| tables.iter().any(|table| table.name == name);
    if !exists("_sqlx_migrations") {
        return if exists("users") {
            Err(MigrationError::Foreign)
        } else {
            Ok(SchemaState::Behind(known))
        };
    }
    let applied: Vec<Applied> = db
        .query("SELECT version, success FROM _sqlx_migrations ORDER BY version")
        .fetch_all()
        .await?;
    if let Some(half) = applied.iter().find(|migration| !migration.success) {
        return Err(MigrationError::HalfApplied(half.version));
    }
    match applied.last() {
        Some(last) if last.version > known as i64 => Err(MigrationError::Newer(last.version)),
        _ if applied.len() == known => Ok(SchemaState::Current),
        _ => Ok(SchemaState::Behind(known.saturating_sub(applied.len()))),
    }
}

struct Table {
    name: String,
}

impl FromRow for Table {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            name: row.get("name")?,
        })
    }
}

struct Applied {
    version: i64,
    success: bool,
}

impl FromRow for Applied {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            version: row.get("version")?,
            success: row.get("success")?,
        })
    }
}
