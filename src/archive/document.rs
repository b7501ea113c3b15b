//! What the API's document says of files and of requests about them.
#![expect(dead_code, reason = "files are read and written piece by piece")]

use serde_json::Value;
use utoipa::openapi::schema::Array;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use uuid::Uuid;

use super::model::{ConversationRecord, MessageRecord};
use crate::agents::AgentBody;

/// What kind of file.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportParameters {
    /// `json`, which is the default, loses nothing; `markdown` is to be read.
    #[param(required = false, rename = "as", inline)]
    kind: ExportKind,
}

#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
enum ExportKind {
    Json,
    Markdown,
}

/// Whom imported conversations get.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportParameters {
    /// The agent of conversations whose own cannot be had; the default agent if it is not given.
    #[param(required = false)]
    agent: Uuid,
}

/// Conversations as Meggy writes them.
#[derive(ToSchema)]
pub struct ExportFile {
    /// Always `meggy-export`.
    format: String,
    /// Changes only when older programs could not read the format any more; new fields may come without that.
    version: u32,
    /// Those of the conversations.
    agents: Vec<AgentBody>,
    conversations: Vec<ExportedConversation>,
}

/// A conversation in a file.
#[derive(ToSchema)]
struct ExportedConversation {
    #[serde(flatten)]
    #[schema(schema_with = whole::<ConversationRecord>)]
    record: ConversationRecord,
    /// Those of all versions, by time.
    #[schema(schema_with = whole_messages)]
    messages: Vec<MessageRecord>,
}

/// A record as it is written: with all of its fields, some of which may be left out where it is read.
fn whole<T: PartialSchema>() -> RefOr<Schema> {
    let mut schema = T::schema();
    if let RefOr::T(Schema::Object(record)) = &mut schema {
        record.required = record.properties.keys().cloned().collect();
    }
    schema
}

fn whole_messages() -> Array {
    Array::new(whole::<MessageRecord>())
}

/// Conversations to be taken in.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(example = json!({
    "format": "meggy-export",
    "version": 1,
    "agents": [],
    "conversations": [{
        "id": "019ab7d4-2c00-7000-8000-0000000000f1",
        "agent_id": "019ab7d4-2c00-7000-8000-0000000000f2",
        "title": "Tea",
        "created_at": "2026-01-02T03:04:05.678901Z",
        "updated_at": "2026-01-02T03:04:06.789012Z",
        "messages": [{
            "id": "019ab7d4-2c00-7000-8000-0000000000f3",
            "role": "user",
            "content": "How long does green tea draw?",
            "created_at": "2026-01-02T03:04:06.789012Z",
        }],
    }],
}))]
pub enum ImportFile {
    Meggy(MeggyFile),
    /// ChatGPT's `conversations.json`.
    ChatGpt(Vec<Value>),
}

/// Meggy's own format. Fields that are not known are passed over.
#[derive(ToSchema)]
pub struct MeggyFile {
    /// Always `meggy-export`.
    format: String,
    #[schema(minimum = 1, maximum = 1)]
    version: u32,
    agents: Option<Vec<Value>>,
    conversations: Vec<ImportedConversation>,
}

/// A conversation that is to be taken in.
#[derive(ToSchema)]
struct ImportedConversation {
    #[serde(flatten)]
    #[schema(inline)]
    record: ConversationRecord,
    /// A message stands behind its parent, and is later.
    #[schema(required = false)]
    messages: Vec<MessageRecord>,
}

/// A file in a form.
#[derive(ToSchema)]
pub struct ImportForm {
    #[schema(format = Binary, content_media_type = "application/json")]
    file: String,
}
