//! What the tests share: the program as a server of their own, a client for it, a model that says what it is told to,
//! and a database for each test.

pub mod app;
pub mod browser;
pub mod client;
pub mod database;
pub mod events;
pub mod model_server;
pub mod postgres;
pub mod program;
pub mod tokens;

pub use app::{OPENAI_KEY, SECRET, TestApp};
pub use client::{Answer, Client};
pub use database::{Database, Kind};

use std::time::{Duration, Instant};

/// How long something that is bound to happen may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs each test of a file on a SQLite file of its own, and again on a Postgres database of its own. A test is an
/// `async fn` from [`TestApp`].
macro_rules! on_each_database {
    ($($test:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[test] fn $test() { $crate::support::app::run($crate::support::Kind::Sqlite, super::$test); })*
        }
        mod on_postgres {
            $(#[test] fn $test() { $crate::support::app::run($crate::support::Kind::Postgres, super::$test); })*
        }
    };
}
pub(crate) use on_each_database;

/// Asks again and again until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
