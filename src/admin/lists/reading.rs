//! Reading a part of a list.

use super::Model;
use super::asked::{Asked, Cursor, earlier, later};
use super::place::{Place, Placed, fetch};
use super::statements::Way;
use crate::db::{Db, Executor, FromRow, Query, Row};

/// A part of a list.
pub struct Part<T> {
    pub rows: Vec<Placed<T>>,
    /// Where the part before this one ends, if there may be one.
    pub previous: Option<Cursor>,
    /// Where the part behind this one begins, if there may be one.
    pub next: Option<Cursor>,
    /// How many rows were looked through, if the part ends because of that.
    pub is_cut: Option<i64>,
}

/// How many rows a list has.
pub struct Count {
    pub number: i64,
    pub extent: Extent,
}

/// Of what rows were counted.
pub enum Extent {
    All,
    /// Of the first so many that were looked through.
    First(i64),
    /// Of the first page, because counting more would take long.
    Page,
}

/// Reads the part of a list that is asked for.
pub async fn read<M: Model>(
    db: &Db,
    asked: &Asked,
    extra: &M::Extra,
    size: i64,
) -> sqlx::Result<Part<M::Row>> {
    let is_backward = matches!(asked.cursor, Some(Cursor::Before(_)));
    let is_down = asked.is_descending != is_backward;
    let (start, end) = ends(asked, is_down);
    let after = match &asked.cursor {
        None => start,
        Some(cursor) if is_down => earlier(cursor.place().clone(), start),
        Some(cursor) => later(cursor.place().clone(), start),
    };
    let way = way::<M>(asked, extra, is_down);
    let horizon = horizon::<M>(db, asked, extra, way, [&after, &end]).await?;
    let until = horizon.as_ref().unwrap_or(&end);
    let query = stretch(db.query(way.page), [&after, until], size + 1);
    let query = M::bind(asked, extra, M::bind_driver(asked, extra, query));
    let mut rows: Vec<Placed<M::Row>> = fetch(query, asked.sort.kind).await?;

    let size = usize::try_from(size).unwrap_or_default();
    let is_full = rows.len() > size;
    rows.truncate(size);
    let is_cut = M::scan(extra).filter(|_| !is_full && horizon.is_some());
    let place = |row: &Placed<M::Row>| row.place.clone();
    let further = if is_full {
        rows.last().map(place)
    } else {
        horizon
    };
    let back = asked.cursor.as_ref().and_then(|_| rows.first().map(place));
    let (previous, next) = if is_backward {
        rows.reverse();
        (further, back)
    } else {
        (back, further)
    };
    Ok(Part {
        rows,
        previous: previous.map(Cursor::Before),
        next: next.map(Cursor::After),
        is_cut,
    })
}

/// Counts the rows of a list, as far as they are looked through; `None` on other pages than the first, which has told it.
pub async fn count<M: Model>(
    db: &Db,
    asked: &Asked,
    extra: &M::Extra,
    part: &Part<M::Row>,
) -> sqlx::Result<Option<Count>> {
    if asked.cursor.is_some() {
        return Ok(None);
    }
    let of_first = |all: Option<i64>| all.map_or(Extent::All, Extent::First);
    let number = i64::try_from(part.rows.len()).unwrap_or_default();
    if part.next.is_none() || part.is_cut.is_some() {
        let extent = of_first(part.is_cut);
        return Ok(Some(Count { number, extent }));
    }
    if M::is_costly(extra) {
        let extent = Extent::Page;
        return Ok(Some(Count { number, extent }));
    }
    let (start, end) = ends(asked, asked.is_descending);
    let way = way::<M>(asked, extra, asked.is_descending);
    let horizon = horizon::<M>(db, asked, extra, way, [&start, &end]).await?;
    let looked_through = M::scan(extra).filter(|_| horizon.is_some());
    let extent = of_first(looked_through);
    if let Some(number) = looked_through.filter(|_| !asked.is_narrowed()) {
        return Ok(Some(Count { number, extent }));
    }
    let until = horizon.as_ref().unwrap_or(&end);
    let query = stretch(db.query(way.count), [&start, until], i64::from(i32::MAX));
    let query = M::bind(asked, extra, M::bind_driver(asked, extra, query));
    let Counted(number) = query.fetch_one().await?;
    Ok(Some(Count { number, extent }))
}

/// Where the list begins and where it ends, read in this direction.
fn ends(asked: &Asked, is_down: bool) -> (Place, Place) {
    let (least, greatest) = asked.bounds();
    if is_down {
        (greatest, least)
    } else {
        (least, greatest)
    }
}

fn way<M: Model>(asked: &Asked, extra: &M::Extra, is_down: bool) -> &'static Way {
    let statements = M::statements(asked, extra);
    if is_down {
        &statements.down
    } else {
        &statements.up
    }
}

/// The place up to which rows are looked through; `None` if that is the end.
async fn horizon<M: Model>(
    db: &Db,
    asked: &Asked,
    extra: &M::Extra,
    way: &Way,
    ends: [&Place; 2],
) -> sqlx::Result<Option<Place>> {
    let Some(scan) = M::scan(extra) else {
        return Ok(None);
    };
    let query = stretch(db.query(way.horizon), ends, scan - 1);
    let query = M::bind_driver(asked, extra, query);
    let found: Vec<Placed<Nothing>> = fetch(query, asked.sort.kind).await?;
    Ok(found.into_iter().next().map(|row| row.place))
}

/// Binds the first five parameters of every statement.
fn stretch<'c>(query: Query<'c>, [after, until]: [&Place; 2], limit: i64) -> Query<'c> {
    until.bind(after.bind(query)).bind(limit)
}

struct Nothing;

impl FromRow for Nothing {
    fn from_row(_: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self)
    }
}

struct Counted(i64);

impl FromRow for Counted {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("count").map(Self)
    }
}
