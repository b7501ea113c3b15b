//! Handing out files.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse;
use utoipa::IntoParams;

use super::{AvatarFile, Media};
use crate::error::{Error, Result};
use crate::http::openapi::examples;

/// A year: another picture has another name.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A picture is all that it may be, should a browser be led to take it for a page.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'");

/// Which picture is meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a parameter that is read by itself")]
pub struct AvatarName {
    /// The last part of an `avatar_url`; with `-96` in the place of `-512` for the smaller picture.
    #[param(example = json!(examples::AVATAR), pattern = r"^[0-9a-f]{32}-(96|512)\.(jpg|webp)$")]
    name: String,
}

/// Hands out a picture.
#[utoipa::path(
    get,
    path = "/media/avatars/{name}/",
    tag = "media",
    params(AvatarName),
    responses((
        status = 200,
        description = "The picture.",
        content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/webp")),
        headers(("Cache-Control" = String, description = "That it may be kept: another picture has another name.")),
    )),
)]
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
