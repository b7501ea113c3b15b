//! Reading a row of the old backend's, whatever is in it.

use std::fmt::Display;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

use super::old::Table;
use crate::archive::model::Storable as _;
use crate::db::Cells;

/// A row that is being read. What cannot be taken as it is becomes something usable, and is noted.
pub struct Row<'r> {
    table: &'static Table,
    cells: &'r Cells,
    /// What was changed, in words that name the column.
    pub notes: Vec<String>,
}

impl<'r> Row<'r> {
    /// A row as a statement about the table hands it over.
    pub fn new(table: &'static Table, cells: &'r Cells) -> Self {
        Self {
            table,
            cells,
            notes: Vec::new(),
        }
    }

    fn cell(&self, column: &str) -> Option<&'r [u8]> {
        let place = self.table.columns.iter().position(|name| *name == column)?;
        self.cells.get(place + 1)?.as_deref()
    }

    /// By what other statements find the row.
    pub fn key(&self) -> String {
        let key = self.cells.first().and_then(Option::as_deref);
        String::from_utf8_lossy(key.unwrap_or_default()).into_owned()
    }

    /// What the row is called in a report: its id, as it is in the old database.
    pub fn name(&self) -> String {
        match self.cell("id") {
            Some(id) => String::from_utf8_lossy(id).into_owned(),
            None => format!("(row {})", self.key()),
        }
    }

    /// The id that the row has here. It is another one only if it is none in the old database.
    pub fn id(&mut self) -> Uuid {
        let name = self.name();
        let id = id(self.table.name, &name);
        if !is_id(&name) {
            self.notes
                .push(format!("`id` is no UUID; it has the id {id} here"));
        }
        id
    }

    /// Another id for the row, always the same, because its own belongs to something else.
    pub fn another_id(&mut self) -> Uuid {
        let id = derived(&[self.table.name, "again", &self.name(), &self.key()]);
        self.notes.push(format!(
            "its id belongs to something else here; it has the id {id}"
        ));
        id
    }

    /// The id here of the row of another table to which a column refers.
    pub fn reference(&self, column: &str, table: &str) -> Uuid {
        let name = String::from_utf8_lossy(self.cell(column).unwrap_or_default());
        id(table, &name)
    }

    /// A text of at most so many characters.
    pub fn text(&mut self, column: &str, longest: usize) -> String {
        self.optional_text(column, longest).unwrap_or_else(|| {
            self.notes.push(format!("`{column}` is NULL; it is empty"));
            String::new()
        })
    }

    /// A text of at most so many characters that may be missing.
    pub fn optional_text(&mut self, column: &str, longest: usize) -> Option<String> {
        let bytes = self.cell(column)?;
        let mut text = match str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => {
                let note = "has bytes that are no UTF-8; U+FFFD stands for them";
                self.notes.push(format!("`{column}` {note}"));
                String::from_utf8_lossy(bytes).into_owned()
            }
        };
        if text.contains('\0') {
            let note = "has U+0000, which became U+FFFD";
            self.notes.push(format!("`{column}` {note}"));
            text.make_storable();
        }
        // Characters are no shorter than bytes.
        if text.len() > longest
            && let Some((end, _)) = text.char_indices().nth(longest)
        {
            text.truncate(end);
            self.notes
                .push(format!("`{column}` is cut off after {longest} characters"));
        }
        Some(text)
    }

    /// The text of a column that is to be a word or a number.
    fn word(&self, column: &str) -> Option<&'r str> {
        str::from_utf8(self.cell(column)?).ok().map(str::trim)
    }

    /// Puts something in the place of a value that cannot be read.
    fn instead<T: Display>(&mut self, column: &str, problem: &str, value: T) -> T {
        self.notes
            .push(format!("`{column}` {problem}; it is {value}"));
        value
    }

    /// A truth value.
    pub fn boolean(&mut self, column: &str, otherwise: bool) -> bool {
        match self.word(column) {
            Some("1" | "t" | "true") => true,
            Some("0" | "f" | "false") => false,
            _ => self.instead(column, "is no truth value", otherwise),
        }
    }

    /// A whole number from `least` on.
    pub fn integer(&mut self, column: &str, least: i32, otherwise: i32) -> i32 {
        match self.optional_integer(column, least) {
            Some(number) => number,
            None => self.instead(column, "is no number", otherwise),
        }
    }

    /// A whole number from `least` on that may be missing.
    pub fn optional_integer(&mut self, column: &str, least: i32) -> Option<i32> {
        self.cell(column)?;
        let number = self
            .word(column)
            .and_then(|word| word.parse::<f64>().ok())
            .filter(|number| !number.is_nan());
        let Some(number) = number else {
            self.notes
                .push(format!("`{column}` is no number and is left out"));
            return None;
        };
        let nearest = number.round().clamp(f64::from(least), f64::from(i32::MAX));
        #[expect(clippy::cast_possible_truncation, reason = "it is within the range")]
        let nearest_integer = nearest as i32;
        if nearest != number {
            self.instead(column, "is out of range", nearest_integer);
        }
        Some(nearest_integer)
    }

    /// A number within limits.
    pub fn real(&mut self, column: &str, least: f64, most: f64, otherwise: f64) -> f64 {
        let number = self
            .word(column)
            .and_then(|word| word.parse::<f64>().ok())
            .filter(|number| !number.is_nan());
        match number {
            Some(number) if (least..=most).contains(&number) => number,
            Some(number) => {
                let nearest = number.clamp(least, most);
                self.instead(column, "is out of range", nearest)
            }
            None => self.instead(column, "is no number", otherwise),
        }
    }

    /// A time that both databases can keep.
    pub fn time(&mut self, column: &str, otherwise: DateTime<Utc>) -> DateTime<Utc> {
        let Some(time) = self.word(column).and_then(moment) else {
            return self.instead(column, "is no time", otherwise);
        };
        let mut storable = time;
        storable.make_storable();
        // What is finer than a microsecond is no loss.
        if storable.timestamp() != time.timestamp() {
            return self.instead(column, "is out of range", storable);
        }
        storable
    }
}

fn is_id(name: &str) -> bool {
    Uuid::try_parse(name).is_ok_and(|id| !id.is_nil())
}

/// The id here of a row that is called so.
fn id(table: &str, name: &str) -> Uuid {
    match Uuid::try_parse(name) {
        Ok(id) if !id.is_nil() => id,
        _ => derived(&[table, name]),
    }
}

/// An id that these texts always get, and hardly any others.
pub fn derived(texts: &[&str]) -> Uuid {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update(text.len().to_be_bytes());
        digest.update(text);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.finalize()[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// A time as Django and Postgres write it: in UTC unless it says otherwise, with or without a fraction.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let text = text.replacen('T', " ", 1).replace('Z', "+00");
    let with_zone = DateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f%#z");
    if let Ok(time) = with_zone {
        return Some(time.to_utc());
    }
    let without = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f");
    if let Ok(time) = without {
        return Some(time.and_utc());
    }
    let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?;
    day.and_hms_opt(0, 0, 0).map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;

    use super::*;

    #[test]
    fn times_are_read_in_all_spellings() {
        for (text, time) in [
            (
                "2026-11-23 16:36:43.544647",
                Some("2026-11-23T16:36:43.544647Z"),
            ),
            ("2026-11-23 16:36:43", Some("2026-11-23T16:36:43.000000Z")),
            ("2026-11-23T16:36:43Z", Some("2026-11-23T16:36:43.000000Z")),
            (
                "2026-11-23 16:36:43.5+00",
                Some("2026-11-23T16:36:43.500000Z"),
            ),
            (
                "2026-11-23 16:36:43+01:30",
                Some("2026-11-23T15:06:43.000000Z"),
            ),
            ("2026-11-23", Some("2026-11-23T00:00:00.000000Z")),
            ("2026-11-31 00:00:00", None),
            ("infinity", None),
            ("1764002203", None),
            ("", None),
        ] {
            let read = moment(text).map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true));
            assert_eq!(read.as_deref(), time, "{text}");
        }
    }
}
