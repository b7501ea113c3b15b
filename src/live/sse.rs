//! Event streams (server-sent events, WHATWG HTML 9.2) that get through proxies as they are sent.

use std::convert::Infallible;
use std::io::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use futures_util::stream::{self, Stream, StreamExt};
use serde::Serialize;
use tokio::time::timeout;

use super::reader::Reader;
use super::told::tell;

/// After this long without an event a comment is sent: proxies close what is silent for 30 to 100 seconds.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

const COMMENT: &[u8] = b":\n\n";

/// A response of these frames, each sent as soon as it comes, with a comment before the first so that a client knows
/// at once that it is connected.
///
/// `no-transform` keeps proxies from compressing, for which some would hold everything back; nginx buffers unless told
/// not to.
pub fn response(frames: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let comment = Bytes::from_static(COMMENT);
    let rest = stream::unfold(Box::pin(frames), |mut frames| async {
        match timeout(KEEP_ALIVE, frames.next()).await {
            Ok(frame) => frame.map(|frame| (frame, frames)),
            Err(_) => Some((Bytes::from_static(COMMENT), frames)),
        }
    });
    let body = stream::iter([comment]).chain(rest).map(Ok::<_, Infallible>);
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// The events of a turn from where the reader stands, in Meggy's own words.
pub fn events(reader: Reader) -> impl Stream<Item = Bytes> + Send + 'static {
    stream::unfold(reader, |mut reader| async {
        let (id, event) = reader.next().await?;
        let mut frame = Vec::with_capacity(128);
        for told in tell(reader.turn(), id, event) {
            write(&mut frame, Some(told.id), Some(told.name), &told.body);
        }
        Some((Bytes::from(frame), reader))
    })
}

/// Appends an event to a frame.
pub fn write(frame: &mut Vec<u8>, id: Option<u64>, name: Option<&str>, data: &impl Serialize) {
    // Writing to memory cannot fail, and neither can making JSON of structures whose keys are all strings.
    if let Some(id) = id {
        let _ = writeln!(frame, "id: {id}");
    }
    if let Some(name) = name {
        let _ = writeln!(frame, "event: {name}");
    }
    frame.extend_from_slice(b"data: ");
    let _ = serde_json::to_writer(&mut *frame, data);
    frame.extend_from_slice(b"\n\n");
}
