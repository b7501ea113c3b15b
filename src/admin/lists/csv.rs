//! Lists as CSV, read part by part while they are sent.

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;

use super::reading::read;
use super::{Asked, Model};
use crate::clock;
use crate::db::Db;

/// How many rows are read at a time.
const ROWS: i64 = 500;

/// The whole list from its beginning, and the names of its columns before it.
pub fn csv<M: Model>(db: Db, mut asked: Asked, extra: M::Extra) -> Response {
    asked.cursor = None;
    let first = Some((db, asked, extra));
    let lines = try_unfold((first, true), async |(rest, is_first)| {
        let Some((db, mut asked, extra)) = rest else {
            return Ok::<_, Box<dyn std::error::Error + Send + Sync>>(None);
        };
        let part = read::<M>(&db, &asked, &extra, ROWS).await?;
        let mut writer = csv::Writer::from_writer(Vec::new());
        if is_first {
            let labels = M::columns(&asked).iter().map(|column| column.label);
            writer.write_record(["id"].into_iter().chain(labels))?;
        }
        for row in &part.rows {
            let shown = M::show(&row.row, &asked);
            let cells = shown.cells.iter().map(|cell| cell.plain());
            writer.write_record([row.place.id.to_string()].into_iter().chain(cells))?;
        }
        let bytes = Bytes::from(writer.into_inner().map_err(|error| error.into_error())?);
        asked.cursor = part.next;
        let rest = asked.cursor.is_some().then_some((db, asked, extra));
        Ok(Some((bytes, (rest, false))))
    });
    let day = clock::now().format("%Y-%m-%d");
    let name = format!("attachment; filename=\"{}-{day}.csv\"", M::NAMES.many);
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, name),
    ];
    (headers, Body::from_stream(lines)).into_response()
}
