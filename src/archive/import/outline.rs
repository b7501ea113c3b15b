//! The first walk through a file: whether it is JSON to its end, of which format, and where in it what is.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::ops::Range;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::de::IoRead;

use super::object::{self, plain};
use super::scanner::Scanner;
use crate::archive::model::{FORMAT, VERSION};
use crate::error::{Error, Result};

/// How many conversations, and how many agents, a file may have.
const MOST: usize = 1_000_000;

/// A part of a file: the bytes of a JSON value.
pub type Part = Range<u64>;

/// What a file consists of.
pub enum Outline {
    /// A file of our own.
    Meggy {
        agents: Vec<Part>,
        conversations: Vec<Part>,
    },
    /// ChatGPT's `conversations.json`.
    ChatGpt { conversations: Vec<Part> },
}

/// Walks through a file without keeping anything of it.
///
/// # Errors
/// With the position: what is wrong with the file. It cannot be read.
pub fn read(file: &File) -> Result<Outline> {
    let position = Cell::new(0);
    let scanner = Scanner::new(file, &position).map_err(|error| Error::Internal(error.into()))?;
    let mut json = serde_json::Deserializer::from_reader(scanner);
    let outline = json
        .deserialize_any(Whole(&position))
        .and_then(|outline| json.end().map(|()| outline));
    outline.map_err(|error| refusal(error, position.get()))
}

fn refusal(error: serde_json::Error, position: u64) -> Error {
    if error.is_io() {
        let error = io::Error::from(error);
        return if error.kind() == io::ErrorKind::InvalidData {
            Error::Unreadable(format!("JSON parse error - {error} (byte {position})"))
        } else {
            Error::Internal(error.into())
        };
    }
    let error = plain(&error.to_string());
    Error::Unreadable(format!("JSON parse error - {error} (byte {position})"))
}

/// A parser of a part of a file.
pub type PartReader<'a> = serde_json::Deserializer<IoRead<BufReader<Take<&'a File>>>>;

/// Opens a part of a file that [`read`] has found.
///
/// # Errors
/// The file cannot be read.
pub fn open<'a>(mut file: &'a File, part: &Part) -> Result<PartReader<'a>> {
    file.seek(SeekFrom::Start(part.start))
        .map_err(|error| Error::Internal(error.into()))?;
    let bytes = BufReader::with_capacity(64 * 1024, file.take(part.end - part.start));
    Ok(serde_json::Deserializer::from_reader(bytes))
}

/// The title of a conversation of which nothing else can be used.
///
/// # Errors
/// The file cannot be read.
pub fn title(file: &File, part: &Part) -> Result<Option<String>> {
    #[derive(Deserialize)]
    struct Titled {
        title: String,
    }
    let titled = object::read(&mut open(file, part)?).ok();
    Ok(titled.map(|Titled { title }| title.chars().take(200).collect()))
}

struct Whole<'a>(&'a Cell<u64>);

/// The fields of our own files.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Format,
    Version,
    Agents,
    Conversations,
    #[serde(other)]
    Unknown,
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = Outline;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an export of Meggy, or the list in ChatGPT's conversations.json")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Outline, A::Error> {
        Ok(Outline::ChatGpt {
            conversations: Parts(self.0).visit_seq(list)?,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outline, A::Error> {
        let (mut is_ours, mut has_version) = (false, false);
        let (mut agents, mut conversations) = (Vec::new(), None);
        while let Some(field) = map.next_key()? {
            match field {
                Field::Format => is_ours = map.next_value::<String>()? == FORMAT,
                Field::Version => {
                    let version: u64 = map.next_value()?;
                    has_version = true;
                    if version > VERSION {
                        return Err(A::Error::custom(format_args!(
                            "version {version} of the format is not known here, only {VERSION}"
                        )));
                    }
                }
                Field::Agents => agents = map.next_value_seed(Parts(self.0))?,
                Field::Conversations => conversations = Some(map.next_value_seed(Parts(self.0))?),
                Field::Unknown => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if !is_ours {
            return Err(A::Error::custom(format_args!(
                "this is neither an export of Meggy (its `format` would be `{FORMAT}`) nor the list in ChatGPT's \
                 conversations.json"
            )));
        }
        if !has_version {
            return Err(A::Error::missing_field("version"));
        }
        Ok(Outline::Meggy {
            agents,
            conversations: conversations.ok_or_else(|| A::Error::missing_field("conversations"))?,
        })
    }
}

/// Where the values of a list are.
#[derive(Clone, Copy)]
struct Parts<'a>(&'a Cell<u64>);

impl<'de> DeserializeSeed<'de> for Parts<'_> {
    type Value = Vec<Part>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Vec<Part>, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Parts<'_> {
    type Value = Vec<Part>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Part>, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = list.next_element_seed(Place(self.0))? {
            if parts.len() == MOST {
                return Err(A::Error::custom(format_args!("more than {MOST} in a list")));
            }
            parts.push(part);
        }
        Ok(parts)
    }
}

/// Where a value is. An object's first byte was read to see that there is another value, its last one ends it.
struct Place<'a>(&'a Cell<u64>);

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Part;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Part, D::Error> {
        let start = self.0.get().saturating_sub(1);
        IgnoredAny::deserialize(json)?;
        Ok(start..self.0.get())
    }
}
