//! Searching.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use tokio::task::{JoinError, spawn_blocking};

use super::model::{Found, Results, Search, SearchParameters};
use super::ranking::{fit, page};
use super::repository;
use super::snippet::snippet;
use crate::auth::CurrentUser;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::openapi::responses::BodyErrors;

/// Finds messages and titles by their words.
///
/// Found are one's own messages that are shown, answers once they have ended, and titles that were chosen. The newest 200
/// matches come first, ranked; then the 200 before those, and so on until `next` is null. Empty parameters count as
/// absent.
#[utoipa::path(
    get,
    path = "/api/search/",
    tag = "search",
    params(SearchParameters),
    responses(
        (status = 200, description = "A page of results.", body = Results),
        (status = 400, description = "A parameter is not good.", body = BodyErrors),
    ),
)]
pub async fn search(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    uri: Uri,
) -> Result<Json<Results>> {
    let Search {
        query,
        filters,
        limit,
        cursor,
    } = Search::read(uri.query().unwrap_or_default())?;
    let matches = repository::newest_matches(&db, user.id, &query, &filters, cursor.high).await?;
    // Hundreds of texts are read through, which would hold up other requests.
    let ((mut ranked, next), query) =
        spawn_blocking(move || (page(&query, matches, cursor, limit), query))
            .await
            .map_err(on_panic)?;

    // Their words are further on than what was read of them.
    let hidden: Vec<_> = ranked
        .iter()
        .filter(|(_, fit)| fit.hits.is_empty())
        .filter_map(|(found, _)| found.message_id)
        .collect();
    if !hidden.is_empty() {
        let mut texts = repository::indexed_texts(&db, user.id, &hidden).await?;
        for (found, _) in &mut ranked {
            if let Some(text) = found.message_id.and_then(|id| texts.remove(&id)) {
                found.text = text;
            }
        }
    }
    let results = spawn_blocking(move || {
        let shown = ranked.into_iter().map(|(found, ranking)| {
            let hits = if ranking.hits.is_empty() {
                fit(&query, &found.text).hits
            } else {
                ranking.hits
            };
            let snippet = snippet(&found.text, &hits);
            Found::new(found, snippet, ranking.score)
        });
        shown.collect()
    })
    .await
    .map_err(on_panic)?;
    Ok(Json(Results { results, next }))
}

fn on_panic(error: JoinError) -> Error {
    Error::Internal(error.into())
}
