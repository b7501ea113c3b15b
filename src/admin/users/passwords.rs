//! New passwords: set by staff, or by the user with a link from staff.

use std::time::Duration;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use uuid::Uuid;

use super::administrators;
use super::handlers::{find, path};
use super::model::Account;
use super::repository::{self, LinkOwner, NewLink};
use crate::admin::audit::{self, Entry};
use crate::admin::page::{Frame, Page, Section, filters, go};
use crate::admin::refusal::{Refusal, Result};
use crate::admin::secret::Secret;
use crate::admin::staff::{Staff, address};
use crate::admin::submission::{Errors, STRANGERS_LIMIT, Submission};
use crate::app::App;
use crate::auth::PASSWORD;
use crate::clock;
use crate::db::Tx;
use crate::error::Error;
use crate::http::fields::Form;
use crate::http::origin::Origin;
use crate::http::path::{Id, query_value};
use crate::users;

/// How long a link is good.
const LINK_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Template)]
#[template(path = "users/password.html")]
struct PasswordPage {
    frame: Frame,
    account: Account,
    errors: Errors,
}

pub async fn password_page(
    State(app): State<App>,
    staff: Staff,
    Id(id): Id,
) -> Result<impl IntoResponse> {
    Ok(Page(PasswordPage {
        frame: staff.frame(Section::Users),
        account: find(&app, id).await?,
        errors: Errors::default(),
    }))
}

pub async fn set_password(
    State(app): State<App>,
    staff: Staff,
    Id(id): Id,
    submission: Submission,
) -> Result<Response> {
    let account = find(&app, id).await?;
    let password = match new_password(&submission) {
        Ok(password) => password,
        Err(errors) => {
            let page = PasswordPage {
                frame: staff.frame(Section::Users),
                account,
                errors,
            };
            return Ok((StatusCode::BAD_REQUEST, Page(page)).into_response());
        }
    };
    let hash = app.passwords.hash(password).await?;
    let mut tx = app.db.begin().await?;
    let account = lock(&mut tx, &staff, id).await?;
    users::repository::set_password(&mut tx, &account.email, &hash).await?;
    repository::end_credentials(&mut tx, id).await?;
    audit::write(
        &mut tx,
        staff.entry("user.set_password", account.as_object()),
    )
    .await?;
    tx.commit().await?;
    let done = "The password is set. The tokens and sessions of the account have ended.";
    Ok(go(&path(id), done))
}

/// The account, which `staff` may touch, for the rest of the transaction.
async fn lock(tx: &mut Tx, staff: &Staff, id: Uuid) -> Result<Account> {
    let administrators = administrators::lock(tx).await?;
    let account = repository::lock(tx, id)
        .await?
        .ok_or_else(Refusal::not_found)?;
    administrators.may_touch(staff, &account)?;
    Ok(account)
}

fn new_password(submission: &Submission) -> Result<SecretString, Errors> {
    let mut form = submission.form();
    let password = read_new_password(&mut form, submission);
    match form.complete(password) {
        Ok(password) => Ok(password),
        Err(Error::Invalid(errors)) => Err(Errors(errors)),
        Err(_) => Err(Errors::default()),
    }
}

/// A password that was typed twice.
pub fn read_new_password(form: &mut Form, submission: &Submission) -> Option<SecretString> {
    let password = form.required("password", &PASSWORD)?;
    if password != submission.get("again") {
        form.reject("again", "The two passwords are not the same.");
    }
    Some(password.into())
}

#[derive(Template)]
#[template(path = "users/link.html")]
struct LinkPage {
    frame: Frame,
    account: Account,
    link: String,
    expires_at: DateTime<Utc>,
}

pub async fn issue_link(
    State(app): State<App>,
    staff: Staff,
    Id(id): Id,
    Origin(origin): Origin,
) -> Result<impl IntoResponse> {
    let secret = Secret::new();
    let expires_at = clock::now() + LINK_LIFETIME;
    let mut tx = app.db.begin().await?;
    let account = lock(&mut tx, &staff, id).await?;
    if !account.is_active {
        return Err(Refusal::bad("The account is closed. Open it first."));
    }
    let link = NewLink {
        digest: secret.digest(),
        created_by: staff.id(),
        expires_at,
    };
    repository::replace_link(&mut tx, &account, link).await?;
    audit::write(
        &mut tx,
        staff.entry("user.issue_reset_link", account.as_object()),
    )
    .await?;
    tx.commit().await?;
    Ok(Page(LinkPage {
        frame: staff.frame(Section::Users),
        account,
        // In the query, which no log of ours repeats.
        link: format!("{origin}/admin/reset/?token={}", secret.expose()),
        expires_at,
    }))
}

#[derive(Template)]
#[template(path = "users/reset.html")]
struct ResetPage {
    frame: Frame,
    email: String,
    token: String,
    errors: Errors,
    is_done: bool,
}

pub async fn reset_page(State(app): State<App>, request: Request) -> Result<impl IntoResponse> {
    let token = query_value(request.uri(), "token").unwrap_or_default();
    let (secret, owner) = owner(&app, &token).await?;
    Ok(Page(ResetPage {
        frame: Frame::outside(None),
        email: owner.email,
        token: secret.expose().to_owned(),
        errors: Errors::default(),
        is_done: false,
    }))
}

/// The secret in the form protects it: no other site's page knows it.
pub async fn reset(State(app): State<App>, request: Request) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let submission = Submission::read(&parts.headers, body, STRANGERS_LIMIT).await?;
    let (secret, owner) = owner(&app, submission.get("token")).await?;
    let page = |errors, is_done| {
        Page(ResetPage {
            frame: Frame::outside(None),
            email: owner.email.clone(),
            token: secret.expose().to_owned(),
            errors,
            is_done,
        })
    };
    let password = match new_password(&submission) {
        Ok(password) => password,
        Err(errors) => return Ok((StatusCode::BAD_REQUEST, page(errors, false)).into_response()),
    };
    let hash = app.passwords.hash(password).await?;
    let mut tx = app.db.begin().await?;
    let account = repository::lock(&mut tx, owner.id).await?;
    // Now that nobody changes the account any more: the link is still good, and this is its only use.
    let is_good = repository::find_link(&mut tx, &secret.digest())
        .await?
        .is_some()
        && repository::use_link(&mut tx, &secret.digest()).await?;
    let account = account.filter(|_| is_good).ok_or_else(worn_out)?;
    users::repository::set_password(&mut tx, &account.email, &hash).await?;
    repository::end_credentials(&mut tx, account.id).await?;
    let actor = (account.id, account.email.clone());
    let address = address(&parts.headers, &parts.extensions, &app.config);
    let entry = Entry::new(actor, address, "user.reset_password", account.as_object());
    audit::write(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(page(Errors::default(), true).into_response())
}

/// Whose link has this token.
async fn owner(app: &App, token: &str) -> Result<(Secret, LinkOwner)> {
    let secret = Secret::shown(token).ok_or_else(worn_out)?;
    let owner = repository::find_link(&app.db, &secret.digest()).await?;
    Ok((secret, owner.ok_or_else(worn_out)?))
}

fn worn_out() -> Refusal {
    let text = "This link is not good any more: it was used, replaced by a newer one, or is older than a day. Ask for a new one.";
    Refusal::new(StatusCode::NOT_FOUND, text)
}
