//! `meggy serve`.

use std::fs::TryLockError;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Failure, configuration, open_migrated};
use crate::app::App;
use crate::http::connection::{self, Timeouts};
use crate::llm::Providers;
use crate::metrics::{Metrics, exposition};
use crate::server::{self, StopSignal};
use crate::telemetry;

pub async fn run() -> Result<(), Failure> {
    let signal = StopSignal::listen()?;
    let config = configuration()?;
    let _telemetry = telemetry::start(&config)?;
    if !config.server.debug {
        telemetry::take_panics();
    }
    let llm = Providers::new(&config.llm)?;
    let db = open_migrated(&config).await?;
    let listener = listen((config.server.host, config.server.port), "PORT").await?;
    // Held until the end.
    let _lock = db.lock().map_err(|error| match error {
        TryLockError::WouldBlock => "another Meggy server uses this SQLite file. A file belongs to one server; several can share a Postgres database".to_owned(),
        TryLockError::Error(error) => format!("the database file cannot be locked: {error}"),
    })?;
    let metrics_listener = match config.telemetry.metrics_address {
        Some(address) => Some(listen(address, "METRICS_PORT").await?),
        None => None,
    };
    let app = App::new(config, db, llm)?;
    if let Some(listener) = metrics_listener {
        show_metrics(listener, app.metrics.clone())?;
    }
    tracing::info!(
        "listening on http://{}, data in {}",
        listener.local_addr()?,
        app.config.database.url
    );
    let stop = signal.stop(app.tasks.clone());
    server::serve(listener, app, stop).await?;
    Ok(())
}

/// Takes the configured port, which `setting` sets.
pub async fn listen(address: impl Into<SocketAddr>, setting: &str) -> Result<TcpListener, Failure> {
    let address = address.into();
    let failed = |error| {
        format!(
            "cannot listen on {address}: {error}. Choose another {setting}, or end what uses it"
        )
    };
    Ok(TcpListener::bind(address).await.map_err(failed)?)
}

/// How many may read the metrics at a time.
const MOST_READERS_OF_METRICS: usize = 100;

/// Serves the metrics on a port of their own until the process ends, so that its end can be watched, too.
fn show_metrics(listener: TcpListener, metrics: Metrics) -> std::io::Result<()> {
    tracing::info!("metrics on http://{}/metrics", listener.local_addr()?);
    let router = exposition::unguarded(metrics);
    tokio::spawn(connection::serve(
        listener,
        router,
        MOST_READERS_OF_METRICS,
        Timeouts::default(),
        CancellationToken::new(),
    ));
    Ok(())
}
