//! What is asked of a list in the address of its page.

use std::collections::BTreeMap;

use axum::http::Uri;
use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use uuid::Uuid;

use super::place::{Kind, Place};
use crate::admin::refusal::{Refusal, Result};
use crate::clock;
use crate::http::path::parse_uuid;

/// A column of a list.
pub struct Column {
    pub label: &'static str,
    /// How the list can be sorted by it.
    pub sort: Option<&'static Sort>,
}

/// A way to sort a list.
pub struct Sort {
    /// What it is called in addresses.
    pub name: &'static str,
    pub kind: Kind,
}

/// Something that a list can be narrowed by.
pub struct Filter {
    /// What it is called in addresses.
    pub name: &'static str,
    pub label: &'static str,
    pub kind: Choice,
}

impl Column {
    /// A column by which the list can be sorted.
    pub const fn sorted(label: &'static str, sort: &'static Sort) -> Self {
        let sort = Some(sort);
        Self { label, sort }
    }

    /// A column by which it cannot.
    pub const fn unsorted(label: &'static str) -> Self {
        let sort = None;
        Self { label, sort }
    }
}

impl Sort {
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind }
    }
}

impl Filter {
    pub const fn new(name: &'static str, label: &'static str, kind: Choice) -> Self {
        Self { name, label, kind }
    }
}

/// What a filter lets choose.
pub enum Choice {
    /// Yes or no.
    Flag,
    /// One of these words.
    Words(&'static [&'static str]),
    /// Any word.
    Free,
    /// The id of another object.
    Reference,
    /// A stretch of time: one of [`SPANS`] by name, or days from and to.
    Period,
}

/// The stretches of time that have a name, and what pages call them.
pub const SPANS: [(&str, &str); 4] = [
    ("today", "Today"),
    ("week", "Past 7 days"),
    ("month", "This month"),
    ("year", "This year"),
];

/// A stretch of time, its end not included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Period {
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
}

/// What a list is, as far as its address has to know.
pub struct Shape {
    pub columns: &'static [Column],
    pub filters: &'static [Filter],
    pub default_sort: &'static Sort,
}

/// Which way from a place the page goes.
#[derive(Clone, Debug)]
pub enum Cursor {
    After(Place),
    Before(Place),
}

/// What is asked of a list.
pub struct Asked {
    values: BTreeMap<String, String>,
    /// In capitals or not; what is at its ends does not count.
    pub search: Option<String>,
    pub sort: &'static Sort,
    pub is_descending: bool,
    pub cursor: Option<Cursor>,
    /// How many rows a page has.
    pub size: i64,
    /// Whether what users wrote is to be searched and shown.
    pub with_contents: bool,
    periods: Vec<(&'static str, Period)>,
    flags: Vec<(&'static str, bool)>,
    words: Vec<(&'static str, String)>,
    references: Vec<(&'static str, Uuid)>,
}

/// How many rows a page may have.
pub const SIZES: [i64; 3] = [50, 20, 100];

/// The most characters of a search or a word.
const LONGEST: usize = 254;

impl Asked {
    /// Reads the parameters of an address. Empty ones count as absent; those that are not the list's are passed over.
    ///
    /// # Errors
    /// In a sentence, which one is faulty.
    pub fn read(shape: &Shape, uri: &Uri) -> Result<Self> {
        let values: BTreeMap<String, String> =
            form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
                .map(|(name, value)| (name.into_owned(), value.trim().to_owned()))
                .filter(|(_, value)| !value.is_empty())
                .collect();
        for (name, value) in &values {
            if value.contains('\0') {
                return Err(faulty(name, "Null characters are not allowed."));
            }
        }
        let get = |name: &str| values.get(name).map(String::as_str);
        let search = get("q").map(short("q")).transpose()?;
        let (sort, is_descending) = match get("sort") {
            None => (shape.default_sort, shape.default_sort.kind == Kind::Time),
            Some(word) => {
                let name = word.strip_prefix('-').unwrap_or(word);
                let sorts = shape.columns.iter().filter_map(|column| column.sort);
                let sort = sorts.into_iter().find(|sort| sort.name == name);
                let sort =
                    sort.ok_or_else(|| faulty("sort", "The list cannot be sorted by this."))?;
                (sort, word.starts_with('-'))
            }
        };
        let place = |name: &str| {
            let read = |text| {
                Place::decode(sort.kind, text)
                    .ok_or_else(|| faulty(name, "This is no place in the list as it is sorted."))
            };
            get(name).map(read).transpose()
        };
        let cursor = match (place("after")?, place("before")?) {
            (Some(_), Some(_)) => return Err(faulty("before", "Use after or before, not both.")),
            (Some(place), None) => Some(Cursor::After(place)),
            (None, Some(place)) => Some(Cursor::Before(place)),
            (None, None) => None,
        };
        let size = match get("size") {
            None => SIZES[0],
            Some(number) => SIZES
                .into_iter()
                .find(|size| size.to_string() == number)
                .ok_or_else(|| faulty("size", "A page has 20, 50 or 100 rows."))?,
        };
        let with_contents = match get("contents") {
            None => false,
            Some("yes") => true,
            Some(_) => return Err(faulty("contents", "This must be yes or left out.")),
        };
        let mut asked = Self {
            search,
            sort,
            is_descending,
            cursor,
            size,
            with_contents,
            periods: Vec::new(),
            flags: Vec::new(),
            words: Vec::new(),
            references: Vec::new(),
            values: BTreeMap::new(),
        };
        for Filter { name, kind, .. } in shape.filters {
            match kind {
                Choice::Period => asked.periods.push((name, read_period(name, get)?)),
                Choice::Flag => match get(name) {
                    None => {}
                    Some("yes") => asked.flags.push((name, true)),
                    Some("no") => asked.flags.push((name, false)),
                    Some(_) => return Err(faulty(name, "This must be yes or no.")),
                },
                Choice::Words(words) => match get(name) {
                    None => {}
                    Some(word) if words.contains(&word) => {
                        asked.words.push((name, word.to_owned()))
                    }
                    Some(_) => return Err(faulty(name, "There is no such choice.")),
                },
                Choice::Reference => {
                    let read =
                        |text| parse_uuid(text).ok_or_else(|| faulty(name, "This is no id."));
                    let id = get(name).map(read).transpose()?;
                    asked.references.extend(id.map(|id| (*name, id)));
                }
                Choice::Free => {
                    let word = get(name).map(short(name)).transpose()?;
                    asked.words.extend(word.map(|word| (*name, word)));
                }
            }
        }
        asked.values = values;
        Ok(asked)
    }

    /// What a [flag](Choice::Flag) must be.
    pub fn flag(&self, name: &str) -> Option<bool> {
        let mut flags = self.flags.iter();
        flags.find(|flag| flag.0 == name).map(|flag| flag.1)
    }

    /// What a [word](Choice::Words) must be.
    pub fn word(&self, name: &str) -> Option<&str> {
        let mut words = self.words.iter();
        words.find(|word| word.0 == name).map(|word| &*word.1)
    }

    /// Which object a [reference](Choice::Reference) names.
    pub fn reference(&self, name: &str) -> Option<Uuid> {
        let mut references = self.references.iter();
        let found = references.find(|reference| reference.0 == name);
        found.map(|reference| reference.1)
    }

    /// When something must have been.
    pub fn period(&self, name: &str) -> Period {
        let mut periods = self.periods.iter();
        let found = periods.find(|period| period.0 == name);
        found.map(|period| period.1).unwrap_or_default()
    }

    /// The value of a parameter as it was sent; empty if it was not.
    pub fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Whether anything narrows the list.
    pub fn is_narrowed(&self) -> bool {
        let is_timed = |(_, period): &(_, Period)| period.from.is_some() || period.to.is_some();
        self.search.is_some()
            || !self.flags.is_empty()
            || !self.words.is_empty()
            || !self.references.is_empty()
            || self.periods.iter().any(is_timed)
    }

    /// Between which places the list lies: where it is sorted by a time that is narrowed, there is no more to it.
    pub fn bounds(&self) -> (Place, Place) {
        let Period { from, to } = self.period(self.sort.name);
        let least = || Place::least(self.sort.kind);
        let greatest = || Place::greatest(self.sort.kind);
        (
            from.map_or_else(least, Place::at),
            to.map_or_else(greatest, Place::at),
        )
    }

    /// The query of an address that asks for the same, except for some parameters; empty ones are left out.
    pub fn query_with(&self, changes: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let is_changed = |name: &str| changes.iter().any(|change| change.0 == name);
        for (name, value) in &self.values {
            if !is_changed(name) {
                query.append_pair(name, value);
            }
        }
        for (name, value) in changes {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }
}

fn faulty(name: &str, text: &str) -> Refusal {
    Refusal::bad(format!("{name}: {text}"))
}

fn short(name: &str) -> impl Fn(&str) -> Result<String> {
    move |text| {
        if text.chars().count() > LONGEST {
            Err(faulty(name, "This is too long; at most 254 characters."))
        } else {
            Ok(text.to_owned())
        }
    }
}

/// Days and spans are those of UTC.
fn read_period<'a>(name: &str, get: impl Fn(&str) -> Option<&'a str>) -> Result<Period> {
    let day = |suffix: &str| {
        let name = format!("{name}_{suffix}");
        let read = |text: &str| {
            let day = text.parse::<NaiveDate>().ok();
            day.filter(|day| (1..=9998).contains(&day.year()))
                .ok_or_else(|| faulty(&name, "This must be a day, as in 2025-12-31."))
        };
        get(&name).map(read).transpose()
    };
    let start = |day: NaiveDate| day.and_time(Default::default()).and_utc();
    let mut period = Period {
        from: day("from")?.map(start),
        to: day("to")?
            .and_then(|day| day.checked_add_days(Days::new(1)))
            .map(start),
    };
    if let Some(span) = get(name) {
        let today = clock::now().date_naive();
        let begin = match span {
            "today" => Some(today),
            "week" => today.checked_sub_days(Days::new(6)),
            "month" => today.with_day(1),
            "year" => NaiveDate::from_yo_opt(today.year(), 1),
            _ => return Err(faulty(name, "There is no such choice.")),
        };
        period.from = period.from.max(begin.map(start));
    }
    Ok(period)
}

impl Cursor {
    /// The place.
    pub fn place(&self) -> &Place {
        match self {
            Self::After(place) | Self::Before(place) => place,
        }
    }
}

/// The greater of two places; which are of one kind.
pub fn later(one: Place, other: Place) -> Place {
    if one < other { other } else { one }
}

/// The lesser of two places; which are of one kind.
pub fn earlier(one: Place, other: Place) -> Place {
    if other < one { other } else { one }
}
