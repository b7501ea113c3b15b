//! Handing out files.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse;

use super::{AvatarFile, Media};
use crate::error::{Error, Result};

/// A year: another picture has another name.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A picture is all that it may be, should a browser be led to take it for a page.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'");

pub async fn avatar(
    State(media): State<Media>,
    name: Result<Path<String>, PathRejection>,
) -> Result<impl IntoResponse> {
    let Path(name) = name.map_err(|_| Error::NotFound)?;
    let file = AvatarFile::named(&name).ok_or(Error::NotFound)?;
    let bytes = media.get(file).await?.ok_or(Error::NotFound)?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(file.content_type())),
        (CACHE_CONTROL, FOR_EVER),
        (CONTENT_SECURITY_POLICY, NOTHING),
    ];
    Ok((headers, bytes))
}
