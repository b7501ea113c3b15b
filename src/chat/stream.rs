//! A turn as the AI SDK reads it: the UI message stream, version 1, in chunks that every version of the library from
//! 5.0.0 on accepts. It refuses what it does not know, so there are no fields beyond those and never a null.

use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::response::Response;
use futures_util::stream::{self, Stream};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

use super::metadata::Metadata;
use crate::live::reader::Event;
use crate::live::{End, INTERRUPTED, Kind, Reader, sse};
use crate::messages::Status;

/// What a page is told when the server ends that it reads from. The turn goes on elsewhere.
const CLOSING: &str = "The server is restarting. Reload to go on.";

/// Ends the stream. Not JSON.
const DONE: &[u8] = b"data: [DONE]\n\n";

/// What an event of the UI message stream says.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schema(as = ChatChunk)]
pub enum Chunk<'a> {
    #[serde(rename_all = "camelCase")]
    Start {
        message_id: Uuid,
        message_metadata: Metadata<'a>,
    },
    StartStep,
    TextStart {
        #[schema(value_type = String)]
        id: PartId,
    },
    TextDelta {
        #[schema(value_type = String)]
        id: PartId,
        delta: &'a str,
    },
    TextEnd {
        #[schema(value_type = String)]
        id: PartId,
    },
    ReasoningStart {
        #[schema(value_type = String)]
        id: PartId,
    },
    ReasoningDelta {
        #[schema(value_type = String)]
        id: PartId,
        delta: &'a str,
    },
    ReasoningEnd {
        #[schema(value_type = String)]
        id: PartId,
    },
    FinishStep,
    #[serde(rename_all = "camelCase")]
    Finish {
        message_metadata: Metadata<'a>,
    },
    #[serde(rename_all = "camelCase")]
    MessageMetadata {
        message_metadata: Metadata<'a>,
    },
    Abort,
    #[serde(rename_all = "camelCase")]
    Error {
        /// A sentence for the user.
        error_text: &'a str,
    },
}

/// The name of a stretch of text or thinking within its message.
#[derive(Clone, Copy)]
pub struct PartId {
    kind: Kind,
    number: usize,
}

impl Serialize for PartId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}-{}", self.kind.as_str(), self.number))
    }
}

/// The response to whoever reads a turn from its beginning.
pub fn response(reader: Reader) -> Response {
    let mut response = sse::response(chunks(reader));
    response.headers_mut().insert(
        "x-vercel-ai-ui-message-stream",
        HeaderValue::from_static("v1"),
    );
    response
}

/// The chunks of a turn, those of one event at once.
fn chunks(reader: Reader) -> impl Stream<Item = Bytes> + Send + 'static {
    let state = (reader, Parts::default());
    stream::unfold(state, |(mut reader, mut parts)| async {
        let (id, event) = reader.next().await?;
        let mut frame = Frame {
            id,
            bytes: Vec::with_capacity(128),
        };
        match event {
            Event::Start => {
                let answer = &reader.turn().answer;
                frame.write(&Chunk::Start {
                    message_id: answer.id,
                    message_metadata: Metadata::of_beginning(answer),
                });
                frame.write(&Chunk::StartStep);
            }
            Event::Text(text) => parts.write(Kind::Text, &text, &mut frame),
            Event::Reasoning(text) => parts.write(Kind::Reasoning, &text, &mut frame),
            Event::End(end) => {
                write_end(&end, &mut parts, &mut frame);
                frame.bytes.extend_from_slice(DONE);
            }
            Event::Closing => {
                frame.write(&Chunk::Error {
                    error_text: CLOSING,
                });
                frame.bytes.extend_from_slice(DONE);
            }
        }
        Some((Bytes::from(frame.bytes), (reader, parts)))
    })
}

/// Only what is complete, or was stopped on purpose, looks like an end to the page. After an error it reads no further.
fn write_end(end: &End, parts: &mut Parts, frame: &mut Frame) {
    let answer = &end.answer;
    match answer.status {
        Status::Complete => {
            parts.close(frame);
            frame.write(&Chunk::FinishStep);
            frame.write(&Chunk::Finish {
                message_metadata: Metadata::of_end(answer),
            });
        }
        Status::Stopped => {
            parts.close(frame);
            frame.write(&Chunk::FinishStep);
            frame.write(&Chunk::MessageMetadata {
                message_metadata: Metadata::of_end(answer),
            });
            frame.write(&Chunk::Abort);
        }
        Status::Failed | Status::Interrupted | Status::Pending => {
            frame.write(&Chunk::Error {
                error_text: answer.error.as_deref().unwrap_or(INTERRUPTED),
            });
        }
    }
}

/// The chunks of one event. They share its id, which stands beside them and not within.
struct Frame {
    id: u64,
    bytes: Vec<u8>,
}

impl Frame {
    fn write(&mut self, chunk: &Chunk<'_>) {
        sse::write(&mut self.bytes, Some(self.id), None, chunk);
    }
}

/// Text and thinking may take turns; each stretch of one is a part of the message.
#[derive(Default)]
struct Parts {
    open: Option<PartId>,
    begun: usize,
}

impl Parts {
    /// Adds to the part that is open if it is of this kind, else to a new one.
    fn write(&mut self, kind: Kind, delta: &str, frame: &mut Frame) {
        let id = match self.open {
            Some(open) if open.kind == kind => open,
            _ => self.open(kind, frame),
        };
        frame.write(&match kind {
            Kind::Text => Chunk::TextDelta { id, delta },
            Kind::Reasoning => Chunk::ReasoningDelta { id, delta },
        });
    }

    fn open(&mut self, kind: Kind, frame: &mut Frame) -> PartId {
        self.close(frame);
        let id = PartId {
            kind,
            number: self.begun,
        };
        frame.write(&match kind {
            Kind::Text => Chunk::TextStart { id },
            Kind::Reasoning => Chunk::ReasoningStart { id },
        });
        self.open = Some(id);
        self.begun += 1;
        id
    }

    fn close(&mut self, frame: &mut Frame) {
        if let Some(id) = self.open.take() {
            frame.write(&match id.kind {
                Kind::Text => Chunk::TextEnd { id },
                Kind::Reasoning => Chunk::ReasoningEnd { id },
            });
        }
    }
}
