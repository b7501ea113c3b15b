//! What a model server sends and how.

use std::{fmt::Write as _, path::Path, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{io::AsyncWriteExt, sync::watch, time::sleep};

/// One response.
#[derive(Clone, Debug)]
pub struct Reply {
    /// `None` if `pieces` hold the head as well.
    head: Option<Head>,
    /// Pieces of the body, each of which becomes an HTTP chunk.
    pieces: Vec<Vec<u8>>,
    /// Time before the first byte.
    delay: Duration,
    /// Time between two pieces.
    pace: Duration,
    /// Bytes sent at once.
    cut: usize,
    /// Bytes sent before `end`.
    limit: usize,
    /// What a piece waits for, and which.
    gate: Option<(usize, Gate)>,
    pub(super) end: End,
}

/// Holds replies back until a test lets them go on. All clones are one.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// Lets through what waits, and what comes later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    async fn passed(&self) {
        // The sender is ours, so it cannot be gone.
        let _ = self.0.subscribe().wait_for(|is_open| *is_open).await;
    }
}

#[derive(Clone, Debug)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
}

/// What follows the last byte of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The end of the body; the connection stays usable.
    Complete,
    /// The connection is closed.
    Close,
    /// The connection is reset.
    Reset,
    /// Nothing, until the client leaves.
    Silence,
}

impl Reply {
    /// A captured response as it is, from `tests/captures`; `name` is `SERVER/CASE`.
    pub fn capture(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/captures")
            .join(format!("{name}.response"));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Self::of(None, vec![bytes]).end(End::Close)
    }

    /// A head and a body whose pieces are sent one by one.
    pub fn new(status: u16, content_type: &str, pieces: Vec<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self::of(Some(Head { status, headers }), pieces)
    }

    /// Not even a head.
    pub fn silence() -> Self {
        Self::of(None, Vec::new()).end(End::Silence)
    }

    pub fn text(status: u16, content_type: &str, text: &str) -> Self {
        Self::new(status, content_type, vec![text.into()])
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", &body.to_string())
    }

    /// A stream of server-sent events and `[DONE]`.
    pub fn events(chunks: &[Value]) -> Self {
        let chunks = chunks.iter().map(Value::to_string);
        let chunks = chunks.chain(["[DONE]".to_owned()]);
        let pieces = chunks.map(|chunk| format!("data: {chunk}\n\n").into());
        Self::new(200, "text/event-stream", pieces.collect())
    }

    /// A stream of lines.
    pub fn lines(lines: &[Value]) -> Self {
        let pieces = lines.iter().map(|line| format!("{line}\n").into());
        Self::new(200, "application/x-ndjson", pieces.collect())
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let head = self.head.as_mut().expect("captures have their headers");
        head.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Keeps only the first pieces of the body.
    #[must_use]
    pub fn pieces(mut self, count: usize) -> Self {
        self.pieces.truncate(count);
        self
    }

    /// Waits before the first byte.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits between the pieces of the body.
    #[must_use]
    pub fn pace(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }

    /// Sends so many pieces of the body, and the rest once the gate is open.
    #[must_use]
    pub fn hold(mut self, pieces: usize, gate: &Gate) -> Self {
        self.gate = Some((pieces, gate.clone()));
        self
    }

    /// Sends so many bytes at once and lets the client read them.
    #[must_use]
    pub fn cut(mut self, bytes: usize) -> Self {
        self.cut = bytes;
        self
    }

    /// Sends only so much, up to and including the first `part` of `text` in the response.
    #[must_use]
    pub fn up_to(mut self, text: &str, part: usize) -> Self {
        let bytes = self.bytes().concat();
        let text = text.as_bytes();
        let found = bytes.windows(text.len()).position(|window| window == text);
        self.limit = found.expect("the text is in the response") + part;
        self
    }

    #[must_use]
    pub fn end(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    fn of(head: Option<Head>, pieces: Vec<Vec<u8>>) -> Self {
        Self {
            head,
            pieces,
            delay: Duration::ZERO,
            pace: Duration::ZERO,
            cut: usize::MAX,
            limit: usize::MAX,
            gate: None,
            end: End::Complete,
        }
    }

    /// The response in the pieces in which it is sent.
    fn bytes(&self) -> Vec<Vec<u8>> {
        let Some(head) = &self.head else {
            return self.pieces.clone();
        };
        let mut text = format!("HTTP/1.1 {} Scripted\r\n", head.status);
        for (name, value) in &head.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("transfer-encoding: chunked\r\n\r\n");
        let mut bytes = vec![text.into_bytes()];
        for piece in &self.pieces {
            let size = format!("{:x}\r\n", piece.len());
            bytes.push([size.as_bytes(), piece, b"\r\n"].concat());
        }
        if self.end == End::Complete {
            bytes.push(b"0\r\n\r\n".to_vec());
        }
        bytes
    }

    pub(super) async fn send(&self, mut to: impl AsyncWriteExt + Unpin) -> std::io::Result<()> {
        sleep(self.delay).await;
        let mut room = self.limit;
        for (number, piece) in self.bytes().iter().enumerate() {
            if number > 1 {
                sleep(self.pace).await;
            }
            if let Some((pieces, gate)) = &self.gate
                && number == pieces + 1
            {
                gate.passed().await;
            }
            let piece = &piece[..piece.len().min(room)];
            room -= piece.len();
            for cut in piece.chunks(self.cut) {
                to.write_all(cut).await?;
                to.flush().await?;
                if self.cut < usize::MAX {
                    // Each turn of the scheduler is one in which the client may read.
                    tokio::task::yield_now().await;
                    tokio::task::yield_now().await;
                }
            }
        }
        Ok(())
    }
}
