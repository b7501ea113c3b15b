//! Reading objects of a file, and saying in words for users why one is not what it should be.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_path_to_error::Path;

use super::outline::PartReader;

/// Longest reason, in characters. It repeats what it is about.
const LONGEST_REASON: usize = 300;

/// What serde calls by names of Rust's, and what users do.
const WORDS: [(&str, &str); 5] = [
    ("i32", "a whole number up to 2147483647"),
    ("u64", "a whole number"),
    ("f64", "a number"),
    ("a boolean", "true or false"),
    ("a map", "an object"),
];

/// What is written as a JSON object. A type by itself could also be read from a list of its fields' values.
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(Fields(PhantomData)).map(Object)
    }
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// Reads an object.
///
/// # Errors
/// Why it is not what it should be.
pub fn read<'de, T: Deserialize<'de>>(json: &mut PartReader<'_>) -> Result<T, String> {
    serde_path_to_error::deserialize(json)
        .map(|Object(value)| value)
        .map_err(|error| reason(error.path(), error.inner()))
}

/// Why a part of a file is not what it should be, with the place in it, such as `messages[3].role`. The error's own
/// position is left out, as it would be counted from the part's beginning.
pub fn reason(path: &Path, error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let text = plain(text.strip_suffix(&position).unwrap_or(&text));
    let text = match path.iter().next() {
        Some(_) => format!("`{path}`: {text}"),
        None => text,
    };
    match text.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What an error says, in words for users.
pub fn plain(error: &str) -> String {
    WORDS.iter().fold(error.to_owned(), |text, (rust, word)| {
        text.replace(&format!(", expected {rust}"), &format!(", expected {word}"))
    })
}
