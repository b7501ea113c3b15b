//! Listening, serving and ending.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::{self, App};
use crate::http::connection;
use crate::live;
use crate::tasks::Tasks;

/// How long interrupted answers have to be written down and told.
const CLOSING_TIME: Duration = Duration::from_secs(5);

/// Serves until `stop` resolves, and for the configured delay. Then no more connections are accepted, what comes at that
/// moment on those that are open is still taken on, running answers get the configured grace period, and what is still
/// running after it is written down as interrupted.
///
/// # Errors
/// The database failed.
pub async fn serve(
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (tasks, db) = (app.tasks.clone(), app.db.clone());
    let (delay, grace) = (
        app.config.server.shutdown_delay,
        app.config.server.shutdown_grace,
    );
    live::enter(&db, &app.live)
        .await
        .map_err(std::io::Error::other)?;
    let background = tasks.spawn(live::run(db.clone(), app.live.clone(), tasks.clone()));

    tasks.spawn(app.limits.clone().sweep(tasks.draining().clone()));
    let closing = CancellationToken::new();
    let (most, timeouts) = (app.config.server.max_connections, app.timeouts);
    let serving = connection::serve(listener, app::router(app), most, timeouts, closing.clone());
    let mut server = tokio::spawn(serving);

    tokio::select! {
        () = stop => tracing::info!("stopping"),
        // Without it nothing is saved and the others take this server for dead. It only ends by itself when it panics.
        _ = background => tracing::error!("the background work of running answers broke off; stopping"),
    }
    tasks.stop();
    // Meanwhile load balancers learn that this server is not ready any more.
    let ending = tasks.ending().clone();
    ending.run_until_cancelled(sleep(delay)).await;
    closing.cancel();
    let drained = async {
        let moment = timeout(timeouts.ending, &mut server);
        let closed = ending.run_until_cancelled(moment).await;
        tasks.drain();
        let served = match closed {
            Some(Ok(served)) => served,
            _ => server.await,
        };
        tasks.finished().await;
        served
    };
    tokio::pin!(drained);
    let in_time = tokio::select! {
        served = &mut drained => Some(served),
        () = sleep(timeouts.ending + grace) => None,
        () = ending.cancelled() => None,
    };
    match in_time {
        Some(served) => served?,
        None => {
            tasks.end();
            match timeout(CLOSING_TIME, &mut drained).await {
                Ok(served) => served?,
                Err(_) => tracing::warn!(
                    "some clients neither ended their requests nor took their answers in time"
                ),
            }
        }
    }
    if timeout(CLOSING_TIME, db.close()).await.is_err() {
        tracing::warn!("the database was still in use at the end");
    }
    Ok(())
}

/// The requests to end that the process gets: Ctrl-C, SIGTERM, or the end of its terminal.
pub struct StopSignal {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
}

impl StopSignal {
    /// Listens from now on; until then such a request ends the process at once.
    ///
    /// # Errors
    /// The system refuses.
    pub fn listen() -> std::io::Result<Self> {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt())?,
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
            #[cfg(unix)]
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Resolves at the first request. Who asks again does not want to wait for running answers, which then end.
    pub async fn stop(mut self, tasks: Tasks) {
        self.received().await;
        tokio::spawn(async move {
            self.received().await;
            tasks.end();
        });
    }

    async fn received(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
