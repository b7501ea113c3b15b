//! Reading, changing and deleting one's own account. Everybody else's does not exist.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use uuid::Uuid;

use super::account::Accounts;
use super::document::{UserFields, UserId, UserPatch};
use super::model::{EMAIL_TAKEN, NAME, User, UserBody, UserChanges};
use super::repository;
use crate::auth::CurrentUser;
use crate::db::Page;
use crate::error::{Error, Result};
use crate::http::fields::{EMAIL, Form, URL};
use crate::http::openapi::responses::RefusalBody;
use crate::http::origin::Origin;
use crate::http::page::{List, PageParameters, Pages};
use crate::http::path::Id;
use crate::http::payload::Payload;

/// Lists the accounts that one sees: one's own.
#[utoipa::path(
    get,
    path = "/api/users/",
    tag = "users",
    params(PageParameters),
    responses((status = 200, description = "A page of accounts.", body = List<UserBody>)),
)]
pub async fn list(
    CurrentUser(user): CurrentUser,
    Origin(origin): Origin,
    pages: Pages,
) -> Result<Json<List<UserBody>>> {
    let only_me = |slice: crate::db::Slice| {
        let rows = if slice.offset == 0 {
            vec![UserBody::new(user.clone(), &origin)]
        } else {
            Vec::new()
        };
        std::future::ready(Ok(Page { total: 1, rows }))
    };
    pages.list(only_me).await.map(Json)
}

/// Shows one's own account.
#[utoipa::path(
    get,
    path = "/api/users/me/",
    tag = "users",
    responses((status = 200, description = "The caller's account.", body = UserBody)),
)]
pub async fn show_me(CurrentUser(user): CurrentUser, Origin(origin): Origin) -> Json<UserBody> {
    Json(UserBody::new(user, &origin))
}

/// Replaces one's address, name and picture.
#[utoipa::path(
    put,
    path = "/api/users/me/",
    tag = "users",
    request_body = UserFields,
    responses((status = 200, description = "The account as it is now.", body = UserBody)),
)]
pub async fn replace_me(
    CurrentUser(user): CurrentUser,
    State(accounts): State<Accounts>,
    Origin(origin): Origin,
    payload: Payload,
) -> Result<Json<UserBody>> {
    save(user, accounts, origin, payload, true).await
}

/// Changes one's address, name or picture.
#[utoipa::path(
    patch,
    path = "/api/users/me/",
    tag = "users",
    request_body = UserPatch,
    responses((status = 200, description = "The account as it is now.", body = UserBody)),
)]
pub async fn update_me(
    CurrentUser(user): CurrentUser,
    State(accounts): State<Accounts>,
    Origin(origin): Origin,
    payload: Payload,
) -> Result<Json<UserBody>> {
    save(user, accounts, origin, payload, false).await
}

/// Shows one's own account by its id.
#[utoipa::path(
    get,
    path = "/api/users/{id}/",
    tag = "users",
    params(UserId),
    responses((status = 200, description = "The account as it is now.", body = UserBody)),
)]
pub async fn show(
    CurrentUser(user): CurrentUser,
    Id(id): Id,
    Origin(origin): Origin,
) -> Result<Json<UserBody>> {
    Ok(Json(UserBody::new(myself(user, id)?, &origin)))
}

/// Replaces one's address, name and picture, by the account's id.
#[utoipa::path(
    put,
    path = "/api/users/{id}/",
    tag = "users",
    params(UserId),
    request_body = UserFields,
    responses((status = 200, description = "The account as it is now.", body = UserBody)),
)]
pub async fn replace(
    CurrentUser(user): CurrentUser,
    Id(id): Id,
    State(accounts): State<Accounts>,
    Origin(origin): Origin,
    payload: Payload,
) -> Result<Json<UserBody>> {
    save(myself(user, id)?, accounts, origin, payload, true).await
}

/// Changes one's address, name or picture, by the account's id.
#[utoipa::path(
    patch,
    path = "/api/users/{id}/",
    tag = "users",
    params(UserId),
    request_body = UserPatch,
    responses((status = 200, description = "The account as it is now.", body = UserBody)),
)]
pub async fn update(
    CurrentUser(user): CurrentUser,
    Id(id): Id,
    State(accounts): State<Accounts>,
    Origin(origin): Origin,
    payload: Payload,
) -> Result<Json<UserBody>> {
    save(myself(user, id)?, accounts, origin, payload, false).await
}

/// Deletes one's own account and all that is in it.
#[utoipa::path(
    delete,
    path = "/api/users/{id}/",
    tag = "users",
    params(UserId),
    responses(
        (status = 204, description = "The account is gone."),
        (status = 409, description = "One is the last superuser.", body = RefusalBody),
    ),
)]
pub async fn delete(
    CurrentUser(user): CurrentUser,
    Id(id): Id,
    State(accounts): State<Accounts>,
) -> Result<StatusCode> {
    accounts.delete(myself(user, id)?.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn myself(user: User, id: Uuid) -> Result<User> {
    if user.id == id {
        Ok(user)
    } else {
        Err(Error::NotFound)
    }
}

/// Writes what was sent; PUT also wants what is required to be there.
async fn save(
    user: User,
    accounts: Accounts,
    origin: String,
    payload: Payload,
    is_put: bool,
) -> Result<Json<UserBody>> {
    let mut form = Form::new(payload.fields().await?);
    let changes = UserChanges {
        email: form.field("email", &EMAIL, is_put),
        name: form.field("name", &NAME, is_put),
        avatar_url: form
            .nullable("avatar_url", &URL)
            // Clients send back what they were shown.
            .filter(|url| !url.as_deref().is_some_and(|url| user.shows(url, &origin))),
    };
    if let Some(email) = &changes.email
        && repository::is_email_taken(&accounts.db, email, Some(user.id)).await?
    {
        form.reject("email", EMAIL_TAKEN);
    }
    form.finish()?;
    let user = accounts.update(user.id, changes).await?;
    Ok(Json(UserBody::new(user, &origin)))
}
