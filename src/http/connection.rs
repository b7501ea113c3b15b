//! Accepting connections, and HTTP/1.1 on each of them.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// How long a client may take to send the head of a request, and how long a connection may lie idle before one. Longer
/// than the minute for which proxies keep idle connections, so that it is they who close them.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a client may take nothing of what it is sent before its connection is given up. Else one that is gone without a
/// word, or that never reads, would keep an answer in memory for good.
#[cfg(target_os = "linux")]
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// How long to wait when the system has no room for another connection.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves until `draining`, and then until the requests that are under way are answered.
pub async fn serve(listener: TcpListener, router: Router, draining: CancellationToken) {
    let open = TaskTracker::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        // A client that has said all may close its half. It also means that nothing is read while an answer is sent,
        // which would take another buffer for each open stream. That a client has left shows when it is written to.
        .half_close(true);
    while let Some((stream, address)) = draining.run_until_cancelled(accept(&listener)).await {
        let router = router.clone();
        let service = service_fn(move |request| answer(router.clone(), address, request));
        let connection = http
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        open.spawn(run(connection, draining.clone()));
    }
    drop(listener);
    open.close();
    open.wait().await;
}

type Connection<S> = http1::UpgradeableConnection<TokioIo<TcpStream>, S>;

/// Serves one connection, from `draining` on only until the request that is under way is answered.
async fn run<S>(connection: Connection<S>, draining: CancellationToken)
where
    S: HttpService<Incoming, ResBody = Body, Error = Infallible>,
{
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

/// The next connection.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Answers are small and somebody waits for them. Where it is refused they are merely later.
                let _ = stream.set_nodelay(true);
                give_up_stalled(&stream);
                return (stream, address);
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                sleep(PAUSE).await;
            }
        }
    }
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

async fn answer(
    router: Router,
    address: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(address));
    router.oneshot(request).await
}
