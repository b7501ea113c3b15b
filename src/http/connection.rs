//! Accepting connections, and HTTP/1.1 on each of them.

mod answer;
mod body;
mod stream;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use http::header::CONNECTION;
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use answer::Answer;
use body::Paced;
pub use body::Unfinished;
use stream::{Phase, Progress, Watched};

/// Longest head of a request that is read at all, in bytes. What is shorter than this and still too long is refused in
/// words by [`super::head`]. It cannot have more than 100 fields.
const HEAD_BYTES: usize = 64 * 1024;

/// How long a client may take nothing of what it is sent before its connection is given up. Else one that is gone without a
/// word, or that never reads, would keep an answer in memory for good.
#[cfg(target_os = "linux")]
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// How long to wait when the system has no room for another connection.
const PAUSE: Duration = Duration::from_secs(1);

/// How often is told that there are as many connections as there may be.
const REMINDER: Duration = Duration::from_secs(60);

/// How long is waited for clients. Part of the state rather than constants, so that tests need not wait that long.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the first byte of a request. Longer than the minute for which proxies keep idle connections, so that it is they
    /// who close them.
    pub idle: Duration,
    /// For the head of a request, from its first byte to its last.
    pub head: Duration,
    /// For any part of a body, and for the whole beyond the time that its length takes at the slowest pace that is
    /// borne with.
    pub body: Duration,
    /// For requests that are on their way, or half sent, when the server begins to end. Who keeps a connection for later
    /// may send one before hearing that it was closed, and cannot tell what became of it.
    pub ending: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(75),
            head: Duration::from_secs(15),
            body: Duration::from_secs(60),
            ending: Duration::from_secs(1),
        }
    }
}

/// Serves at most `most` connections at a time, further ones wait unaccepted, until `closing`. Then none is accepted but
/// those that the system has taken already, each is closed after its next answer, which says so, or when no request comes
/// for a moment; and this ends when all are.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    most: usize,
    timeouts: Timeouts,
    closing: CancellationToken,
) {
    let open = TaskTracker::new();
    let room = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
    let mut reminded = None;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(timeouts.idle)
        .max_header_size(HEAD_BYTES)
        // A client that has said all may close its half. It also means that nothing is read while an answer is sent,
        // which would take another buffer for each open stream. That a client has left shows when it is written to.
        .half_close(true);
    let open_one = |stream, address, permit| {
        let progress = Progress::default();
        let answering = Answering {
            router: router.clone(),
            address,
            progress: progress.clone(),
            timeouts,
            closing: closing.clone(),
        };
        let service = service_fn(move |request| answer(answering.clone(), request));
        let stream = Watched::new(prepared(stream), progress.clone(), timeouts.head, permit);
        let connection = http
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        open.spawn(run(connection, progress, timeouts, closing.clone()));
    };
    while let Some((permit, stream, address)) = closing
        .run_until_cancelled(async {
            let permit = admit(&room, &mut reminded).await;
            let (stream, address) = accept(&listener).await;
            (permit, stream, address)
        })
        .await
    {
        open_one(stream, address, permit);
    }
    // Who waits to be accepted may have sent a request already, which would be lost with the listener.
    if let Ok(listener) = listener.into_std() {
        while let Ok(permit) = room.clone().try_acquire_owned()
            && let Ok((stream, address)) = listener.accept()
        {
            if stream.set_nonblocking(true).is_ok()
                && let Ok(stream) = TcpStream::from_std(stream)
            {
                open_one(stream, address, Some(permit));
            }
        }
    }
    open.close();
    open.wait().await;
}

type Connection<S> = http1::UpgradeableConnection<TokioIo<Watched>, S>;

/// Serves one connection, from a moment after `closing` on only until the request that is under way is answered, or is seen
/// not to come.
async fn run<S>(
    connection: Connection<S>,
    progress: Progress,
    timeouts: Timeouts,
    closing: CancellationToken,
) where
    S: HttpService<Incoming, ResBody = Body, Error = Infallible>,
{
    let mut connection = pin!(connection);
    let late = async {
        closing.cancelled().await;
        sleep(timeouts.ending).await;
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = late => {
            if progress.is(Phase::Head) {
                return;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

/// Waits until there is room for another connection.
async fn admit(
    room: &Arc<Semaphore>,
    reminded: &mut Option<Instant>,
) -> Option<OwnedSemaphorePermit> {
    if room.available_permits() == 0
        && reminded.is_none_or(|last: Instant| last.elapsed() > REMINDER)
    {
        tracing::warn!("there are MAX_CONNECTIONS connections; others wait");
        *reminded = Some(Instant::now());
    }
    // It is never closed.
    room.clone().acquire_owned().await.ok()
}

/// The next connection.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

/// A connection, set up for answers that are small and waited for.
fn prepared(stream: TcpStream) -> TcpStream {
    // Where it is refused they are merely later.
    let _ = stream.set_nodelay(true);
    give_up_stalled(&stream);
    stream
}

/// Has the system give up the connection when nothing more gets through (`TCP_USER_TIMEOUT`, tcp(7)).
#[cfg(target_os = "linux")]
fn give_up_stalled(stream: &TcpStream) {
    let limit = u32::try_from(STALL_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    // Where it is refused a stalled client merely stays longer.
    let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, limit);
}

#[cfg(not(target_os = "linux"))]
fn give_up_stalled(_: &TcpStream) {}

/// Whether the client was gone before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// What it takes to answer the requests of a connection.
#[derive(Clone)]
struct Answering {
    router: Router,
    address: SocketAddr,
    progress: Progress,
    timeouts: Timeouts,
    closing: CancellationToken,
}

async fn answer(with: Answering, request: Request<Incoming>) -> Result<Response, Infallible> {
    with.progress.enter(Phase::Answer);
    let closing = with.closing.clone();
    let mut request = request.map(|body| Body::new(Paced::new(body, with.timeouts, closing)));
    request.extensions_mut().insert(ConnectInfo(with.address));
    let mut response = with.router.oneshot(request).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response);
    }
    if with.closing.is_cancelled() {
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Body::new(Answer::new(body, with.progress))))
}
