//! The program as a process: what its commands say and do, how it starts and how it ends.

mod backup;
mod commands;
mod demo;
mod endings;
mod observed;
#[cfg(feature = "otlp")]
mod traces;

use std::collections::HashMap;
use std::process::Output;
use std::sync::Arc;

use crate::support::app::{Model, environment};
use crate::support::program::{Running, meggy, run, stderr, stdout};
use crate::support::{Database, Kind};

/// A database, a model, and the variables that lead to both.
struct World {
    database: Arc<Database>,
    model: Model,
    variables: HashMap<String, String>,
}

impl World {
    /// `None` if there is no Postgres to test with.
    async fn new(kind: Kind) -> Option<Self> {
        let database = Database::new(kind)?;
        let model = Model::start().await;
        let variables = environment(&database, &model.server);
        Some(Self {
            database,
            model,
            variables,
        })
    }

    fn with(&self, variables: &[(&str, &str)]) -> HashMap<String, String> {
        let mut all = self.variables.clone();
        all.extend(
            variables
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned())),
        );
        all
    }
}

impl World {
    /// Runs a command to its end.
    fn meggy(&self, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Output {
        let mut command = meggy(self.database.folder.path(), &self.with(variables));
        command.args(arguments);
        run(command, input)
    }

    /// Runs a command that must succeed; returns what it says.
    #[track_caller]
    fn succeeds(&self, arguments: &[&str], input: &str) -> String {
        let output = self.meggy(arguments, &[], input);
        assert!(
            output.status.success(),
            "{arguments:?}: {}{}",
            stdout(&output),
            stderr(&output)
        );
        stdout(&output)
    }

    /// Runs a command that must fail; returns its complaint.
    #[track_caller]
    fn fails(&self, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> String {
        let output = self.meggy(arguments, variables, input);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{arguments:?}: {}{}",
            stdout(&output),
            stderr(&output)
        );
        stderr(&output)
    }

    fn serve(&self) -> Running {
        Running::serve(self.database.folder.path(), &self.variables)
    }
}
