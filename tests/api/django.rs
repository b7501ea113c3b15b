//! `meggy import-django`: what comes over from the old backend's database, in which form, and what an import that is
//! repeated or cut off leaves.

mod arrivals;
mod interruptions;
mod odd_accounts;
mod odd_values;
mod old;
mod refusals;
mod repeats;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::{Command, Output};
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use meggy::db::{Foreign, Sql};
use serde_json::Value;

use crate::support::app::{SECRET, block_on};
use crate::support::program::{meggy, run, stderr, stdout};
use crate::support::{Database, Kind, TestApp};
use old::Old;

/// Runs each test of a file with an old and a new database of each kind. A test is an `async fn` from [`Move`].
macro_rules! on_all_databases {
    ($($test:ident),* $(,)?) => {
        mod from_sqlite_to_sqlite {
            $(#[test] fn $test() { crate::django::from(crate::support::Kind::Sqlite, crate::support::Kind::Sqlite, super::$test); })*
        }
        mod from_sqlite_to_postgres {
            $(#[test] fn $test() { crate::django::from(crate::support::Kind::Sqlite, crate::support::Kind::Postgres, super::$test); })*
        }
        mod from_postgres_to_sqlite {
            $(#[test] fn $test() { crate::django::from(crate::support::Kind::Postgres, crate::support::Kind::Sqlite, super::$test); })*
        }
        mod from_postgres_to_postgres {
            $(#[test] fn $test() { crate::django::from(crate::support::Kind::Postgres, crate::support::Kind::Postgres, super::$test); })*
        }
    };
}
use on_all_databases;

fn from<F: Future<Output = ()>>(old: Kind, new: Kind, test: impl FnOnce(Move) -> F) {
    block_on(async {
        if let Some(moving) = Move::new(old, new).await {
            test(moving).await;
        }
    });
}

/// An old database and a new one.
struct Move {
    old: Old,
    new: Arc<Database>,
}

/// What an import said.
struct Said {
    status: Option<i32>,
    text: String,
    complaint: String,
    /// The lines of the report: of which row, by table and id, and in which words.
    rows: BTreeMap<(String, String), (String, String)>,
}

impl Said {
    /// What became of a row of which something was to be said.
    #[track_caller]
    fn of(&self, table: &str, id: impl ToString) -> (&str, &str) {
        let key = (table.to_owned(), id.to_string());
        let (outcome, reason) = self
            .rows
            .get(&key)
            .unwrap_or_else(|| panic!("nothing of {key:?} in {:#?}", self.rows));
        (outcome, reason)
    }

    /// How many rows were read, brought in, changed by that, there already, kept and left out.
    #[track_caller]
    fn counts(&self, table: &str) -> Vec<u64> {
        let line = self
            .text
            .lines()
            .find_map(|line| line.strip_prefix(table))
            .unwrap_or_else(|| panic!("no {table} in {}", self.text));
        let numbers = line.split_whitespace().map(|word| word.parse().unwrap());
        numbers.collect()
    }
}

impl Move {
    async fn new(old: Kind, new: Kind) -> Option<Self> {
        Some(Self {
            old: Old::new(old).await?,
            new: Database::empty(new)?,
        })
    }

    /// How the old database writes an id.
    fn id(&self, number: u64) -> String {
        match self.old.database.kind {
            Kind::Sqlite => old::id(number).simple().to_string(),
            Kind::Postgres => old::id(number).to_string(),
        }
    }

    async fn command(&mut self, arguments: &[&str]) -> Command {
        let address = self.old.address().await;
        command(&self.new, &address, arguments)
    }

    /// Runs an import to its end.
    async fn import(&mut self, arguments: &[&str]) -> Said {
        let file = self.new.folder.path().join("report.jsonl");
        let mut command = self.command(arguments).await;
        command.arg("--report").arg(&file);
        let output = run(command, "");
        let lines = std::fs::read_to_string(&file).unwrap_or_default();
        said(&output, &lines)
    }

    /// Runs an import that must leave nothing out.
    #[track_caller]
    fn imported(said: Said) -> Said {
        assert_eq!(said.status, Some(0), "{}{}", said.text, said.complaint);
        said
    }

    async fn serve(&self) -> TestApp {
        TestApp::start(&self.new, &[]).await
    }

    /// All that an import writes.
    async fn dump(&self) -> BTreeMap<&'static str, BTreeSet<Vec<Option<String>>>> {
        dump(&self.new).await
    }
}

fn command(new: &Database, old: &str, arguments: &[&str]) -> Command {
    let variables = [
        ("DATABASE_URL", new.url.as_str()),
        ("JWT_SECRET_KEY", SECRET),
    ];
    let variables: HashMap<_, _> = variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let mut command = meggy(new.folder.path(), &variables);
    command
        .args(["import-django", "--from", old])
        .args(arguments);
    command
}

fn said(output: &Output, lines: &str) -> Said {
    let word = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let rows = lines.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let key = (word(&line, "table"), word(&line, "id"));
        (key, (word(&line, "outcome"), word(&line, "reason")))
    });
    Said {
        status: output.status.code(),
        text: stdout(output),
        complaint: stderr(output),
        rows: rows.collect(),
    }
}

async fn dump(database: &Database) -> BTreeMap<&'static str, BTreeSet<Vec<Option<String>>>> {
    let tables = [
        "users",
        "agents",
        "agent_prompts",
        "conversations",
        "messages",
        "search_documents",
        "django_imports",
    ];
    let mut source = Foreign::open(&database.settings().url).await.unwrap();
    let all = source.columns().await.unwrap();
    let mut rows = BTreeMap::new();
    for table in tables {
        // Numbers are given in the order of writing.
        let columns: Vec<_> = all
            .iter()
            .filter(|column| column.table == table && column.name != "number")
            .map(|column| match database.kind {
                Kind::Sqlite if column.kind == "BLOB" => format!("hex({})", column.name),
                _ => format!("CAST({} AS TEXT)", column.name),
            })
            .collect();
        assert!(!columns.is_empty(), "{table}");
        let sql = format!("SELECT {} FROM {table}", columns.join(", "));
        let sql: &'static str = sql.leak();
        let cells: Vec<meggy::db::Cells> = source
            .rows(Sql::from(sql), &[])
            .try_collect()
            .await
            .unwrap();
        let text = |cell: Option<Vec<u8>>| cell.map(|cell| String::from_utf8(cell).unwrap());
        let texts = cells
            .into_iter()
            .map(|cells| cells.into_iter().map(text).collect());
        rows.insert(table, texts.collect());
    }
    rows
}
