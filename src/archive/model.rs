//! What files have of conversations and messages: a record has the columns of its table under their names.
//!
//! To take another column along, add its line here; reading, writing and both databases follow from it.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::de::{Deserializer, Unexpected};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::conversations::{DEFAULT_TITLE, Marks};
use crate::db::{FromRow, Row, Sql};
use crate::llm::Role;
use crate::messages::{ErrorCode, Status};

/// What the field `format` of a file says.
pub const FORMAT: &str = "meggy-export";

/// The newest version of the format, which is the one that is written.
pub const VERSION: u64 = 1;

/// Longest title, in characters.
const TITLE_LENGTH: usize = 200;

/// Longest text of a message beside what is said, in bytes.
const LONGEST_WORDS: usize = 64 * 1024;

/// A column's value out of a JSON object, as SQLite keeps it: times in the spelling of its driver.
macro_rules! sqlite_value {
    (uuid $column:ident) => {
        concat!("unhex(value ->> '", stringify!($column), "', '-')")
    };
    (time $column:ident) => {
        concat!(
            "replace(value ->> '",
            stringify!($column),
            "', 'Z', '+00:00')"
        )
    };
    (plain $column:ident) => {
        concat!("value ->> '", stringify!($column), "'")
    };
}

/// A value, or a parameter in its place if that is not null.
macro_rules! unless_apart {
    ($value:expr,) => {
        $value
    };
    ($value:expr, $parameter:literal) => {
        concat!("COALESCE(CAST(", $parameter, " AS TEXT), ", $value, ")")
    };
}

/// A record of some columns of a table, and the statement that inserts a JSON list of such records. Columns are
/// optional in a file if their type is `Option`, or if they are marked `#[serde(default)]`. The value of a column marked
/// `or "$n"` can be given by that parameter instead: in a list it would be copied several times.
macro_rules! record {
    (
        $(#[$doc:meta])*
        $name:ident, in $table:literal with $($fixed:literal = $value:literal),+, from $rows:literal, $conflict:literal {
            $($(#[$attribute:meta])* $column:ident: $type:ty as $kind:ident $(or $apart:literal)?,)+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
        pub struct $name {
            $($(#[$attribute])* pub $column: $type,)+
        }

        impl $name {
            /// Inserts records.
            pub const INSERT: Sql = Sql {
                sqlite: concat!(
                    "INSERT INTO ", $table, " (", record!(list $(stringify!($column),)+ $($fixed,)+), ") SELECT ",
                    record!(list $(unless_apart!(sqlite_value!($kind $column), $($apart)?),)+ $($value,)+),
                    " FROM json_each(", $rows, ") WHERE TRUE ", $conflict
                ),
                postgres: concat!(
                    "INSERT INTO ", $table, " (", record!(list $(stringify!($column),)+ $($fixed,)+), ") SELECT ",
                    record!(list $(unless_apart!(stringify!($column), $($apart)?),)+ $($value,)+),
                    " FROM json_populate_recordset(CAST(NULL AS ", $table, "), CAST(", $rows, " AS JSON)) ", $conflict
                ),
            };
        }

        impl FromRow for $name {
            fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
                Ok(Self { $($column: row.get(stringify!($column))?,)+ })
            }
        }

        impl Storable for $name {
            fn make_storable(&mut self) {
                $(self.$column.make_storable();)+
            }
        }
    };
    (list $first:expr, $($other:expr,)*) => {
        concat!($first, $(", ", $other),*)
    };
}

record! {
    /// A conversation as files have it. What it repeats of its messages is counted anew.
    ConversationRecord, in "conversations" with "user_id" = "$1", "message_count" = "0", from "$2", "ON CONFLICT DO NOTHING" {
        #[serde(deserialize_with = "parsed")]
        id: Uuid as uuid,
        /// The agent that answers in it.
        #[serde(default, deserialize_with = "parsed_or_default")]
        agent_id: Uuid as uuid,
        /// What the client calls it.
        client_id: Option<String> as plain,
        #[serde(default, deserialize_with = "text_or_empty")]
        title: String as plain,
        /// Whether the title was made from the first question.
        #[serde(default)]
        has_makeshift_title: bool as plain,
        #[serde(default)]
        is_pinned: bool as plain,
        #[serde(default)]
        is_archived: bool as plain,
        /// A JSON list as a text.
        #[serde(default = "no_tags")]
        tags: String as plain,
        #[serde(deserialize_with = "parsed")]
        created_at: DateTime<Utc> as time,
        #[serde(deserialize_with = "parsed")]
        updated_at: DateTime<Utc> as time,
    }
}

record! {
    /// A message as files have it.
    MessageRecord, in "messages" with "user_id" = "$1", "conversation_id" = "$2", from "$3", "" {
        #[serde(deserialize_with = "parsed")]
        id: Uuid as uuid,
        /// The message before it; messages with the same one are versions of each other.
        #[serde(default, deserialize_with = "parsed_if_any")]
        parent_id: Option<Uuid> as uuid,
        /// Whether it is shown.
        #[serde(default = "yes")]
        is_active: bool as plain,
        /// What the client calls it.
        client_id: Option<String> as plain,
        role: String as plain,
        content: String as plain or "$4",
        reasoning: Option<String> as plain or "$5",
        #[serde(default = "complete")]
        status: String as plain,
        #[serde(default)]
        model: String as plain,
        finish_reason: Option<String> as plain,
        error: Option<String> as plain,
        error_code: Option<String> as plain,
        tokens_used: Option<i32> as plain,
        prompt_tokens: Option<i32> as plain,
        completion_tokens: Option<i32> as plain,
        #[serde(default)]
        usage_estimated: bool as plain,
        left_out: Option<i32> as plain,
        feedback_rating: Option<String> as plain,
        feedback_comment: Option<String> as plain,
        #[serde(default, deserialize_with = "parsed_if_any")]
        edited_at: Option<DateTime<Utc>> as time,
        fallback_from: Option<String> as plain,
        /// Whether the model thought in the middle of its answer.
        #[serde(default)]
        is_interleaved: bool as plain,
        #[serde(deserialize_with = "parsed")]
        created_at: DateTime<Utc> as time,
    }
}

/// The tags of a conversation without any, as they are stored.
pub fn no_tags() -> String {
    "[]".to_owned()
}

fn yes() -> bool {
    true
}

/// What is written as a text, with words for what is expected of it: those of the types themselves are not for users.
trait Written: FromStr {
    const EXPECTED: &str;
}

impl Written for Uuid {
    const EXPECTED: &str = "a UUID";
}

impl Written for DateTime<Utc> {
    const EXPECTED: &str = "a time such as 2026-01-02T03:04:05Z";
}

fn parsed<'de, T: Written, D: Deserializer<'de>>(json: D) -> Result<T, D::Error> {
    parse(&String::deserialize(json)?)
}

fn parsed_if_any<'de, T: Written, D: Deserializer<'de>>(json: D) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(json)?;
    text.as_deref().map(parse).transpose()
}

fn parsed_or_default<'de, T, D>(json: D) -> Result<T, D::Error>
where
    T: Written + Default,
    D: Deserializer<'de>,
{
    parsed_if_any(json).map(Option::unwrap_or_default)
}

fn parse<T: Written, E: serde::de::Error>(text: &str) -> Result<T, E> {
    let unexpected = |_| E::invalid_value(Unexpected::Str(text), &T::EXPECTED);
    text.parse().map_err(unexpected)
}

fn text_or_empty<'de, D: Deserializer<'de>>(json: D) -> Result<String, D::Error> {
    Option::deserialize(json).map(Option::unwrap_or_default)
}

fn complete() -> String {
    Status::Complete.as_str().to_owned()
}

impl ConversationRecord {
    /// Makes of what a file says what a conversation can be.
    pub fn settle(&mut self) {
        self.make_storable();
        if let Some((end, _)) = self.title.char_indices().nth(TITLE_LENGTH) {
            self.title.truncate(end);
        }
        if self.title.trim().is_empty() {
            DEFAULT_TITLE.clone_into(&mut self.title);
        }
        self.tags = Marks::storable_tags(&self.tags);
    }
}

impl MessageRecord {
    /// A complete message without anything special about it.
    pub fn new(id: Uuid, role: Role, content: String, created_at: DateTime<Utc>) -> Self {
        Self {
            id,
            parent_id: None,
            is_active: true,
            client_id: None,
            role: role.as_str().to_owned(),
            content,
            reasoning: None,
            status: complete(),
            model: String::new(),
            finish_reason: None,
            error: None,
            error_code: None,
            tokens_used: None,
            prompt_tokens: None,
            completion_tokens: None,
            usage_estimated: false,
            left_out: None,
            feedback_rating: None,
            feedback_comment: None,
            edited_at: None,
            fallback_from: None,
            is_interleaved: false,
            created_at,
        }
    }

    /// Makes of what a file says what a message can be. Its text may have `longest` bytes.
    ///
    /// # Errors
    /// Why it can be none, in words.
    pub fn settle(&mut self, longest: usize) -> Result<(), String> {
        self.make_storable();
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        for (field, length, longest) in [
            ("content", self.content.len(), longest),
            ("reasoning", length(&self.reasoning), longest),
            ("model", self.model.len(), LONGEST_WORDS),
            ("client_id", length(&self.client_id), LONGEST_WORDS),
            ("finish_reason", length(&self.finish_reason), LONGEST_WORDS),
            ("error", length(&self.error), LONGEST_WORDS),
            ("fallback_from", length(&self.fallback_from), LONGEST_WORDS),
            (
                "feedback_comment",
                length(&self.feedback_comment),
                LONGEST_WORDS,
            ),
        ] {
            if length > longest {
                return Err(format!("its `{field}` is longer than {longest} bytes"));
            }
        }
        self.role
            .parse::<Role>()
            .map_err(|_| format!("`{}` is no role of a message", self.role))?;
        // Nobody is at it any more.
        if self.status.parse::<Status>()? == Status::Pending {
            Status::Interrupted.as_str().clone_into(&mut self.status);
        }
        if let Some(code) = &self.error_code {
            code.parse::<ErrorCode>()?;
        }
        match self.feedback_rating.as_deref() {
            None | Some("up" | "down") => Ok(()),
            Some(other) => Err(format!("`{other}` is no rating of a message")),
        }
    }
}

/// A value that a file may have in a form that the databases cannot keep.
pub trait Storable {
    fn make_storable(&mut self);
}

impl Storable for String {
    /// Postgres has no U+0000.
    fn make_storable(&mut self) {
        if self.contains('\0') {
            *self = self.replace('\0', "\u{fffd}");
        }
    }
}

impl Storable for DateTime<Utc> {
    /// Both databases keep microseconds. Nobody chatted before 1970, where lists begin, and SQLite sorts years of four
    /// digits only; there is room above for messages that must be later than this.
    fn make_storable(&mut self) {
        const YEAR_9999: i64 = 253_370_764_800_000_000;
        let micros = self.timestamp_micros().clamp(1, YEAR_9999);
        *self = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    }
}

impl<T: Storable> Storable for Option<T> {
    fn make_storable(&mut self) {
        if let Some(value) = self {
            value.make_storable();
        }
    }
}

/// These are as they should be once they could be read.
macro_rules! storable_as_it_is {
    ($($type:ty),*) => {
        $(impl Storable for $type { fn make_storable(&mut self) {} })*
    };
}
storable_as_it_is!(Uuid, bool, i32);
