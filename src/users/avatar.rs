//! Uploading and removing one's picture.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tokio::time::timeout;

use super::account::Accounts;
use super::model::{UserBody, UserChanges};
use crate::auth::CurrentUser;
use crate::error::{Error, Result};
use crate::http::origin::Origin;
use crate::http::payload::Payload;

/// The longest file, in bytes.
const MAX_BYTES: usize = 5 * 1024 * 1024;

/// How long sending it may take.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// Whether it was uploaded or is an address elsewhere.
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
