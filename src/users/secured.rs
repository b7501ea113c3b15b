//! Changes that want the password again: a token alone, left behind on somebody's computer, is not enough for them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use uuid::Uuid;

use super::account::Accounts;
use super::document::{Deletion, EmailChange, PasswordChange};
use super::model::{EMAIL_TAKEN, UserBody, UserChanges, normalize_email};
use super::repository;
use crate::auth::password::{MAX_LENGTH, Verdict};
use crate::auth::{CurrentUser, PASSWORD, Passwords, Session, Tokens};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::fields::{EMAIL, Form, Text};
use crate::http::openapi::responses::RefusalBody;
use crate::http::origin::Origin;
use crate::http::payload::Payload;
use crate::limits::Limits;

/// The rule for a password that is there already.
pub const CURRENT_PASSWORD: Text = Text {
    keeps_space: true,
    ..Text::new(MAX_LENGTH)
};

/// What is wrong with a password that is not.
pub const WRONG_PASSWORD: &str = "This is not your password.";

/// Changes one's password. Ends all tokens that were issued so far, and issues new ones to whoever changed the password.
#[utoipa::path(
    post,
    path = "/api/users/me/password/",
    tag = "users",
    request_body = PasswordChange,
    responses((status = 200, description = "The new tokens.", body = Session)),
)]
pub async fn change_password(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    State(passwords): State<Passwords>,
    State(limits): State<Limits>,
    State(tokens): State<Tokens>,
    Origin(origin): Origin,
    payload: Payload,
) -> Result<Json<Session>> {
    const FIELD: &str = "old_password";
    let mut form = Form::new(payload.fields().await?);
    let old = form.required(FIELD, &CURRENT_PASSWORD);
    let new = form.required("new_password", &PASSWORD);
    let (old, new) = form.complete(old.zip(new))?;

    let old = confirm(&db, &passwords, &limits, user.id, FIELD, old).await?;
    let new = passwords.hash(SecretString::from(new)).await?;
    let user = repository::change_password(&db, user.id, &old, &new)
        .await?
        // Somebody else was quicker.
        .ok_or_else(|| Error::field(FIELD, WRONG_PASSWORD))?;
    Session::start(&tokens, user, &origin).map(Json)
}

/// Changes one's address.
#[utoipa::path(
    post,
    path = "/api/users/me/email/",
    tag = "users",
    request_body = EmailChange,
    responses((status = 200, description = "The account as it is now.", body = UserBody)),
)]
pub async fn change_email(
    CurrentUser(user): CurrentUser,
    State(accounts): State<Accounts>,
    State(passwords): State<Passwords>,
    State(limits): State<Limits>,
    Origin(origin): Origin,
    payload: Payload,
) -> Result<Json<UserBody>> {
    const FIELD: &str = "password";
    let mut form = Form::new(payload.fields().await?);
    let email = form.required("email", &EMAIL);
    let password = form.required(FIELD, &CURRENT_PASSWORD);
    let (email, password) = form.complete(email.zip(password))?;

    confirm(&accounts.db, &passwords, &limits, user.id, FIELD, password).await?;
    let email = normalize_email(&email);
    if repository::is_email_taken(&accounts.db, &email, Some(user.id)).await? {
        return Err(Error::field("email", EMAIL_TAKEN));
    }
    let changes = UserChanges {
        email: Some(email),
        ..UserChanges::default()
    };
    let user = accounts.update(user.id, changes).await?;
    Ok(Json(UserBody::new(user, &origin)))
}

/// Deletes one's account and all that is in it.
#[utoipa::path(
    post,
    path = "/api/users/me/delete/",
    tag = "users",
    request_body = Deletion,
    responses(
        (status = 204, description = "The account is gone."),
        (status = 409, description = "One is the last superuser.", body = RefusalBody),
    ),
)]
pub async fn delete_account(
    CurrentUser(user): CurrentUser,
    State(accounts): State<Accounts>,
    State(passwords): State<Passwords>,
    State(limits): State<Limits>,
    payload: Payload,
) -> Result<StatusCode> {
    const FIELD: &str = "password";
    let mut form = Form::new(payload.fields().await?);
    let password = form.required(FIELD, &CURRENT_PASSWORD);
    let password = form.complete(password)?;

    confirm(&accounts.db, &passwords, &limits, user.id, FIELD, password).await?;
    accounts.delete(user.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Checks that a password is the user's; returns its hash.
///
/// # Errors
/// It is not, which is told as an error of `field`, or there were too many wrong ones.
pub async fn confirm(
    db: &Db,
    passwords: &Passwords,
    limits: &Limits,
    user: Uuid,
    field: &'static str,
    password: String,
) -> Result<String> {
    let stored = repository::find_password(db, user)
        .await?
        .ok_or(Error::BadToken)?;
    let attempt = limits.confirmation(user)?;
    match passwords
        .attempt(attempt, password.into(), Some(&stored))
        .await?
    {
        Verdict::Right { .. } => Ok(stored),
        Verdict::Wrong => Err(Error::field(field, WRONG_PASSWORD)),
    }
}
