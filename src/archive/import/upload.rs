//! Putting a file aside that comes with a request.

use std::fs::File;
use std::io::{self, Write as _};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};

use crate::error::{Error, Result};
use crate::http::connection::Unfinished;

/// How much is gathered before it is written to the disk, in bytes.
const CHUNK: usize = 256 * 1024;

/// The part of a form that is the file.
const FIELD: &str = "file";

/// Receives the file: the whole body, or the part `file` of a form. It is kept where the system keeps temporary files,
/// without a name, and gone when it is closed.
///
/// # Errors
/// It is longer than `limit` bytes, of a type that is not read, or breaks off; the disk is full.
pub async fn receive(request: Request, limit: usize) -> Result<File> {
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get(CONTENT_TYPE);
    let content_type = content_type
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let body = chunks(body, limit);
    match media_type.to_ascii_lowercase().as_str() {
        "application/json" | "application/octet-stream" | "" => put_aside(body).await,
        "multipart/form-data" => {
            let boundary = multer::parse_boundary(&content_type).map_err(cause)?;
            let mut parts = multer::Multipart::new(body, boundary);
            while let Some(part) = parts.next_field().await.map_err(cause)? {
                if part.name() == Some(FIELD) {
                    return put_aside(part.map_err(cause)).await;
                }
            }
            Err(Error::field(FIELD, "No file was submitted."))
        }
        _ => Err(Error::UnsupportedMediaType(content_type)),
    }
}

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error("The body ended early.")]
    Early,
    #[error("The body is longer than {0} bytes.")]
    TooLong(usize),
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
}

impl From<&Stopped> for Error {
    fn from(stopped: &Stopped) -> Self {
        match stopped {
            Stopped::Early => Self::Unreadable(stopped.to_string()),
            Stopped::TooLong(limit) => Self::TooLarge(*limit),
            Stopped::Unfinished(unfinished) => (*unfinished).into(),
        }
    }
}

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Self {
        (&stopped).into()
    }
}

/// What a form could not be read for; its parser passes on what the body was not read to its end for.
fn cause(error: multer::Error) -> Error {
    let stopped = match &error {
        multer::Error::StreamReadFailed(cause) => cause.downcast_ref::<Stopped>(),
        _ => None,
    };
    stopped.map_or_else(
        || Error::Unreadable(format!("Multipart form parse error - {error}")),
        Error::from,
    )
}

/// The body piece by piece, up to a limit.
fn chunks(body: Body, limit: usize) -> impl Stream<Item = Result<Bytes, Stopped>> + Send + Unpin {
    let mut length = 0_usize;
    body.into_data_stream().map(move |chunk| {
        let chunk = chunk.map_err(|error| {
            Unfinished::behind(&error).map_or(Stopped::Early, Stopped::Unfinished)
        })?;
        length = length.saturating_add(chunk.len());
        if length > limit {
            Err(Stopped::TooLong(limit))
        } else {
            Ok(chunk)
        }
    })
}

async fn put_aside<E>(mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin) -> Result<File>
where
    Error: From<E>,
{
    let mut file = on_disk(tempfile::tempfile).await?;
    let mut gathered = Vec::with_capacity(CHUNK);
    loop {
        let chunk = chunks.next().await.transpose()?;
        gathered.extend_from_slice(chunk.as_deref().unwrap_or_default());
        if gathered.len() >= CHUNK || chunk.is_none() {
            (file, gathered) = on_disk(move || {
                file.write_all(&gathered)?;
                gathered.clear();
                Ok((file, gathered))
            })
            .await?;
        }
        if chunk.is_none() {
            return Ok(file);
        }
    }
}

/// Does something with a file where waiting for the disk holds nobody up.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        // The disk is full, most likely; it need not stay so.
        Ok(Err(error)) => {
            tracing::error!(%error, "a file that is to be imported cannot be put aside");
            Err(Error::Unavailable)
        }
        Err(error) => Err(Error::Internal(error.into())),
    }
}
