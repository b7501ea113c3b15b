//! What may be asked of a search, and how the API shows what it found.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::query::Query;
use crate::clock;
use crate::error::Result;
use crate::http::fields::{Choice, Form, Integer, Reference, Rule, Text};
use crate::llm::Role;

/// How long a query may be, in characters.
const QUERY: Text = Text::new(500);

/// How many results a page has, unless the client says otherwise.
const LIMIT: i64 = 20;
const LIMITS: Integer = Integer { min: 1, max: 50 };

/// What may be asked.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters that are read one by one")]
pub struct SearchParameters {
    /// What to look for. All words must be there; those in quotes in a row; the last one may be a beginning.
    #[param(min_length = 1, max_length = 500, example = "engine")]
    q: String,
    /// Only in this conversation.
    #[param(required = false)]
    conversation: Uuid,
    /// Only in conversations that have this agent now.
    #[param(required = false)]
    agent: Uuid,
    /// Only such messages, and no titles.
    #[param(required = false)]
    role: Role,
    /// Only what was written from this time on: ISO 8601, a day or a time, UTC unless there is an offset.
    #[param(required = false, value_type = String, example = "2020-01-01")]
    after: DateTime<Utc>,
    /// Only what was written before this time.
    #[param(required = false, value_type = String)]
    before: DateTime<Utc>,
    /// How many results a page has; 20 if it is not given.
    #[param(required = false, minimum = 1, maximum = 50)]
    limit: u8,
    /// The `next` of the page before, with all other parameters as they were.
    #[param(required = false)]
    cursor: String,
}

/// What is looked for, and which page of it.
pub struct Search {
    pub query: Query,
    pub filters: Filters,
    pub limit: usize,
    pub cursor: Cursor,
}

/// What a document must be to be found.
pub struct Filters {
    pub conversation: Option<Uuid>,
    pub agent: Option<Uuid>,
    /// Titles have no role: with one only messages are found.
    pub role: Option<Role>,
    /// From this time on.
    pub after: Option<DateTime<Utc>>,
    /// Earlier than this time.
    pub before: Option<DateTime<Utc>>,
}

impl Search {
    /// Reads the parameters of an address. Empty ones count as absent.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn read(parameters: &str) -> Result<Self> {
        let values = form_urlencoded::parse(parameters.as_bytes())
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
        let mut form = Form::new(values.collect());
        let typed = form.required("q", &QUERY);
        let filters = Filters {
            conversation: form.optional("conversation", &Reference),
            agent: form.optional("agent", &Reference),
            role: form.optional("role", &Choice(|word| word.parse().ok())),
            after: form.optional("after", &Time),
            before: form.optional("before", &Time),
        };
        if filters
            .after
            .zip(filters.before)
            .is_some_and(|(after, before)| after >= before)
        {
            form.reject("before", "This must be later than `after`.");
        }
        let limit = form.optional("limit", &LIMITS).unwrap_or(LIMIT);
        let cursor = form.optional("cursor", &AnyCursor).unwrap_or(Cursor::START);
        let query = typed.and_then(|typed| {
            let query = Query::parse(&typed);
            if query.is_none() {
                form.reject("q", "There is no word in it that could be looked for.");
            }
            query
        });
        let query = form.complete(query)?;
        Ok(Self {
            query,
            filters,
            limit: usize::try_from(limit).unwrap_or_default(),
            cursor,
        })
    }
}

impl Filters {
    /// What the index knows of this: of each list a document must have one label. Times it knows by month and year.
    pub fn labels(&self) -> Vec<Vec<String>> {
        let ids = [('c', self.conversation), ('a', self.agent)];
        let ids = ids
            .into_iter()
            .filter_map(|(kind, id)| Some(vec![format!("{kind}{}", id?.simple())]));
        let role = self.role.map(|role| vec![role.as_str().to_owned()]);
        ids.chain(role).chain(self.months()).collect()
    }

    /// The months from `after` to `before`; where they make whole years, the years.
    fn months(&self) -> Option<Vec<String>> {
        // Nothing is older than the first nor younger than the last.
        const FIRST: i32 = 1970 * 12;
        const LAST: i32 = 2200 * 12 - 1;
        if self.after.is_none() && self.before.is_none() {
            return None;
        }
        let month = |time: DateTime<Utc>| {
            (time.year() * 12 + time.month0().cast_signed()).clamp(FIRST, LAST)
        };
        let last = self.before.map_or(LAST, month);
        let mut next = self.after.map_or(FIRST, month);
        let mut labels = Vec::new();
        while next <= last {
            let (year, month) = (next / 12, next % 12);
            if month == 0 && next + 11 <= last {
                labels.push(format!("y{year}"));
                next += 12;
            } else {
                labels.push(format!("m{year}{:02}", month + 1));
                next += 1;
            }
        }
        Some(labels)
    }
}

/// A time as ISO 8601 has it. Without an offset it is UTC, a day alone is its beginning.
struct Time;

impl Rule for Time {
    type Output = DateTime<Utc>;

    fn check(&self, value: &Value) -> Result<DateTime<Utc>, Vec<String>> {
        let text = Text::new(usize::MAX).check(value)?;
        let time = DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc());
        let time = time.or_else(|_| text.parse::<NaiveDateTime>().map(|time| time.and_utc()));
        let time = time.or_else(|_| {
            text.parse::<NaiveDate>()
                .map(|day| day.and_time(Default::default()).and_utc())
        });
        // Postgres knows no others, and SQLite could not compare them.
        time.ok().filter(|time| (1..=9999).contains(&time.year())).ok_or_else(|| {
            vec!["Datetime has wrong format. Use YYYY-MM-DD or YYYY-MM-DDThh:mm:ss[.uuuuuu][+HH:MM|-HH:MM|Z].".to_owned()]
        })
    }
}

/// Where a page begins. Results come window by window, the newest matches first, and within a window by score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cursor {
    /// The window's newest document.
    pub high: i64,
    /// The window's oldest document, once it is known.
    pub low: i64,
    /// The last document that was shown, and its score.
    pub score: f64,
    pub number: i64,
}

impl Cursor {
    /// The beginning of all.
    const START: Self = Self::window(i64::MAX);

    /// The beginning of the window whose newest document is at most `high`.
    pub const fn window(high: i64) -> Self {
        Self {
            high,
            low: i64::MIN,
            score: f64::INFINITY,
            number: i64::MAX,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (fields, _) = bytes.as_chunks();
        let &[high, low, score, number] = fields else {
            return None;
        };
        let score = f64::from_be_bytes(score);
        (!score.is_nan()).then_some(Self {
            high: i64::from_be_bytes(high),
            low: i64::from_be_bytes(low),
            score,
            number: i64::from_be_bytes(number),
        })
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = [
            self.high.to_be_bytes(),
            self.low.to_be_bytes(),
            self.score.to_be_bytes(),
            self.number.to_be_bytes(),
        ];
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(fields.as_flattened()))
    }
}

struct AnyCursor;

impl Rule for AnyCursor {
    type Output = Cursor;

    fn check(&self, value: &Value) -> Result<Cursor, Vec<String>> {
        let cursor = value.as_str().and_then(Cursor::parse);
        cursor.ok_or_else(|| vec!["Invalid cursor.".to_owned()])
    }
}

/// A document that has what is looked for. Its fields are in the order in which they are gathered from the database.
#[derive(Clone, Debug, Deserialize)]
pub struct Match {
    /// The later it was written, the greater.
    pub number: i64,
    pub conversation_id: Uuid,
    pub title: String,
    /// `None` if it is the title that was found.
    pub message_id: Option<Uuid>,
    pub role: Option<Role>,
    pub created_at: DateTime<Utc>,
    /// The beginning of its text.
    pub text: String,
}

/// A page of results.
#[derive(Serialize, ToSchema)]
#[schema(as = SearchResults)]
pub struct Results {
    pub results: Vec<Found>,
    /// The `cursor` of the next page; null if this is the last one.
    #[schema(required, value_type = Option<String>)]
    pub next: Option<Cursor>,
}

/// A result.
#[derive(Serialize, ToSchema)]
#[schema(as = SearchResult)]
pub struct Found {
    r#type: Kind,
    conversation: ConversationFound,
    /// Null if it is the title that was found.
    #[schema(required)]
    message: Option<MessageFound>,
    /// HTML of about 200 characters with the hits in `<mark>`; all else in it is escaped.
    snippet: String,
    /// Greater is better. To be compared only with scores of the same search.
    score: f64,
}

/// Where something was found: in a message or in a title.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = SearchResultType)]
enum Kind {
    Message,
    Conversation,
}

#[derive(Serialize, ToSchema)]
struct ConversationFound {
    id: Uuid,
    title: String,
}

#[derive(Serialize, ToSchema)]
struct MessageFound {
    id: Uuid,
    #[schema(value_type = Role)]
    role: Option<Role>,
    #[serde(serialize_with = "clock::serialize")]
    created_at: DateTime<Utc>,
}

impl Found {
    /// A match as it is shown.
    pub fn new(found: Match, snippet: String, score: f64) -> Self {
        Self {
            r#type: if found.message_id.is_some() {
                Kind::Message
            } else {
                Kind::Conversation
            },
            conversation: ConversationFound {
                id: found.conversation_id,
                title: found.title,
            },
            message: found.message_id.map(|id| MessageFound {
                id,
                role: found.role,
                created_at: found.created_at,
            }),
            snippet,
            score,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn months(parameters: &str) -> Vec<String> {
        let search = Search::read(&format!("q=tea&{parameters}")).expect("good parameters");
        search.filters.months().unwrap_or_default()
    }

    #[test]
    fn times_are_covered_by_months_and_whole_years() {
        assert_eq!(
            months("after=2024-11-15&before=2026-02-01"),
            ["m202411", "m202412", "y2025", "m202601", "m202602"]
        );
        assert_eq!(
            months("after=2025-03-01&before=2025-03-02T10:00:00-05:00"),
            ["m202503"]
        );
        assert_eq!(months("after=2198-12-31"), ["m219812", "y2199"]);
        assert_eq!(months("before=1960-01-01"), ["m197001"]);
        assert_eq!(months("role=user"), [""; 0]);
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let cursor = Cursor {
            high: 1 << 40,
            low: -1,
            score: 0.1 + 0.2,
            number: i64::MAX,
        };
        let written = serde_json::to_value(cursor).expect("text");
        assert_eq!(Cursor::parse(written.as_str().expect("text")), Some(cursor));
    }
}
