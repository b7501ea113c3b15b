//! Both schemas are one, and what stands in the way of bringing a database up to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meggy::db::{Db, Executor, FromRow, Row, SchemaState, connect};

use crate::support::app::block_on;
use crate::support::{Database, Kind, TestApp};

/// A row of texts.
struct Texts(Vec<String>);

impl FromRow for Texts {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        ["a", "b", "c", "d"]
            .into_iter()
            .map(|column| row.get(column))
            .collect::<sqlx::Result<_>>()
            .map(Self)
    }
}

/// What a schema consists of, each thing as a line of text, in the words of Postgres. Each database has an index for text of
/// its own kind, which is left out: SQLite's virtual tables and what they are kept in, Postgres' `tsvector` and GIN.
async fn schema(db: &Db) -> BTreeSet<String> {
    let statements = match db {
        Db::Sqlite { .. } => [
            "SELECT 'column' AS a, t.name || '.' || c.name AS b,
                    CASE upper(c.type) WHEN 'BLOB' THEN 'uuid' WHEN 'TIMESTAMP' THEN 'timestamp with time zone'
                                       ELSE lower(c.type) END AS c,
                    CASE WHEN c.\"notnull\" THEN 'NO' ELSE 'YES' END AS d
             FROM pragma_table_list t JOIN pragma_table_info(t.name) c
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
            "SELECT 'index' AS a, t.name AS b,
                    (SELECT group_concat(name) FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) AS c,
                    CASE WHEN i.\"unique\" THEN 'unique' ELSE '' END || CASE WHEN i.partial THEN ' partial' ELSE '' END AS d
             FROM pragma_table_list t JOIN pragma_index_list(t.name) i
             WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
            "SELECT 'reference' AS a, t.name AS b, group_concat(f.\"from\") AS c,
                    f.\"table\" || ' ' || lower(f.on_delete) AS d
             FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) f
             WHERE t.type = 'table'
             GROUP BY t.name, f.id",
        ],
        Db::Postgres(_) => [
            "SELECT 'column' AS a, table_name || '.' || column_name AS b, CAST(data_type AS TEXT) AS c,
                    CAST(is_nullable AS TEXT) AS d
             FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_sqlx%' AND data_type <> 'tsvector'",
            "SELECT 'index' AS a, CAST(t.relname AS TEXT) AS b,
                    (SELECT string_agg(CAST(c.attname AS TEXT), ',' ORDER BY k.place)
                     FROM unnest(i.indkey) WITH ORDINALITY AS k (number, place)
                     JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum = k.number) AS c,
                    CASE WHEN i.indisunique THEN 'unique' ELSE '' END
                        || CASE WHEN i.indpred IS NULL THEN '' ELSE ' partial' END AS d
             FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
             JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree'
             JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = current_schema()
             WHERE t.relname NOT LIKE '\\_sqlx%'",
            "SELECT 'reference' AS a, CAST(t.relname AS TEXT) AS b,
                    (SELECT string_agg(CAST(c.attname AS TEXT), ',' ORDER BY k.place)
                     FROM unnest(f.conkey) WITH ORDINALITY AS k (number, place)
                     JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum = k.number) AS c,
                    CAST(other.relname AS TEXT) || CASE f.confdeltype WHEN 'c' THEN ' cascade' ELSE ' ?' END AS d
             FROM pg_constraint f JOIN pg_class t ON t.oid = f.conrelid JOIN pg_class other ON other.oid = f.confrelid
             WHERE f.contype = 'f'",
        ],
    };
    let mut lines = BTreeSet::new();
    for statement in statements {
        let rows: Vec<Texts> = db.query(statement).fetch_all().await.unwrap();
        assert!(!rows.is_empty(), "{statement}");
        lines.extend(
            rows.into_iter()
                .map(|Texts(row)| row.join(" ").trim().to_owned()),
        );
    }
    lines
}

async fn open(database: &Database) -> Db {
    connect(&database.settings()).await.expect("a database")
}

async fn migrated(kind: Kind) -> Option<(Arc<Database>, Db)> {
    let database = Database::new(kind)?;
    let db = open(&database).await;
    db.migrate().await.unwrap();
    Some((database, db))
}

#[test]
fn both_schemas_are_the_same() {
    block_on(async {
        let Some((_database, sqlite)) = migrated(Kind::Sqlite).await else {
            return;
        };
        let Some((_database, postgres)) = migrated(Kind::Postgres).await else {
            return;
        };
        let (sqlite, postgres) = (schema(&sqlite).await, schema(&postgres).await);
        let only_sqlite: Vec<_> = sqlite.difference(&postgres).collect();
        let only_postgres: Vec<_> = postgres.difference(&sqlite).collect();
        assert!(
            only_sqlite.is_empty() && only_postgres.is_empty(),
            "SQLite {only_sqlite:#?}\nPostgres {only_postgres:#?}"
        );
    });
}

#[test]
fn both_folders_hold_the_same_migrations() {
    let names = |kind: &str| {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("migrations")
            .join(kind);
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(names("sqlite"), names("postgres"));
    block_on(async {
        // A file that nobody embedded would never be applied.
        let Some((_database, db)) = migrated(Kind::Sqlite).await else {
            return;
        };
        let applied: Vec<Texts> = db
            .query("SELECT 'a' AS a, 'b' AS b, 'c' AS c, description AS d FROM _sqlx_migrations")
            .fetch_all()
            .await
            .unwrap();
        assert_eq!(applied.len(), names("sqlite").len());
    });
}

#[test]
fn everything_of_a_users_carries_the_users_id_first() {
    block_on(async {
        let Some((_database, db)) = migrated(Kind::Sqlite).await else {
            return;
        };
        let lines = schema(&db).await;
        let mut columns = BTreeMap::<&str, Vec<&str>>::new();
        for line in lines.iter().filter_map(|line| line.strip_prefix("column ")) {
            let (table, rest) = line.split_once('.').unwrap();
            columns.entry(table).or_default().push(rest);
        }
        assert!(columns.len() >= 4, "{columns:?}");
        // Those of the administration are looked for by other things, or outlive the user.
        let of_nobody = [
            "users",
            "replicas",
            "admin_sessions",
            "password_reset_links",
            "audit_entries",
            "daily_totals",
        ];
        for (table, columns) in columns
            .iter()
            .filter(|(table, _)| !of_nobody.contains(table))
        {
            assert!(columns.contains(&"user_id uuid NO"), "{table}: {columns:?}");
            let keys: Vec<&String> = lines
                .iter()
                .filter(|line| {
                    line.starts_with(&format!("index {table} ")) && line.ends_with(" unique")
                })
                .collect();
            assert!(
                !keys.is_empty()
                    && keys
                        .iter()
                        .all(|key| key.contains(&format!("{table} user_id"))),
                "{keys:?}"
            );
        }
    });
}

/// Brings a database into a state, and returns the sentence with which the program then refuses it.
async fn refusal(kind: Kind, spoil: &'static [&'static str], is_empty: bool) -> Option<String> {
    let database = if is_empty {
        Database::empty(kind)?
    } else {
        Database::new(kind)?
    };
    let db = open(&database).await;
    match (is_empty, kind) {
        (false, _) => db.migrate().await.unwrap(),
        (true, Kind::Sqlite) => drop(std::fs::File::create(database.file()).unwrap()),
        (true, Kind::Postgres) => {}
    }
    for &statement in spoil {
        db.query(statement).execute().await.unwrap();
    }
    let state = db
        .schema_state()
        .await
        .expect_err("not in order")
        .to_string();
    let refusal = db.migrate().await.expect_err("not migrated").to_string();
    assert_eq!(state, refusal);
    Some(refusal)
}

macro_rules! on_both {
    ($($test:ident: $body:expr),* $(,)?) => { $(
        mod $test {
            #[test] fn on_sqlite() { super::block_on(async { ($body)(super::Kind::Sqlite).await }) }
            #[test] fn on_postgres() { super::block_on(async { ($body)(super::Kind::Postgres).await }) }
        }
    )* };
}

on_both! {
    a_database_of_a_newer_version_is_refused: super::newer,
    a_half_applied_migration_is_refused: super::half_applied,
    somebody_elses_users_are_refused: super::foreign,
    an_altered_migration_is_refused: super::altered,
    servers_that_start_at_once_on_an_empty_database_all_succeed: super::at_once,
    migrating_again_changes_nothing: super::again,
}

fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

async fn newer(kind: Kind) {
    const LATER: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 SELECT 9999, 'later', success, checksum, 1 FROM _sqlx_migrations WHERE version = 1";
    if let Some(text) = refusal(kind, &[LATER], false).await {
        says(&text, &["newer version", "9999", "backup"]);
    }
}

async fn half_applied(kind: Kind) {
    const HALF: &str = "UPDATE _sqlx_migrations SET success = FALSE WHERE version = 2";
    if let Some(text) = refusal(kind, &[HALF], false).await {
        says(&text, &["migration 2", "not finished", "backup"]);
    }
}

async fn foreign(kind: Kind) {
    if let Some(text) = refusal(
        kind,
        &["CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT)"],
        true,
    )
    .await
    {
        says(&text, &["`users`", "DATABASE_URL"]);
    }
}

async fn altered(kind: Kind) {
    let Some((_database, db)) = migrated(kind).await else {
        return;
    };
    let other = "UPDATE _sqlx_migrations SET checksum = (SELECT checksum FROM _sqlx_migrations WHERE version = 2) WHERE version = 1";
    db.query(other).execute().await.unwrap();
    says(
        &db.migrate().await.expect_err("not migrated").to_string(),
        &["migration 1", "different build"],
    );
}

async fn at_once(kind: Kind) {
    for _ in 0..3 {
        let Some(database) = Database::empty(kind) else {
            return;
        };
        let starting: Vec<_> = (0..6)
            .map(|_| {
                let settings = database.settings();
                tokio::spawn(async move {
                    let db = connect(&settings)
                        .await
                        .map_err(|error| error.to_string())?;
                    db.migrate().await.map_err(|error| error.to_string())?;
                    db.schema_state().await.map_err(|error| error.to_string())
                })
            })
            .collect();
        for start in starting {
            assert_eq!(start.await.unwrap(), Ok(SchemaState::Current));
        }
    }
}

async fn again(kind: Kind) {
    let Some(database) = Database::new(kind) else {
        return;
    };
    let app = TestApp::start(&database, &[]).await;
    let ann = app.register("ann").await;
    app.db.migrate().await.unwrap();
    ann.get("/api/users/me/").await.is(200, &ann.user);
}
