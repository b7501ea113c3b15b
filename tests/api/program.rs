//! The program as a process: what its commands say and do, how it starts and how it ends.

mod commands;
mod demo;
mod endings;

use std::collections::HashMap;
use std::sync::Arc;

use crate::support::app::{Model, environment};
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
