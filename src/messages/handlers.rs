//! Listing and reading messages.

use axum::Json;
use axum::extract::State;

use super::model::MessageBody;
use super::repository;
use crate::auth::CurrentUser;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::page::{List, Pages};
use crate::http::path::Id;

pub async fn list(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    pages: Pages,
) -> Result<Json<List<MessageBody>>> {
    pages
        .list(|slice| repository::list(&db, user.id, slice))
        .await
        .map(Json)
}

pub async fn show(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(id): Id,
) -> Result<Json<MessageBody>> {
    let message = repository::find(&db, user.id, id)
        .await?
        .ok_or(Error::NotFound)?;
    Ok(Json(message.into()))
}
