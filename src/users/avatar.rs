//! Uploading and removing one's picture.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tokio::time::timeout;

use super::account::Accounts;
use super::document::Upload;
use super::model::{UserBody, UserChanges};
use crate::auth::CurrentUser;
use crate::error::{Error, Result};
use crate::http::openapi::responses::RefusalBody;
use crate::http::origin::Origin;
use crate::http::payload::Payload;

/// The longest file, in bytes.
const MAX_BYTES: usize = 5 * 1024 * 1024;

/// How long sending it may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Uploads a picture, which takes the place of the one before.
#[utoipa::path(
    post,
    path = "/api/users/me/avatar/",
    tag = "users",
    operation_id = "upload_avatar",
    request_body(content = Upload, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The account with its new picture.", body = UserBody),
        (
            status = 408,
            description = "Sending the file took longer than a minute.",
            body = RefusalBody,
            example = json!({ "error": "The upload took longer than a minute." }),
        ),
    ),
)]
pub async fn upload(
    CurrentUser(user): CurrentUser,
    State(accounts): State<Accounts>,
    Origin(origin): Origin,
    payload: Payload,
) -> Result<Json<UserBody>> {
    const TOO_SLOW: Error = Error::Refused(
        StatusCode::REQUEST_TIMEOUT,
        "The upload took longer than a minute.",
    );
    let _permit = accounts.media.admit()?;
    let file = timeout(PATIENCE, payload.file(&["avatar", "file"], MAX_BYTES))
        .await
        .map_err(|_| TOO_SLOW)??;
    let pictures = accounts.media.pictures(file).await?;
    let user = accounts.set_avatar(user.id, pictures).await?;
    Ok(Json(UserBody::new(user, &origin)))
}

/// Takes one's picture away, whether it was uploaded or is an address elsewhere.
#[utoipa::path(
    delete,
    path = "/api/users/me/avatar/",
    tag = "users",
    operation_id = "remove_avatar",
    responses((status = 204, description = "There is no picture.")),
)]
pub async fn remove(
    CurrentUser(user): CurrentUser,
    State(accounts): State<Accounts>,
) -> Result<StatusCode> {
    let changes = UserChanges {
        avatar_url: Some(None),
        ..UserChanges::default()
    };
    accounts.update(user.id, changes).await?;
    Ok(StatusCode::NO_CONTENT)
}
