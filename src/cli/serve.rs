//! `meggy serve`.

use tokio::net::TcpListener;

use super::{Failure, configuration, open_migrated};
use crate::app::App;
use crate::config::ServerConfig;
use crate::llm::Providers;
use crate::{server, telemetry};

pub async fn run() -> Result<(), Failure> {
    let config = configuration()?;
    telemetry::start(&config.server);
    let llm = Providers::new(&config.llm)?;
    let db = open_migrated(&config).await?;
    let listener = listen(&config.server).await?;
    tracing::info!("listening on http://{}, data in {}", listener.local_addr()?, db.kind());
    server::serve(listener, App::new(config, db, llm)?, server::stop_signal()).await?;
    Ok(())
}

/// Takes the configured port.
pub async fn listen(config: &ServerConfig) -> Result<TcpListener, Failure> {
    let address = (config.host, config.port);
    let failed = |error| {
        format!("cannot listen on {}:{}: {error}. Choose another PORT, or end what uses it", config.host, config.port)
    };
    Ok(TcpListener::bind(address).await.map_err(failed)?)
}
