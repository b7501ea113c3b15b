//! Why a socket is closed, in the words of RFC 6455: a code and a reason.

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes};
use tungstenite::error::Error as WireError;

use crate::error::Error;

use super::refusal;

/// The codes. From 4000 on they are ours; the others are the RFC's and its registry's.
pub mod code {
    pub const BROKEN: u16 = 1002;
    pub const NOT_UTF8: u16 = 1007;
    pub const TOO_MANY: u16 = 1008;
    pub const TOO_LARGE: u16 = 1009;
    pub const FAILED: u16 = 1011;
    pub const RESTART: u16 = 1012;
    pub const TRY_LATER: u16 = 1013;
    pub const NOT_AUTHENTICATED: u16 = 4401;
    pub const EXPIRED: u16 = 4403;
    pub const SILENT: u16 = 4408;
}

/// Why a socket is closed.
#[derive(Debug)]
pub enum Goodbye {
    /// The client has closed it, or is gone.
    Left,
    /// We do.
    Told { code: u16, reason: String },
}

impl Goodbye {
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        // A close frame has 125 bytes, and two of them are the code.
        reason.truncate(reason.floor_char_boundary(123));
        Self::Told { code, reason }
    }

    /// What is wrong with who opened the socket.
    pub async fn unwelcome(error: Error) -> Self {
        let refusal = refusal::of(error).await;
        let code = match refusal.status {
            Some(401) => code::NOT_AUTHENTICATED,
            Some(503) => code::TRY_LATER,
            _ => code::FAILED,
        };
        Self::new(code, refusal.error)
    }

    /// What is wrong with the frames of a client.
    pub fn unreadable(error: axum::Error) -> Self {
        match error.into_inner().downcast_ref::<WireError>() {
            Some(WireError::Capacity(_)) => {
                Self::new(code::TOO_LARGE, "The frame is longer than 1048576 bytes.")
            }
            Some(WireError::Utf8(_)) => Self::new(code::NOT_UTF8, "The text is not UTF-8."),
            Some(WireError::Protocol(problem)) => Self::new(code::BROKEN, problem.to_string()),
            _ => Self::Left,
        }
    }

    /// Whether nothing more can be read from the client.
    pub fn is_deaf(&self) -> bool {
        matches!(
            self,
            Self::Told {
                code: code::TOO_LARGE | code::NOT_UTF8 | code::BROKEN,
                ..
            }
        )
    }

    /// The frame that says it.
    pub fn into_message(self) -> Option<Message> {
        match self {
            Self::Left => None,
            Self::Told { code, reason } => Some(Message::Close(Some(CloseFrame {
                code,
                reason: Utf8Bytes::from(reason),
            }))),
        }
    }
}
