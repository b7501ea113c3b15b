//! Files that change only with the program, and how they are handed out.

use axum::body::Bytes;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// A file is asked for each time, because another version of the program has another one, and sent only if it is not
/// the one that the client has.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// Nothing comes from elsewhere or stands in the page itself. Swagger UI's style sheet has pictures in `data:`
/// addresses.
const OWN_ALONE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// A file to hand out.
pub struct File {
    content_type: HeaderValue,
    is_gzipped: bool,
    bytes: Bytes,
    /// Names these bytes.
    etag: Option<HeaderValue>,
}

impl File {
    /// A file of a type that is text.
    pub fn new(content_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&bytes));
        Self {
            content_type: HeaderValue::from_static(content_type),
            is_gzipped: false,
            etag: HeaderValue::from_str(&format!("\"{digest}\"")).ok(),
            bytes,
        }
    }

    /// The same, if the bytes were compressed with gzip.
    #[must_use]
    pub fn gzipped(self, is_gzipped: bool) -> Self {
        Self { is_gzipped, ..self }
    }

    /// Hands it out to a client that says in its headers what it has.
    pub fn respond(&self, headers: &HeaderMap) -> Response {
        let known = headers.get(IF_NONE_MATCH);
        let mut response = if known.is_some() && known == self.etag.as_ref() {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let mut response = self.bytes.clone().into_response();
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, self.content_type.clone());
            if self.is_gzipped {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, ASK_AGAIN);
        headers.insert(CONTENT_SECURITY_POLICY, OWN_ALONE);
        if let Some(etag) = &self.etag {
            headers.insert(ETAG, etag.clone());
        }
        response
    }
}
