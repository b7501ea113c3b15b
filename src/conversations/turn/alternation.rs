//! Models whose templates refuse two messages of one role in a row, as there are when a question got no answer and the
//! next one followed.

use std::sync::Arc;

use crate::llm::{ChatMessage, Error, ErrorKind, Fitted, Request};

/// Whether a model server complains about the order of roles. There is no code for that; the templates that do so all
/// say that roles "must alternate".
pub fn is_wanted(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Refused(Some(text)) | ErrorKind::Failed(Some(text)) => {
            text.contains("alternate")
        }
        _ => false,
    }
}

/// The same with neighbours of one role made into one message; `None` if there are none.
pub fn join_neighbours(fitted: &Fitted) -> Option<Fitted> {
    let request = &fitted.request;
    let is_same = |pair: &[ChatMessage]| pair[0].role == pair[1].role;
    if !request.messages.windows(2).any(is_same) {
        return None;
    }
    let mut messages: Vec<ChatMessage> = Vec::with_capacity(request.messages.len());
    for message in &request.messages {
        match messages.last_mut() {
            Some(last) if last.role == message.role => {
                last.content.push_str("\n\n");
                last.content.push_str(&message.content);
            }
            _ => messages.push(message.clone()),
        }
    }
    Some(Fitted {
        request: Arc::new(Request {
            messages,
            model: request.model.clone(),
            parameters: request.parameters.clone(),
            ..**request
        }),
        left_out: fitted.left_out,
    })
}
