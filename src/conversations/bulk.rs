//! Deleting many conversations at once.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::document::DeletedIds;
use super::repository;
use crate::auth::CurrentUser;
use crate::db::Db;
use crate::error::Result;
use crate::http::fields::{Form, List, Reference};
use crate::http::payload::Payload;
use crate::live::{self, Hub};

/// How many conversations were there to delete.
#[derive(Serialize, ToSchema)]
pub struct Deleted {
    deleted: u64,
}

/// Deletes many conversations in one step.
///
/// Answers that are being written in them are stopped. Ids that name nothing of the user's are passed over.
#[utoipa::path(
    post,
    path = "/api/conversations/bulk_delete/",
    tag = "conversations",
    request_body = DeletedIds,
    responses((status = 200, description = "How many were there.", body = Deleted)),
)]
pub async fn bulk_delete(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    State(live): State<Hub>,
    payload: Payload,
) -> Result<Json<Deleted>> {
    const IDS: List<Reference> = List {
        item: Reference,
        min: 1,
        max: 500,
    };
    let mut form = Form::new(payload.fields().await?);
    let ids = form.required("ids", &IDS);
    let ids = form.complete(ids)?;
    let deleted = repository::delete_all(&db, user.id, &ids).await?;
    live::stop_deleted(&db, &live, user.id).await;
    Ok(Json(Deleted { deleted }))
}
