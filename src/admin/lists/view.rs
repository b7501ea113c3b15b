//! A list as its page shows it.

use askama::Template;
use chrono::{DateTime, SecondsFormat, Utc};

use super::asked::{Asked, Choice, Cursor, SIZES, SPANS};
use super::bulk::Chosen;
use super::deletion::Preview;
use super::reading::{Count, Extent, Part};
use super::{Action, Model, Names};
use crate::admin::page::{Frame, Section, filters};
use crate::admin::staff::Staff;

/// A row as it is shown.
pub struct Shown {
    pub chosen: Chosen,
    /// In the order of the columns. The first one leads to the object's page.
    pub cells: Vec<Cell>,
}

/// A value in a list.
pub enum Cell {
    Text(String),
    Flag(bool),
    Number(Option<i32>),
    Time(DateTime<Utc>),
}

impl Cell {
    /// The value in CSV. What a spreadsheet would take for a formula is marked as text.
    pub fn plain(&self) -> String {
        match self {
            Self::Text(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => {
                format!("'{text}")
            }
            Self::Text(text) => text.clone(),
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.map(|number| number.to_string()).unwrap_or_default(),
            Self::Time(time) => time.to_rfc3339_opts(SecondsFormat::Micros, true),
        }
    }
}

/// The head of a column.
pub struct Head {
    label: &'static str,
    /// The list sorted by it, if it can be.
    href: Option<String>,
    /// `ascending` or `descending`, if the list is sorted by it.
    order: Option<&'static str>,
}

/// A field by which the list can be narrowed.
pub struct Field {
    name: String,
    label: String,
    kind: FieldKind,
}

pub enum FieldKind {
    /// Values, what they are called, and whether they are selected.
    Select(Vec<(String, String, bool)>),
    /// The type of the input, and its value.
    Input(&'static str, String),
}

#[derive(Template)]
#[template(path = "lists/list.html")]
pub struct ListPage {
    frame: Frame,
    path: &'static str,
    names: Names,
    search: String,
    sort: String,
    query: String,
    fields: Vec<Field>,
    heads: Vec<Head>,
    rows: Vec<Shown>,
    count: String,
    /// How many rows were looked through without filling the page.
    looked_through: Option<i64>,
    first: Option<String>,
    previous: Option<String>,
    next: Option<String>,
    csv: String,
    actions: &'static [Action],
    /// Whether who sees the page may have contents, and whether they are shown.
    may_read: bool,
    with_contents: bool,
}

impl ListPage {
    pub fn new<M: Model>(
        staff: &Staff,
        asked: &Asked,
        part: &Part<M::Row>,
        count: Option<&Count>,
    ) -> Self {
        let at = |query: String| {
            let mark = if query.is_empty() { "" } else { "?" };
            format!("{}{mark}{query}", M::PATH)
        };
        let turn = |cursor: &Cursor| {
            at(match cursor {
                Cursor::After(place) => {
                    asked.query_with(&[("after", &place.encode()), ("before", "")])
                }
                Cursor::Before(place) => {
                    asked.query_with(&[("before", &place.encode()), ("after", "")])
                }
            })
        };
        let from_start = [("after", ""), ("before", "")];
        let heads = M::columns(asked).iter().map(|column| {
            let is_sorted = column.sort.is_some_and(|sort| sort.name == asked.sort.name);
            let is_down = is_sorted && asked.is_descending;
            let href = column.sort.map(|sort| {
                let minus = if is_sorted && !is_down { "-" } else { "" };
                let order = format!("{minus}{}", sort.name);
                at(asked.query_with(&[("sort", &order), ("after", ""), ("before", "")]))
            });
            Head {
                label: column.label,
                href,
                order: is_sorted.then_some(if is_down { "descending" } else { "ascending" }),
            }
        });
        Self {
            frame: staff.frame(M::SECTION),
            path: M::PATH,
            names: M::NAMES,
            search: asked.search.clone().unwrap_or_default(),
            sort: asked.value("sort").to_owned(),
            query: asked.query_with(&[]),
            fields: fields::<M>(asked),
            heads: heads.collect(),
            rows: part
                .rows
                .iter()
                .map(|row| M::show(&row.row, asked))
                .collect(),
            count: count.map_or_else(
                || format!("{}, continued", M::NAMES.heading),
                |count| sentence::<M>(asked, count),
            ),
            looked_through: part.is_cut,
            first: asked
                .cursor
                .is_some()
                .then(|| at(asked.query_with(&from_start))),
            previous: part.previous.as_ref().map(turn),
            next: part.next.as_ref().map(turn),
            csv: format!("{}csv/?{}", M::PATH, asked.query_with(&from_start)),
            actions: M::ACTIONS,
            may_read: M::NAMES.has_contents && staff.may_read_messages(),
            with_contents: asked.with_contents,
        }
    }
}

fn fields<M: Model>(asked: &Asked) -> Vec<Field> {
    let mut fields = Vec::new();
    for filter in M::SHAPE.filters {
        let value = asked.value(filter.name);
        let option = |name: &str, label: &str| (name.to_owned(), label.to_owned(), name == value);
        let any = [option("", "Any")].into_iter();
        let kind = match filter.kind {
            Choice::Flag => FieldKind::Select(
                any.chain([option("yes", "Yes"), option("no", "No")])
                    .collect(),
            ),
            Choice::Words(words) => FieldKind::Select(
                any.chain(words.iter().map(|word| option(word, word)))
                    .collect(),
            ),
            Choice::Free | Choice::Reference => FieldKind::Input("text", value.to_owned()),
            Choice::Period => {
                let spans = SPANS.iter().map(|(name, label)| option(name, label));
                FieldKind::Select(any.chain(spans).collect())
            }
        };
        fields.push(Field {
            name: filter.name.to_owned(),
            label: filter.label.to_owned(),
            kind,
        });
        if matches!(filter.kind, Choice::Period) {
            for (suffix, word) in [("from", "from"), ("to", "up to")] {
                let name = format!("{}_{suffix}", filter.name);
                fields.push(Field {
                    kind: FieldKind::Input("date", asked.value(&name).to_owned()),
                    label: format!("{} {word}", filter.label),
                    name,
                });
            }
        }
    }
    let sizes = SIZES.map(|size| {
        let size = size.to_string();
        let is_chosen = size == asked.size.to_string();
        (size.clone(), size, is_chosen)
    });
    fields.push(Field {
        name: "size".to_owned(),
        label: "Rows".to_owned(),
        kind: FieldKind::Select(sizes.into()),
    });
    fields
}

/// How many rows there are, as far as that is known.
fn sentence<M: Model>(asked: &Asked, count: &Count) -> String {
    let number = count.number;
    let noun = if number == 1 {
        M::NAMES.one
    } else {
        M::NAMES.many
    };
    match count.extent {
        Extent::All => format!("{number} {noun}"),
        Extent::Page => format!("More than {number} {noun}"),
        Extent::First(_) if !asked.is_narrowed() => format!("More than {number} {noun}"),
        Extent::First(all) if number == 0 => format!("No {noun} among the first {all}"),
        Extent::First(all) => {
            format!("At least {number} {noun}: so many are among the first {all}")
        }
    }
}

/// The page that asks whether objects are to be deleted.
#[derive(Template)]
#[template(path = "lists/delete.html")]
pub struct DeletePage {
    pub frame: Frame,
    pub path: &'static str,
    pub names: Names,
    pub chosen: Vec<Chosen>,
    pub preview: Preview,
    /// The query of the list to go back to.
    pub back: String,
}
