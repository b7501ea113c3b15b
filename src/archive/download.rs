//! A file on its way to a client who may take it slowly.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::tasks::Tasks;

/// How much is sent at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// Where a file is written to. Whoever writes waits until the client has taken what was written before.
pub struct Sink {
    buffer: Vec<u8>,
    chunks: mpsc::Sender<Bytes>,
    ending: CancellationToken,
}

impl Sink {
    /// Writes on.
    ///
    /// # Errors
    /// Nobody takes it any more: the client is gone, or the server ends.
    pub async fn write(&mut self, bytes: impl Into<Bytes>) -> Result<()> {
        let mut bytes = bytes.into();
        if bytes.len() >= CHUNK {
            // Not copied, because there may be much of it; and in chunks, so that the next piece is not made before this
            // one is nearly gone.
            self.flush().await?;
            while bytes.len() >= CHUNK {
                self.send(bytes.split_to(CHUNK)).await?;
            }
        }
        self.buffer.extend_from_slice(&bytes);
        if self.buffer.len() >= CHUNK {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        let chunk = std::mem::take(&mut self.buffer);
        if chunk.is_empty() {
            return Ok(());
        }
        self.send(chunk.into()).await
    }

    async fn send(&self, chunk: Bytes) -> Result<()> {
        let sent = self
            .ending
            .run_until_cancelled(self.chunks.send(chunk))
            .await;
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(Error::Unavailable),
        }
    }
}

/// What kind of file it is, and what it is called.
pub struct Label {
    pub media_type: &'static str,
    pub disposition: HeaderValue,
}

/// Answers with the file that `write` writes. A short one is complete before its first byte is sent, so that a failure
/// can still be told; a long one that fails breaks off, and the client's HTTP library says so.
pub async fn respond<F>(
    tasks: &Tasks,
    label: Label,
    write: impl FnOnce(Sink) -> F + Send + 'static,
) -> Result<Response>
where
    F: Future<Output = Result<Sink>> + Send + 'static,
{
    let (sender, mut chunks) = mpsc::channel(1);
    let sink = Sink {
        buffer: Vec::new(),
        chunks: sender,
        ending: tasks.ending().clone(),
    };
    let writing = tasks.spawn(async move { write(sink).await?.flush().await });
    let first = chunks.recv().await;
    let mut end = Some(writing);
    if first.is_none()
        && let Some(writing) = end.take()
    {
        writing
            .await
            .map_err(|error| Error::Internal(error.into()))??;
    }
    let rest = stream::unfold((chunks, end), |(mut chunks, mut end)| async move {
        let chunk = match chunks.recv().await {
            Some(chunk) => Ok(chunk),
            None => match end.take()?.await {
                Ok(Ok(())) => return None,
                Ok(Err(error)) => Err(io::Error::other(format!("{error:?}"))),
                Err(panicked) => Err(io::Error::other(panicked)),
            },
        };
        if let Err(error) = &chunk {
            tracing::error!(%error, "an export broke off");
        }
        Some((chunk, (chunks, end)))
    });
    let first = stream::iter(first.map(Ok));
    let body = Body::from_stream(futures_util::StreamExt::chain(first, rest));
    let headers: [(HeaderName, HeaderValue); 3] = [
        (CONTENT_TYPE, HeaderValue::from_static(label.media_type)),
        (CONTENT_DISPOSITION, label.disposition),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, body).into_response())
}
