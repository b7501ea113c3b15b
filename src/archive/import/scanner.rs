//! A file of JSON byte by byte, with an eye on what would make a parser take more memory than it should.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::str;

/// How much is read from the disk at once, in bytes.
const BUFFER: usize = 64 * 1024;

/// Longest string, in bytes as the file has them.
const LONGEST_STRING: u64 = 64 * 1024 * 1024;

/// How many objects and lists may be within each other; the parser of what they hold goes no deeper.
const DEEPEST: u32 = 127;

/// What some programs put before UTF-8 so that it is known as such.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads a file from its beginning, without a byte order mark. It fails with `InvalidData` where the file is no UTF-8, has
/// too long a string, or nests too deep.
pub struct Scanner<'a> {
    file: &'a File,
    buffer: Box<[u8]>,
    /// The next byte in the buffer, the end of what is UTF-8 there, and the end of what was read.
    next: usize,
    valid: usize,
    filled: usize,
    is_invalid: bool,
    /// How many bytes of the file were passed.
    position: &'a Cell<u64>,
    string: Option<Within>,
    depth: u32,
}

/// Where in a string.
struct Within {
    length: u64,
    is_escaped: bool,
}

impl<'a> Scanner<'a> {
    /// Begins at the beginning, and keeps `position` in the file up to date.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn new(mut file: &'a File, position: &'a Cell<u64>) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut first = Vec::new();
        file.take(BYTE_ORDER_MARK.len() as u64)
            .read_to_end(&mut first)?;
        let is_marked = first == BYTE_ORDER_MARK;
        position.set(file.seek(SeekFrom::Start(if is_marked {
            first.len() as u64
        } else {
            0
        }))?);
        Ok(Self {
            file,
            buffer: vec![0; BUFFER].into(),
            next: 0,
            valid: 0,
            filled: 0,
            is_invalid: false,
            position,
            string: None,
            depth: 0,
        })
    }

    /// Reads on, keeping a character that was cut off.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.valid..self.filled, 0);
        self.filled -= self.valid;
        let read = loop {
            match self.file.read(&mut self.buffer[self.filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.filled += read;
        (self.next, self.valid) = (0, self.filled);
        if let Err(error) = str::from_utf8(&self.buffer[..self.filled]) {
            self.valid = error.valid_up_to();
            self.is_invalid = read == 0 || error.error_len().is_some();
        }
        Ok(())
    }

    fn watch(&mut self, byte: u8) -> io::Result<()> {
        match &mut self.string {
            Some(within) => {
                within.length += 1;
                if within.length > LONGEST_STRING {
                    return Err(refusal(format!(
                        "a string of more than {LONGEST_STRING} bytes"
                    )));
                }
                if within.is_escaped {
                    within.is_escaped = false;
                } else if byte == b'\\' {
                    within.is_escaped = true;
                } else if byte == b'"' {
                    self.string = None;
                }
            }
            None => match byte {
                b'"' => {
                    self.string = Some(Within {
                        length: 0,
                        is_escaped: false,
                    });
                }
                b'[' | b'{' if self.depth == DEEPEST => {
                    return Err(refusal(format!("nested more than {DEEPEST} deep")));
                }
                b'[' | b'{' => self.depth += 1,
                b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            },
        }
        Ok(())
    }
}

impl Read for Scanner<'_> {
    /// Gives one byte at a time, which is how the parser asks, so that the position is the parser's.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(out) = out.first_mut() else {
            return Ok(0);
        };
        if self.next == self.valid && !self.is_invalid {
            self.fill()?;
        }
        if self.next == self.valid {
            return if self.is_invalid {
                Err(refusal("no UTF-8".to_owned()))
            } else {
                Ok(0)
            };
        }
        *out = self.buffer[self.next];
        self.next += 1;
        self.position.set(self.position.get() + 1);
        self.watch(*out)?;
        Ok(1)
    }
}

fn refusal(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
