//! One statement, for either database.

use serde::de::DeserializeOwned;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, Decode, Encode, PgConnection, Postgres, Row as _, Sqlite, Type};

use super::postgres::PostgresPool;
use super::sqlite::{SqlitePool, SqliteTx};
use super::{Db, Tx};

/// What a statement can run on: `&db` or `&mut tx`.
pub trait Executor<'c> {
    /// Prepares a statement in the SQL that both databases speak, or in that of each, its parameters numbered `$1`,
    /// `$2`, ….
    fn query(self, sql: impl Into<Sql>) -> Query<'c>;
}

/// A statement that the two databases want written differently.
#[derive(Clone, Copy)]
pub struct Sql {
    /// For SQLite.
    pub sqlite: &'static str,
    /// For Postgres.
    pub postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(sql: &'static str) -> Self {
        Self {
            sqlite: sql,
            postgres: sql,
        }
    }
}

impl<'c> Executor<'c> for &'c Db {
    fn query(self, sql: impl Into<Sql>) -> Query<'c> {
        let Sql { sqlite, postgres } = sql.into();
        match self {
            Db::Sqlite { readers, writer } => {
                let pool = if is_read(sqlite) { readers } else { writer };
                Query::on_sqlite(sqlite, SqliteTarget::Pool(pool))
            }
            Db::Postgres(pool) => Query::on_postgres(postgres, PostgresTarget::Pool(pool)),
        }
    }
}

fn is_read(sql: &str) -> bool {
    sql.starts_with("SELECT")
}

impl<'c> Executor<'c> for &'c mut Tx {
    fn query(self, sql: impl Into<Sql>) -> Query<'c> {
        let Sql { sqlite, postgres } = sql.into();
        match self {
            Tx::Sqlite(tx) => Query::on_sqlite(sqlite, SqliteTarget::Tx(tx)),
            Tx::Postgres(tx) => Query::on_postgres(postgres, PostgresTarget::Connection(tx)),
        }
    }
}

/// A statement and the values bound to it so far.
#[must_use = "a query does nothing until it is fetched or executed"]
pub struct Query<'c> {
    sql: &'static str,
    driver: Driver<'c>,
    unbindable: Option<sqlx::Error>,
}

enum Driver<'c> {
    Sqlite(SqliteTarget<'c>, SqliteArguments),
    Postgres(PostgresTarget<'c>, PgArguments),
}

enum SqliteTarget<'c> {
    Pool(&'c SqlitePool),
    Tx(&'c mut SqliteTx),
}

enum PostgresTarget<'c> {
    Pool(&'c PostgresPool),
    Connection(&'c mut PgConnection),
}

/// Runs one of sqlx's `fetch_…` methods on whichever database and target the query has.
macro_rules! run {
    ($query:expr, $method:ident, $result:ident => $wrap:expr) => {{
        let Query {
            sql,
            driver,
            unbindable,
        } = $query;
        if let Some(error) = unbindable {
            return Err(error);
        }
        match driver {
            Driver::Sqlite(target, arguments) => {
                let query = sqlx::query_with(sql, arguments);
                let $result = match target {
                    SqliteTarget::Pool(pool) => {
                        query.$method(pool.acquire().await?.connection()?).await?
                    }
                    SqliteTarget::Tx(tx) => query.$method(tx.connection()?).await?,
                };
                $wrap
            }
            Driver::Postgres(target, arguments) => {
                let query = sqlx::query_with(sql, arguments);
                let $result = match target {
                    PostgresTarget::Pool(pool) => {
                        query.$method(&mut *pool.acquire().await?).await?
                    }
                    PostgresTarget::Connection(connection) => query.$method(connection).await?,
                };
                $wrap
            }
        }
    }};
}

impl<'c> Query<'c> {
    fn on_sqlite(sql: &'static str, target: SqliteTarget<'c>) -> Self {
        Self {
            sql,
            driver: Driver::Sqlite(target, SqliteArguments::default()),
            unbindable: None,
        }
    }

    fn on_postgres(sql: &'static str, target: PostgresTarget<'c>) -> Self {
        Self {
            sql,
            driver: Driver::Postgres(target, PgArguments::default()),
            unbindable: None,
        }
    }

    /// Binds the next parameter. Takes only what both databases know.
    pub fn bind<'t, T>(mut self, value: T) -> Self
    where
        T: Encode<'t, Sqlite> + Type<Sqlite> + Encode<'t, Postgres> + Type<Postgres>,
    {
        let added = match &mut self.driver {
            Driver::Sqlite(_, arguments) => Arguments::add(arguments, value),
            Driver::Postgres(_, arguments) => Arguments::add(arguments, value),
        };
        if let Err(error) = added {
            self.unbindable = Some(sqlx::Error::Encode(error));
        }
        self
    }

    /// The first row, or `None`.
    pub async fn fetch_optional<T: FromRow>(self) -> sqlx::Result<Option<T>> {
        // sqlx stops at the first row and would not tell if SQLite then fails to commit a change.
        if matches!(self.driver, Driver::Sqlite(..)) && !is_read(self.sql) {
            return Ok(self.fetch_all().await?.into_iter().next());
        }
        run!(self, fetch_optional, row => row.map(|row| T::from_row(&Row::from(&row))).transpose())
    }

    /// The first row; an error if there is none.
    pub async fn fetch_one<T: FromRow>(self) -> sqlx::Result<T> {
        self.fetch_optional().await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// All rows.
    pub async fn fetch_all<T: FromRow>(self) -> sqlx::Result<Vec<T>> {
        run!(self, fetch_all, rows => rows.iter().map(|row| T::from_row(&Row::from(row))).collect())
    }

    /// The rows of a list together with the `total` that each of them carries. Of a slice without rows the total is
    /// unknown and told as 0: it lies behind the end, or the list is empty.
    pub async fn fetch_page<T: FromRow>(self) -> sqlx::Result<Page<T>> {
        let rows: Vec<Counted<T>> = self.fetch_all().await?;
        Ok(Page {
            total: rows.first().map_or(0, |row| row.total),
            rows: rows.into_iter().map(|row| row.item).collect(),
        })
    }

    /// All rows of a statement that gathers them into one JSON text, a list of lists, in its column `rows`.
    ///
    /// SQLite works on a thread of its own that hands over row by row, and waking the reader for each costs several
    /// times what the row itself does. So long lists are better handed over as one.
    pub async fn fetch_gathered<T: DeserializeOwned>(self) -> sqlx::Result<Vec<T>> {
        let Gathered(rows) = self.fetch_one().await?;
        serde_json::from_str(&rows).map_err(|error| sqlx::Error::Decode(error.into()))
    }

    /// The rows of several changes that are made together or not at all, handed to the database at once.
    ///
    /// For SQLite the statement is a script from `BEGIN IMMEDIATE` to `COMMIT` whose parts share their parameters, for
    /// Postgres a single statement that changes several tables. Either way it is one step to the database and back,
    /// where a [`Tx`] takes one for each statement, and the SQLite writer is free again sooner.
    pub async fn fetch_atomically<T: FromRow>(self) -> sqlx::Result<Vec<T>> {
        match self {
            Query {
                sql,
                driver: Driver::Sqlite(SqliteTarget::Pool(pool), arguments),
                unbindable: None,
            } => {
                let mut lease = pool.acquire().await?;
                // Unless the script comes to its end, a transaction may be open. Then the connection is dropped here,
                // which rolls back.
                let mut connection = lease.take()?;
                let rows = sqlx::query_with(sql, arguments)
                    .fetch_all(&mut connection)
                    .await?;
                lease.put(connection);
                rows.iter()
                    .map(|row| T::from_row(&Row::from(row)))
                    .collect()
            }
            query => query.fetch_all().await,
        }
    }

    /// [`Query::fetch_atomically`] for changes that return no rows.
    pub async fn execute_atomically(self) -> sqlx::Result<()> {
        self.fetch_atomically::<Nothing>().await.map(drop)
    }

    /// Runs the statement; returns how many rows it changed.
    pub async fn execute(self) -> sqlx::Result<u64> {
        run!(self, execute, done => Ok(done.rows_affected()))
    }
}

/// A row of either database.
pub enum Row<'r> {
    /// A row of SQLite's.
    Sqlite(&'r SqliteRow),
    /// A row of Postgres'.
    Postgres(&'r PgRow),
}

impl<'r> From<&'r SqliteRow> for Row<'r> {
    fn from(row: &'r SqliteRow) -> Self {
        Self::Sqlite(row)
    }
}

impl<'r> From<&'r PgRow> for Row<'r> {
    fn from(row: &'r PgRow) -> Self {
        Self::Postgres(row)
    }
}

impl<'r> Row<'r> {
    /// The value of a column.
    ///
    /// # Errors
    /// There is no such column, or its value is of another type.
    pub fn get<T>(&self, column: &str) -> sqlx::Result<T>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}

/// A type that a row of either database can be read as.
pub trait FromRow: Sized {
    /// Reads the row.
    ///
    /// # Errors
    /// A column is missing or of another type.
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self>;
}

/// Which rows of a list to read. In the statement `LIMIT` is to be given a sum (`$2 + 0`): SQLite plans anew each time
/// that a bare parameter there is bound.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// How many rows at most.
    pub limit: i64,
    /// How many rows to skip.
    pub offset: i64,
}

/// Some rows of a list, and how many the whole list has.
#[derive(Debug)]
pub struct Page<T> {
    /// The length of the whole list.
    pub total: i64,
    /// The rows asked for.
    pub rows: Vec<T>,
}

struct Nothing;

impl FromRow for Nothing {
    fn from_row(_: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self)
    }
}

struct Gathered(String);

impl FromRow for Gathered {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("rows").map(Self)
    }
}

struct Counted<T> {
    total: i64,
    item: T,
}

impl<T: FromRow> FromRow for Counted<T> {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            total: row.get("total")?,
            item: T::from_row(row)?,
        })
    }
}
