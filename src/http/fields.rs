//! The rules for fields and their messages, as Django REST framework has them.
//!
//! A body is read field by field, and every faulty field is noted, so that a client learns of all mistakes at once.
//! An absent, null, blank or ill-typed value ends the check of its field; the other rules are all checked.

mod list;

use axum::http::Uri;
use serde_json::{Map, Value};
use uuid::Uuid;

pub use list::List;

use super::formats;
use super::path::parse_uuid;
use super::python;
use crate::error::{Error, FieldErrors, Result};

/// What a field says that must be there and is not.
pub const REQUIRED: &str = "This field is required.";
/// Also what an empty reference to another object is told.
pub const NULL: &str = "This field may not be null.";
const BLANK: &str = "This field may not be blank.";
/// What a string field says to U+0000, which Postgres cannot store.
pub const NUL_CHARACTER: &str = "Null characters are not allowed.";
/// What a string field says to other types.
pub const NOT_A_STRING: &str = "Not a valid string.";

/// The fields of a body and what is wrong with them so far.
pub struct Form {
    values: Map<String, Value>,
    errors: FieldErrors,
}

/// How the value of one kind of field is read.
pub trait Rule {
    /// What a good value becomes.
    type Output;

    /// Reads a value that is not null.
    ///
    /// # Errors
    /// All messages for the client.
    fn check(&self, value: &Value) -> Result<Self::Output, Vec<String>>;
}

impl Form {
    /// Starts with the fields of a body.
    pub fn new(values: Map<String, Value>) -> Self {
        Self {
            values,
            errors: FieldErrors::new(),
        }
    }

    /// Starts with the parameters of an address, which are all text. Of several with one name the first counts.
    pub fn of_query(uri: &Uri) -> Self {
        let mut values = Map::new();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            values
                .entry(name)
                .or_insert_with(|| Value::String(value.into_owned()));
        }
        Self::new(values)
    }

    /// A field that may be absent. `None` also if it is faulty, which [`Form::finish`] then tells.
    pub fn optional<R: Rule>(&mut self, name: &'static str, rule: &R) -> Option<R::Output> {
        match self.values.get(name)? {
            Value::Null => self.refuse(name, vec![NULL.to_owned()]),
            value => match rule.check(value) {
                Ok(value) => Some(value),
                Err(messages) => self.refuse(name, messages),
            },
        }
    }

    /// A field that must be there. `None` if it is faulty, which [`Form::finish`] then tells.
    pub fn required<R: Rule>(&mut self, name: &'static str, rule: &R) -> Option<R::Output> {
        if self.values.contains_key(name) {
            self.optional(name, rule)
        } else {
            self.refuse(name, vec![REQUIRED.to_owned()])
        }
    }

    /// A field that must be there if `is_required`.
    pub fn field<R: Rule>(
        &mut self,
        name: &'static str,
        rule: &R,
        is_required: bool,
    ) -> Option<R::Output> {
        if is_required {
            self.required(name, rule)
        } else {
            self.optional(name, rule)
        }
    }

    /// A field that may be absent (`None`) or null (`Some(None)`).
    pub fn nullable<R: Rule>(&mut self, name: &'static str, rule: &R) -> Option<Option<R::Output>> {
        match self.values.get(name) {
            Some(Value::Null) => Some(None),
            _ => self.optional(name, rule).map(Some),
        }
    }

    /// Whether a field is there, faulty or not.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Notes that a field is faulty for a reason that only its owner knows.
    pub fn reject(&mut self, name: &'static str, message: impl Into<String>) {
        self.refuse::<()>(name, vec![message.into()]);
    }

    /// Whether anything was noted yet.
    pub fn is_faulty(&self) -> bool {
        !self.errors.is_empty()
    }

    /// The end of the check.
    ///
    /// # Errors
    /// Everything that was noted.
    pub fn finish(self) -> Result<()> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(self.errors))
        }
    }

    /// The end of the check of fields that must all be there.
    ///
    /// # Errors
    /// Everything that was noted.
    pub fn complete<T>(self, fields: Option<T>) -> Result<T> {
        match fields {
            Some(fields) if self.errors.is_empty() => Ok(fields),
            _ => Err(Error::Invalid(self.errors)),
        }
    }

    fn refuse<T>(&mut self, name: &'static str, messages: Vec<String>) -> Option<T> {
        self.errors.entry(name.into()).or_default().extend(messages);
        None
    }
}

/// Text. Numbers are taken as their text; white space at both ends is removed unless `keeps_space`. Lengths are in
/// characters.
pub struct Text {
    /// The least number of characters.
    pub min: usize,
    /// The greatest number of characters.
    pub max: usize,
    /// Whether the empty string is a value.
    pub may_be_blank: bool,
    /// Whether white space at the ends belongs to the value.
    pub keeps_space: bool,
    /// What else must hold, and the message if it does not.
    pub format: Option<Format>,
}

/// What a text must look like. The message also stands for a wrong type.
pub struct Format {
    /// Whether a text looks like it.
    pub matches: fn(&str) -> bool,
    /// What to say if it does not.
    pub message: &'static str,
}

impl Text {
    /// Any text that is not blank, of at most `max` characters.
    pub const fn new(max: usize) -> Self {
        Self {
            min: 0,
            max,
            may_be_blank: false,
            keeps_space: false,
            format: None,
        }
    }
}

/// An e-mail address of at most 254 characters.
pub const EMAIL: Text = Text {
    format: Some(Format {
        matches: formats::is_email,
        message: "Enter a valid email address.",
    }),
    ..Text::new(254)
};

/// A URL of at most 200 characters, or nothing.
pub const URL: Text = Text {
    may_be_blank: true,
    format: Some(Format {
        matches: formats::is_url,
        message: "Enter a valid URL.",
    }),
    ..Text::new(200)
};

impl Rule for Text {
    type Output = String;

    fn check(&self, value: &Value) -> Result<String, Vec<String>> {
        let wrong_type = self
            .format
            .as_ref()
            .map_or(NOT_A_STRING, |format| format.message);
        let text = python::text_of(value).ok_or_else(|| vec![wrong_type.to_owned()])?;
        let trimmed = python::strip(&text);
        if trimmed.is_empty() {
            return if self.may_be_blank {
                Ok(String::new())
            } else {
                Err(vec![BLANK.to_owned()])
            };
        }
        let text = if self.keeps_space { &text } else { trimmed };
        let mut messages = Vec::new();
        let length = text.chars().count();
        if length > self.max {
            messages.push(format!(
                "Ensure this field has no more than {} characters.",
                self.max
            ));
        }
        if length < self.min {
            messages.push(format!(
                "Ensure this field has at least {} characters.",
                self.min
            ));
        }
        if text.contains('\0') {
            messages.push(NUL_CHARACTER.to_owned());
        }
        if let Some(format) = self
            .format
            .as_ref()
            .filter(|format| !(format.matches)(text))
        {
            messages.push(format.message.to_owned());
        }
        if messages.is_empty() {
            Ok(text.to_owned())
        } else {
            Err(messages)
        }
    }
}

/// The id of some object.
pub struct Reference;

impl Rule for Reference {
    type Output = Uuid;

    fn check(&self, value: &Value) -> Result<Uuid, Vec<String>> {
        python::text_of(value)
            .and_then(|text| parse_uuid(&text))
            .ok_or_else(|| vec!["Must be a valid UUID.".to_owned()])
    }
}

/// One of a few words.
pub struct Choice<T>(pub fn(&str) -> Option<T>);

impl<T> Rule for Choice<T> {
    type Output = T;

    fn check(&self, value: &Value) -> Result<T, Vec<String>> {
        let word = Text::new(usize::MAX).check(value)?;
        self.0(&word).ok_or_else(|| vec![format!("\"{word}\" is not a valid choice.")])
    }
}

/// A finite number within a range, both ends included. A string that holds one will do.
pub struct Float {
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
}

impl Rule for Float {
    type Output = f64;

    fn check(&self, value: &Value) -> Result<f64, Vec<String>> {
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => python::strip(text).parse().ok(),
            _ => None,
        };
        match number.filter(|number| number.is_finite()) {
            Some(number) => within(number, self.min, self.max),
            None => Err(vec!["A valid number is required.".to_owned()]),
        }
    }
}

/// A whole number within a range, both ends included. A string that holds one will do, and so will a fraction of
/// zero.
pub struct Integer {
    /// The least value.
    pub min: i64,
    /// The greatest value.
    pub max: i64,
}

impl Rule for Integer {
    type Output = i64;

    fn check(&self, value: &Value) -> Result<i64, Vec<String>> {
        let text = python::text_of(value);
        match text.as_deref().and_then(saturating_integer) {
            Some(number) => within(number, self.min, self.max),
            None => Err(vec!["A valid integer is required.".to_owned()]),
        }
    }
}

/// Reads what Python's `int` takes after a fraction of zeros is cut off. A number too large for us is as large as can
/// be: out of every range, and told as that.
fn saturating_integer(text: &str) -> Option<i64> {
    let text = python::strip(text);
    let text = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole,
        _ => text,
    };
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(if text.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    }))
}

fn within<T: PartialOrd + std::fmt::Display>(number: T, min: T, max: T) -> Result<T, Vec<String>> {
    if number < min {
        Err(vec![format!(
            "Ensure this value is greater than or equal to {min}."
        )])
    } else if number > max {
        Err(vec![format!(
            "Ensure this value is less than or equal to {max}."
        )])
    } else {
        Ok(number)
    }
}

/// True or false, in any of the spellings that HTML forms and their libraries use.
pub struct Boolean;

impl Rule for Boolean {
    type Output = bool;

    fn check(&self, value: &Value) -> Result<bool, Vec<String>> {
        let known = match value {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => match number.as_f64() {
                Some(1.0) => Some(true),
                Some(0.0) => Some(false),
                _ => None,
            },
            Value::String(text) => match text.as_str() {
                "1" | "true" | "True" | "TRUE" | "t" | "T" | "y" | "Y" | "yes" | "Yes" | "YES"
                | "on" | "On" | "ON" => Some(true),
                "0" | "false" | "False" | "FALSE" | "f" | "F" | "n" | "N" | "no" | "No" | "NO"
                | "off" | "Off" | "OFF" => Some(false),
                _ => None,
            },
            _ => None,
        };
        known.ok_or_else(|| vec!["Must be a valid boolean.".to_owned()])
    }
}
