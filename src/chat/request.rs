//! What a page asks for: the body of a POST of the AI SDK's.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::name::{ChatName, MessageName};
use crate::conversations::{AgentId, AgentReference};
use crate::error::{Error, Result};
use crate::http::fields::Form;
use crate::http::python;

/// What a page asks for.
pub struct Request {
    pub chat: ChatName,
    /// Who answers in a chat that is new.
    pub agent: Option<AgentId>,
    pub wish: Wish,
}

/// What is to be answered.
pub enum Wish {
    /// Something new.
    New {
        name: Option<MessageName>,
        text: String,
    },
    /// Something that was said before, with another text.
    Edit { name: MessageName, text: String },
    /// Something that was said before, or that an answer with this name was given to; what was said last if there is
    /// no name.
    Again { name: Option<MessageName> },
}

/// The page shows the whole body of a refusal to its user, so each is one sentence.
const fn refusal(text: &'static str) -> Error {
    Error::Refused(StatusCode::BAD_REQUEST, text)
}

impl Request {
    /// Reads the fields of a body. Of `messages` only the last one is looked at: the others are stored here.
    ///
    /// # Errors
    /// The first mistake, in words.
    pub fn read(mut fields: Map<String, Value>) -> Result<Self> {
        let chat = given(&fields, "id")
            .and_then(Value::as_str)
            .and_then(ChatName::read)
            .ok_or(refusal(
                "id must be the name of a chat: 1 to 64 letters, digits, hyphens or underscores.",
            ))?;
        let name = given(&fields, "messageId").map(message_name).transpose()?;
        let wish = match given(&fields, "trigger").map(Value::as_str) {
            None | Some(Some("submit-message")) => {
                let message = last_message(&mut fields)?;
                let text = read_text(&message)?;
                match name {
                    Some(name) => Wish::Edit { name, text },
                    None => Wish::New {
                        name: message.get("id").map(message_name).transpose()?,
                        text,
                    },
                }
            }
            Some(Some("regenerate-message")) => Wish::Again { name },
            Some(_) => {
                return Err(refusal(
                    "trigger must be submit-message or regenerate-message.",
                ));
            }
        };
        let mut form = Form::new(fields);
        let agent = form.nullable("agent", &AgentReference).flatten();
        form.finish()?;
        Ok(Self { chat, agent, wish })
    }
}

/// A field that is there and not null.
fn given<'f>(fields: &'f Map<String, Value>, name: &str) -> Option<&'f Value> {
    fields.get(name).filter(|value| !value.is_null())
}

fn message_name(value: &Value) -> Result<MessageName> {
    value.as_str().and_then(MessageName::read).ok_or(refusal(
        "The id of a message must be 1 to 64 visible ASCII characters.",
    ))
}

/// The message that the page adds: the last of `messages`, or `message` for pages that send nothing else.
fn last_message(fields: &mut Map<String, Value>) -> Result<Map<String, Value>> {
    let message = match fields.remove("messages") {
        None | Some(Value::Null) => fields.remove("message"),
        Some(Value::Array(mut messages)) => messages.pop(),
        Some(_) => return Err(refusal("messages must be a list.")),
    };
    match message {
        None | Some(Value::Null) => Err(refusal("There is no message.")),
        Some(Value::Object(message)) => Ok(message),
        Some(_) => Err(refusal("The message must be an object.")),
    }
}

/// What a user says in a message, its parts as paragraphs.
fn read_text(message: &Map<String, Value>) -> Result<String> {
    match message.get("role").and_then(Value::as_str) {
        Some("user") => {}
        Some("assistant") => {
            return Err(refusal(
                "The last message is the assistant's: only what a user says can be sent, and no results of tools.",
            ));
        }
        _ => return Err(refusal("The role of the last message must be user.")),
    }
    let Some(Value::Array(parts)) = message.get("parts") else {
        return Err(refusal("The message needs parts, a list."));
    };
    let mut text = String::new();
    for part in parts {
        let Some(said) = read_part(part)? else {
            continue;
        };
        if python::strip(said).is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(said);
    }
    if text.is_empty() {
        return Err(refusal("The message is empty."));
    }
    if text.contains('\0') {
        return Err(refusal("Null characters are not allowed."));
    }
    Ok(text)
}

/// The text of a part; `None` of one that says nothing to a model.
fn read_part(part: &Value) -> Result<Option<&str>> {
    let kind = part.get("type").and_then(Value::as_str).ok_or(refusal(
        "Each part of the message must be an object with a type.",
    ))?;
    match kind {
        "text" => part
            .get("text")
            .and_then(Value::as_str)
            .map(Some)
            .ok_or(refusal("A text part must have a text.")),
        "file" => Err(refusal("Files cannot be sent, only text.")),
        "step-start" => Ok(None),
        _ if kind.starts_with("data-") || kind.starts_with("source-") => Ok(None),
        _ if kind.starts_with("tool-") || kind == "dynamic-tool" => Err(refusal(
            "Results of tools cannot be sent, only what a user says.",
        )),
        _ => Err(refusal(
            "The message has a part of a type that cannot be sent; only text can.",
        )),
    }
}
