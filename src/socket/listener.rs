//! What a client sends, within its limits.

use axum::extract::ws::Message;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::commands::Commands;
use super::goodbye::{Goodbye, code};
use super::limits::{Allowance, Patience};
use super::refusal::{Code, Refusal};
use super::session::Incoming;

/// Reads what the client sends until it leaves or must.
pub async fn listen(
    incoming: &mut Incoming,
    commands: &mut Commands<'_>,
    patience: &Patience,
) -> Goodbye {
    let mut allowance = Allowance::new();
    loop {
        let may_read = commands.may_go_on();
        let message = tokio::select! {
            Some(stopped) = commands.stopped() => {
                commands.answer(stopped).await;
                continue;
            }
            message = timeout(patience.silence, incoming.next()), if may_read => message,
        };
        let message = match message {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(error))) => return Goodbye::unreadable(error),
            Ok(None) => return Goodbye::Left,
            Err(_) => return Goodbye::new(code::SILENT, "Nothing was heard for too long."),
        };
        // The answers to our own pings do not count.
        if !matches!(message, Message::Pong(_)) && !allowance.take() {
            return too_many();
        }
        match message {
            Message::Text(text) => commands.obey(&text).await,
            Message::Binary(_) => {
                let text = "Binary frames are not read. Send a JSON object as text.";
                commands
                    .answer(Err(Refusal::new(Code::BadFrame, text)))
                    .await;
            }
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => return Goodbye::Left,
        }
    }
}

/// What is said to a client that sends more than is read.
pub fn too_many() -> Goodbye {
    Goodbye::new(
        code::TOO_MANY,
        "Too many frames: 60 at once and 10 a second are read.",
    )
}
