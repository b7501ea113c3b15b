//! Reading, changing and deleting one's own account. Everybody else's does not exist.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use uuid::Uuid;

use super::model::{EMAIL_TAKEN, NAME, User, UserBody, UserChanges};
use super::repository;
use crate::auth::CurrentUser;
use crate::db::{Db, Page};
use crate::error::{Error, Result};
use crate::http::fields::{EMAIL, Form, URL};
use crate::http::page::{List, Pages};
use crate::http::path::Id;
use crate::http::payload::Payload;

pub async fn list(CurrentUser(user): CurrentUser, pages: Pages) -> Result<Json<List<UserBody>>> {
    let only_me = |slice: crate::db::Slice| {
        let rows = if slice.offset == 0 {
            vec![user.clone()]
        } else {
            Vec::new()
        };
        std::future::ready(Ok(Page { total: 1, rows }))
    };
    pages.list(only_me).await.map(Json)
}

pub async fn show_me(CurrentUser(user): CurrentUser) -> Json<UserBody> {
    Json(user.into())
}

pub async fn replace_me(
    user: CurrentUser,
    State(db): State<Db>,
    payload: Payload,
) -> Result<Json<UserBody>> {
    save(user.0, &db, payload, true).await
}

pub async fn update_me(
    user: CurrentUser,
    State(db): State<Db>,
    payload: Payload,
) -> Result<Json<UserBody>> {
    save(user.0, &db, payload, false).await
}

pub async fn show(CurrentUser(user): CurrentUser, Id(id): Id) -> Result<Json<UserBody>> {
    myself(user, id).map(UserBody::from).map(Json)
}

pub async fn replace(
    CurrentUser(user): CurrentUser,
    Id(id): Id,
    State(db): State<Db>,
    payload: Payload,
) -> Result<Json<UserBody>> {
    save(myself(user, id)?, &db, payload, true).await
}

pub async fn update(
    CurrentUser(user): CurrentUser,
    Id(id): Id,
    State(db): State<Db>,
    payload: Payload,
) -> Result<Json<UserBody>> {
    save(myself(user, id)?, &db, payload, false).await
}

pub async fn delete(
    CurrentUser(user): CurrentUser,
    Id(id): Id,
    State(db): State<Db>,
) -> Result<StatusCode> {
    repository::delete(&db, myself(user, id)?.id).await?;
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
async fn save(user: User, db: &Db, payload: Payload, is_put: bool) -> Result<Json<UserBody>> {
    let mut form = Form::new(payload.fields().await?);
    let changes = UserChanges {
        email: form.field("email", &EMAIL, is_put),
        name: form.field("name", &NAME, is_put),
        avatar_url: form.nullable("avatar_url", &URL),
    };
    if let Some(email) = &changes.email
        && repository::is_email_taken(db, email, Some(user.id)).await?
    {
        form.reject("email", EMAIL_TAKEN);
    }
    form.finish()?;
    let user = repository::update(db, user.id, changes)
        .await?
        .ok_or(Error::NotFound)?;
    Ok(Json(user.into()))
}
