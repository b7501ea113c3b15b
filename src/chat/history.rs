//! A chat as a page loads it before it resumes the running answer.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

use super::metadata::Metadata;
use crate::conversations::Conversation;
use crate::llm::Role;
use crate::messages::{Message, Status};

/// A chat with its messages, in the form that `useChat` takes them.
#[derive(Serialize, ToSchema)]
#[schema(as = Chat)]
pub struct History {
    /// What the page calls it, or else the id of the conversation.
    id: String,
    conversation: Uuid,
    title: String,
    /// Oldest first, without the running answer and without answers that never came.
    #[schema(value_type = Vec<Form>)]
    messages: Vec<UiMessage>,
}

impl History {
    /// A conversation and what there is to read of its messages, oldest first.
    ///
    /// Without the running answer: early versions of the library append the replay of a message that they have already.
    /// Answers that never came are left out, too, so that the question stands last and can be asked again.
    pub fn new(conversation: Conversation, messages: Vec<Message>) -> Self {
        let is_shown = |message: &Message| match message.status {
            Status::Complete => true,
            Status::Pending => false,
            Status::Stopped | Status::Failed | Status::Interrupted => {
                !message.content.is_empty() || message.reasoning.is_some()
            }
        };
        Self {
            conversation: conversation.id,
            id: conversation
                .client_id
                .unwrap_or_else(|| conversation.id.to_string()),
            title: conversation.title,
            messages: messages
                .into_iter()
                .filter(is_shown)
                .map(UiMessage)
                .collect(),
        }
    }
}

/// A message in the library's form.
struct UiMessage(Message);

impl Serialize for UiMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = &self.0;
        let reasoning = message.reasoning.as_deref().map(Part::reasoning);
        // There must be a part, if only an empty one.
        let text = (!message.content.is_empty() || reasoning.is_none())
            .then(|| Part::text(&message.content));
        Form {
            id: match &message.client_id {
                Some(name) => Name::Theirs(name),
                None => Name::Ours(message.id),
            },
            role: message.role,
            metadata: Metadata::of(message),
            parts: reasoning.into_iter().chain(text).collect(),
        }
        .serialize(serializer)
    }
}

/// A message as the library has it.
#[derive(Serialize, ToSchema)]
#[schema(as = ChatMessage)]
struct Form<'a> {
    /// What the page calls it, or else its id.
    #[schema(value_type = String)]
    id: Name<'a>,
    role: Role,
    metadata: Metadata<'a>,
    parts: Vec<Part<'a>>,
}

/// What the page knows a message by.
#[derive(Serialize)]
#[serde(untagged)]
enum Name<'a> {
    Theirs(&'a str),
    Ours(Uuid),
}

/// A stretch of text, or of what the model thought.
#[derive(Serialize, ToSchema)]
#[schema(as = ChatPart)]
struct Part<'a> {
    /// `text` or `reasoning`.
    r#type: &'static str,
    text: &'a str,
    /// Always `done`.
    state: &'static str,
}

impl<'a> Part<'a> {
    fn text(text: &'a str) -> Self {
        Self {
            r#type: "text",
            text,
            state: "done",
        }
    }

    fn reasoning(text: &'a str) -> Self {
        Self {
            r#type: "reasoning",
            ..Self::text(text)
        }
    }
}
