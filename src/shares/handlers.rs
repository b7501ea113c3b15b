//! Making, listing and revoking shares, and reading what is shared.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use uuid::Uuid;

use super::model::{NewShare, Share, SharePath, ShareWish, SharedConversation, Shares, Wish};
use super::repository;
use crate::auth::CurrentUser;
use crate::conversations::document::ConversationPath;
use crate::conversations::{self, Conversation};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::openapi::responses::BadWordedBody;
use crate::http::path::{Id, parse_uuid};
use crate::http::payload::Payload;
use crate::messages;

const TOO_MANY: Error = Error::Refused(
    StatusCode::BAD_REQUEST,
    "This conversation has 20 share links. Revoke one of them.",
);

/// Lists the links to a conversation that are good, newest first.
#[utoipa::path(
    get,
    path = "/api/conversations/{id}/share/",
    tag = "shares",
    params(ConversationPath),
    responses((status = 200, description = "The links.", body = Shares)),
)]
pub async fn list(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(id): Id,
) -> Result<Json<Shares>> {
    find_conversation(&db, user.id, id).await?;
    let results = repository::list(&db, user.id, id).await?;
    Ok(Json(Shares { results }))
}

/// Makes a link by which everybody can read a conversation as it is now.
///
/// A conversation can have 20 of them.
#[utoipa::path(
    post,
    path = "/api/conversations/{id}/share/",
    tag = "shares",
    params(ConversationPath),
    request_body = ShareWish,
    responses(
        (status = 201, description = "The link.", body = Share),
        (status = 400, response = BadWordedBody),
    ),
)]
pub async fn create(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(id): Id,
    payload: Payload,
) -> Result<(StatusCode, Json<Share>)> {
    let conversation = find_conversation(&db, user.id, id).await?;
    let wish = Wish::read(payload.fields().await?)?;
    let messages = messages::repository::list_of(&db, user.id, id).await?;
    repository::delete_expired(&db, user.id, id).await?;
    let share = repository::create(&db, user.id, NewShare::of(conversation, messages, wish))
        .await?
        .ok_or(TOO_MANY)?;
    Ok((StatusCode::CREATED, Json(share)))
}

/// Revokes a link.
#[utoipa::path(
    delete,
    path = "/api/conversations/{id}/share/{share}/",
    tag = "shares",
    params(ConversationPath, SharePath),
    responses((status = 204, description = "It is good no longer.")),
)]
pub async fn delete(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<StatusCode> {
    let Path((conversation, share)) = path.map_err(|_| Error::NotFound)?;
    let conversation = parse_uuid(&conversation).ok_or(Error::NotFound)?;
    let share = readable(share)?;
    match repository::delete(&db, user.id, conversation, Some(&share)).await? {
        0 => Err(Error::NotFound),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

/// Revokes all links to a conversation.
#[utoipa::path(
    delete,
    path = "/api/conversations/{id}/share/",
    tag = "shares",
    params(ConversationPath),
    responses((status = 204, description = "None is good any longer.")),
)]
pub async fn delete_all(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    Id(id): Id,
) -> Result<StatusCode> {
    find_conversation(&db, user.id, id).await?;
    repository::delete(&db, user.id, id, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows what a link leads to. Without a token.
///
/// Always the same, until the link is revoked or has expired. Neither caches nor search engines are to keep it.
#[utoipa::path(
    get,
    path = "/api/shared/{share}/",
    tag = "shares",
    params(SharePath),
    responses((
        status = 200,
        description = "The conversation as it was.",
        body = SharedConversation,
        headers(
            ("Cache-Control" = String, description = "Always `no-store`."),
            ("X-Robots-Tag" = String, description = "Always `noindex, nofollow`."),
        ),
    )),
)]
pub async fn show(
    State(db): State<Db>,
    path: Result<Path<String>, PathRejection>,
) -> impl IntoResponse {
    let shared = async {
        let Path(share) = path.map_err(|_| Error::NotFound)?;
        repository::find_shared(&db, &readable(share)?)
            .await?
            .ok_or(Error::NotFound)
    };
    let headers = [
        (CACHE_CONTROL.as_str(), "no-store"),
        ("x-robots-tag", "noindex, nofollow"),
        ("referrer-policy", "no-referrer"),
    ];
    (headers, shared.await.map(Json))
}

async fn find_conversation(db: &Db, owner: Uuid, id: Uuid) -> Result<Conversation> {
    conversations::repository::find(db, owner, id)
        .await?
        .ok_or(Error::NotFound)
}

/// The id of a share in a path. Postgres cannot be asked for U+0000, which is in none.
fn readable(share: String) -> Result<String> {
    if share.contains('\0') {
        Err(Error::NotFound)
    } else {
        Ok(share)
    }
}
