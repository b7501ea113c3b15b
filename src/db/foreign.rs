//! Another program's database, which is read and never written.

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use sqlx::postgres::PgRow;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection, Row as _, SqliteConnection,
};

use super::Sql;
use crate::config::DatabaseUrl;

/// A connection to the database.
pub enum Foreign {
    /// Each statement sees the file as it is then, so that nobody who writes it meanwhile is kept waiting for long.
    Sqlite(SqliteConnection),
    /// All statements see the database as it was at the first.
    Postgres(PgConnection),
}

/// A row of texts, `None` where it is NULL. They are bytes, because SQLite checks no encoding.
pub type Cells = Vec<Option<Vec<u8>>>;

/// A column of a table.
pub struct ForeignColumn {
    /// The table's name.
    pub table: String,
    /// Its own name.
    pub name: String,
    /// Its type, in the database's words.
    pub kind: String,
}

impl Foreign {
    /// Opens a database, which must be there.
    ///
    /// # Errors
    /// It cannot be opened or reached.
    pub async fn open(url: &DatabaseUrl) -> sqlx::Result<Self> {
        match url {
            DatabaseUrl::Sqlite(file) => {
                let options = SqliteConnectOptions::new()
                    .filename(file)
                    .read_only(true)
                    .disable_statement_logging();
                Ok(Self::Sqlite(options.connect().await?))
            }
            DatabaseUrl::Postgres(options) => {
                let options = (**options).clone().disable_statement_logging();
                let mut connection = options.connect().await?;
                connection
                    .execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .await?;
                Ok(Self::Postgres(connection))
            }
        }
    }

    /// The rows of a statement whose columns and parameters are all of them texts, as the database hands them over.
    pub fn rows<'a>(
        &'a mut self,
        sql: Sql,
        parameters: &[&str],
    ) -> BoxStream<'a, sqlx::Result<Cells>> {
        match self {
            Self::Sqlite(connection) => parameters
                .iter()
                .fold(sqlx::query(sql.sqlite), |query, &text| {
                    query.bind(text.to_owned())
                })
                .fetch(connection)
                .map(|row| sqlite_cells(&row?))
                .boxed(),
            Self::Postgres(connection) => parameters
                .iter()
                .fold(sqlx::query(sql.postgres), |query, &text| {
                    query.bind(text.to_owned())
                })
                .fetch(connection)
                .map(|row| postgres_cells(&row?))
                .boxed(),
        }
    }

    /// All columns of all tables.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn columns(&mut self) -> sqlx::Result<Vec<ForeignColumn>> {
        const COLUMNS: Sql = Sql {
            sqlite: "SELECT tables.name, columns.name, columns.type
                     FROM sqlite_master AS tables JOIN pragma_table_info(tables.name) AS columns
                     WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                     ORDER BY tables.name, columns.cid",
            postgres: "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT)
                       FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
                       WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
                       ORDER BY table_name, ordinal_position",
        };
        let mut rows = self.rows(COLUMNS, &[]);
        let mut columns = Vec::new();
        while let Some(row) = rows.next().await {
            let mut texts = row?.into_iter().map(|cell| {
                String::from_utf8_lossy(cell.unwrap_or_default().as_slice()).into_owned()
            });
            columns.push(ForeignColumn {
                table: texts.next().unwrap_or_default(),
                name: texts.next().unwrap_or_default(),
                kind: texts.next().unwrap_or_default(),
            });
        }
        Ok(columns)
    }

    /// How many rows a table has, or how many of them have something in a column.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn count(&mut self, table: &str, column: Option<&str>) -> sqlx::Result<i64> {
        let column = column.map_or_else(|| "*".to_owned(), quoted);
        let sql = AssertSqlSafe(format!("SELECT COUNT({column}) FROM {}", quoted(table)));
        match self {
            Self::Sqlite(connection) => connection.fetch_one(sql).await?.try_get(0),
            Self::Postgres(connection) => connection.fetch_one(sql).await?.try_get(0),
        }
    }
}

/// A name as SQL takes it, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn sqlite_cells(row: &SqliteRow) -> sqlx::Result<Cells> {
    (0..row.len()).map(|column| row.try_get(column)).collect()
}

fn postgres_cells(row: &PgRow) -> sqlx::Result<Cells> {
    (0..row.len())
        .map(|column| {
            let text: Option<String> = row.try_get(column)?;
            Ok(text.map(String::into_bytes))
        })
        .collect()
}
