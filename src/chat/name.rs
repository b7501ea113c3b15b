//! What clients call chats and messages.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use uuid::Uuid;

use crate::error::Error;
use crate::http::path::parse_uuid;

/// Longest name, in characters.
const MAX_LENGTH: usize = 64;

/// What a client calls a chat: the id of a conversation, or a name of its own making.
pub struct ChatName {
    pub text: String,
    /// The id of a conversation that this may be.
    pub id: Option<Uuid>,
}

impl ChatName {
    /// Reads a name. It has to fit into a path as it is, because the page asks for `/api/chat/{id}/stream`.
    pub fn read(text: &str) -> Option<Self> {
        let is_good = (1..=MAX_LENGTH).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        is_good.then(|| Self {
            id: parse_uuid(text),
            text: text.to_owned(),
        })
    }
}

/// The name in the path; 404 if it is none, because then there is no such chat.
impl<S: Send + Sync> FromRequestParts<S> for ChatName {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Error::NotFound)?;
        Self::read(&text).ok_or(Error::NotFound)
    }
}

/// What a client calls a message: a name of its own making, or the id that we gave it.
#[derive(Debug, PartialEq, Eq)]
pub struct MessageName {
    pub text: String,
    /// The id of ours that this may be.
    pub id: Option<Uuid>,
}

impl MessageName {
    /// Reads a name: of visible ASCII characters, for want of a reason for others.
    pub fn read(text: &str) -> Option<Self> {
        let is_good = (1..=MAX_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_good.then(|| Self {
            id: parse_uuid(text),
            text: text.to_owned(),
        })
    }
}
