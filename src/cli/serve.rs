//! `meggy serve`.

use std::fs::TryLockError;

use tokio::net::TcpListener;

use super::{Failure, configuration, open_migrated};
use crate::app::App;
use crate::config::ServerConfig;
use crate::llm::Providers;
use crate::server::{self, StopSignal};
use crate::telemetry;

pub async fn run() -> Result<(), Failure> {
    let signal = StopSignal::listen()?;
    let config = configuration()?;
    telemetry::start(&config.server);
    let llm = Providers::new(&config.llm)?;
    let db = open_migrated(&config).await?;
    let listener = listen(&config.server, "PORT").await?;
    // Held until the end.
    let _lock = db.lock().map_err(|error| match error {
        TryLockError::WouldBlock => "another Meggy server uses this SQLite file. A file belongs to one server; several can share a Postgres database".to_owned(),
        TryLockError::Error(error) => format!("the database file cannot be locked: {error}"),
    })?;
    tracing::info!(
        "listening on http://{}, data in {}",
        listener.local_addr()?,
        config.database.url
    );
    let app = App::new(config, db, llm)?;
    let stop = signal.stop(app.tasks.clone());
    server::serve(listener, app, stop).await?;
    Ok(())
}

/// Takes the configured port, which `setting` sets.
pub async fn listen(config: &ServerConfig, setting: &str) -> Result<TcpListener, Failure> {
    let address = (config.host, config.port);
    let failed = |error| {
        format!(
            "cannot listen on {}:{}: {error}. Choose another {setting}, or end what uses it",
            config.host, config.port
        )
    };
    Ok(TcpListener::bind(address).await.map_err(failed)?)
}
