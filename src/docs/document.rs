//! The document: what stands above all operations, and its form on the wire.

use std::sync::{Arc, LazyLock};

use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, openapi};

use super::file::File;
use crate::error::{Error, Result};
use crate::http::openapi::responses::Shared;
use crate::http::openapi::{ACCESS_TOKEN, TICKET, complete};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Meggy",
        description = include_str!("description.md"),
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "The server that this document came from.")),
    modifiers(&Security),
    nest((path = "/", api = Shared)),
    tags(
        (name = "auth", description = "Registration, login, and tokens."),
        (name = "users", description = "One's own account. Those of others do not exist."),
        (name = "agents", description = "Whom one talks to: a model, its settings and its system prompt."),
        (name = "models", description = "Which models there are to choose from."),
        (name = "conversations", description = "Conversations with agents, their turns, and live answers."),
        (name = "messages", description = "What was said, in versions."),
        (name = "chat", description = "The same turns as the AI SDK's `useChat` speaks of them."),
        (name = "shares", description = "Links that show a conversation to whoever has them."),
        (name = "search", description = "Finding conversations by what was said."),
        (name = "archive", description = "Export and import of conversations."),
        (name = "media", description = "Uploaded pictures. They are public to whoever knows the name of one."),
        (name = "health", description = "Whether the server is up and ready."),
        (name = "root", description = "Where things are."),
    ),
)]
struct Frame;

/// The ways to prove who one is.
struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(
                "The `access_token` of a registration, login or refresh.",
            ));
        components.add_security_scheme(ACCESS_TOKEN, SecurityScheme::Http(bearer.build()));
        let ticket = ApiKeyValue::with_description(
            "ticket",
            "A ticket of `/api/auth/stream_ticket/`, for clients that cannot send headers, as a browser's \
             `EventSource`. It is good for a minute.",
        );
        components.add_security_scheme(TICKET, SecurityScheme::ApiKey(ApiKey::Query(ticket)));
    }
}

/// The document, put together when it is first asked for. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Document(Arc<LazyLock<Written, Box<dyn FnOnce() -> Written + Send>>>);

type Written = serde_json::Result<File>;

impl Document {
    /// The document of these rooms.
    pub fn new(rooms: openapi::OpenApi) -> Self {
        let write = || {
            let mut document = Frame::openapi().merge_from(rooms);
            complete(&mut document);
            let json = serde_json::to_vec(&document)?;
            Ok(File::new("application/json", json))
        };
        Self(Arc::new(LazyLock::new(Box::new(write))))
    }

    /// The document as it is sent.
    ///
    /// # Errors
    /// It cannot be written, which is a fault of ours.
    pub fn file(&self) -> Result<&File> {
        LazyLock::force(&self.0)
            .as_ref()
            .map_err(|error| Error::Internal(error.to_string().into()))
    }
}
