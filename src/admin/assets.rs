//! The style sheet and the script, which the program contains.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::refusal::Refusal;
use crate::app::App;

/// A year: other text has another name.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

struct Asset {
    /// With a digest of the text.
    name: String,
    content_type: HeaderValue,
    text: &'static str,
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("assets/admin.css");
    Asset::new("css", "text/css; charset=utf-8", text)
});

static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("assets/admin.js");
    Asset::new("js", "text/javascript; charset=utf-8", text)
});

impl Asset {
    fn new(kind: &str, content_type: &'static str, text: &'static str) -> Self {
        let digest = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..12]);
        Self {
            name: format!("admin.{digest}.{kind}"),
            content_type: HeaderValue::from_static(content_type),
            text,
        }
    }

    fn url(&self) -> String {
        format!("/admin/static/{}", self.name)
    }
}

/// Where the style sheet is.
pub fn style_url() -> String {
    STYLE.url()
}

/// Where the script is.
pub fn script_url() -> String {
    SCRIPT.url()
}

/// The paths of both.
pub fn router() -> Router<App> {
    Router::new().route("/admin/static/{name}", get(show))
}

async fn show(Path(name): Path<String>) -> Result<Response, Refusal> {
    let asset = [&STYLE, &SCRIPT]
        .into_iter()
        .find(|asset| asset.name == name)
        .ok_or_else(Refusal::not_found)?;
    let headers = [
        (CONTENT_TYPE, asset.content_type.clone()),
        (CACHE_CONTROL, FOR_EVER),
    ];
    Ok((headers, asset.text).into_response())
}
