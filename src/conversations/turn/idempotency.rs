//! The header `Idempotency-Key`: a client that does not know whether its request arrived can send it again.

use axum::http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::{Error, Result};

/// Longest key, in characters.
const MAX_LENGTH: usize = 255;

/// A client's name for a request, and a digest of what it asks for. One user's keys are no other's.
#[derive(Clone, Debug)]
pub struct Key {
    pub text: String,
    pub digest: String,
}

impl Key {
    /// A key for saying something in a conversation.
    ///
    /// # Errors
    /// It is empty, too long, or has characters that cannot be seen.
    pub fn new(text: &str, conversation: Uuid, content: &str) -> Result<Self> {
        const BAD: Error = Error::Refused(
            StatusCode::BAD_REQUEST,
            "Idempotency-Key must be 1 to 255 visible ASCII characters",
        );
        let is_good = (1..=MAX_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_good {
            return Err(BAD);
        }
        let mut digest = Sha256::new();
        digest.update(conversation.as_bytes());
        digest.update(content.as_bytes());
        let digest = digest.finalize();
        Ok(Self {
            text: text.to_owned(),
            digest: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    /// The key in the headers of a request, if it has one.
    ///
    /// # Errors
    /// See [`Key::new`].
    pub fn read(headers: &HeaderMap, conversation: Uuid, content: &str) -> Result<Option<Self>> {
        headers
            .get("idempotency-key")
            .map(|value| {
                let text = value.to_str().unwrap_or_default();
                Self::new(text, conversation, content)
            })
            .transpose()
    }
}
