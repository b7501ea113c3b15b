//! The page of an account, and what can be changed there.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use uuid::Uuid;

use super::model::{Account, Counts};
use super::{administrators, repository};
use crate::admin::audit::{self, Record};
use crate::admin::page::{Frame, Page, Section, filters, go};
use crate::admin::refusal::{Refusal, Result};
use crate::admin::sessions::{self, Session};
use crate::admin::staff::Staff;
use crate::admin::submission::{Errors, Submission};
use crate::app::App;
use crate::auth::PASSWORD;
use crate::db::Tx;
use crate::error::Error;
use crate::http::fields::EMAIL;
use crate::http::path::Id;
use crate::users::{self, EMAIL_TAKEN, NAME, NewUser};

#[derive(Template)]
#[template(path = "users/show.html")]
struct ShowPage {
    frame: Frame,
    /// As it is stored.
    account: Account,
    /// As the form shows it.
    form: Account,
    errors: Errors,
    counts: Counts,
    sessions: Vec<Session>,
    records: Vec<Record>,
    /// Whether whoever looks may change anything.
    may_touch: bool,
    /// Whether they may change rights.
    may_grant: bool,
    is_own: bool,
}

impl ShowPage {
    async fn new(app: &App, staff: &Staff, account: Account) -> Result<Self> {
        let sessions = if account.is_staff && staff.is_superuser() {
            sessions::repository::list(&app.db, account.id).await?
        } else {
            Vec::new()
        };
        Ok(Self {
            form: account.clone(),
            errors: Errors::default(),
            counts: repository::count(&app.db, account.id).await?,
            sessions,
            records: audit::of_object(&app.db, account.id).await?,
            may_touch: staff.is_superuser() || !account.is_privileged(),
            may_grant: staff.is_superuser(),
            is_own: account.id == staff.id(),
            frame: staff.frame(Section::Users),
            account,
        })
    }
}

/// The path of an account's page.
pub fn path(id: Uuid) -> String {
    format!("/admin/users/{id}/")
}

pub async fn show(State(app): State<App>, staff: Staff, Id(id): Id) -> Result<impl IntoResponse> {
    let account = find(&app, id).await?;
    Ok(Page(ShowPage::new(&app, &staff, account).await?))
}

/// The account with this id.
pub async fn find(app: &App, id: Uuid) -> Result<Account> {
    let found = repository::find(&app.db, id).await?;
    found.ok_or_else(Refusal::not_found)
}

pub async fn update(
    State(app): State<App>,
    staff: Staff,
    Id(id): Id,
    submission: Submission,
) -> Result<Response> {
    const RIGHTS: [&str; 3] = ["is_staff", "is_superuser", "can_read_messages"];
    if RIGHTS.iter().any(|right| submission.is_ticked(right)) {
        staff.require_superuser()?;
    }
    let mut form = submission.form();
    let email = form
        .required("email", &EMAIL)
        .map(|email| users::normalize_email(&email));
    let name = form.required("name", &NAME);
    if let Some(email) = &email
        && users::repository::is_email_taken(&app.db, email, Some(id)).await?
    {
        form.reject("email", EMAIL_TAKEN);
    }
    let (email, name) = match form.complete(email.zip(name)) {
        Ok(fields) => fields,
        Err(Error::Invalid(errors)) => {
            let account = find(&app, id).await?;
            let mut page = ShowPage::new(&app, &staff, account).await?;
            page.errors = Errors(errors);
            page.form.email = submission.get("email").to_owned();
            page.form.name = submission.get("name").to_owned();
            page.form.is_active = submission.is_ticked("is_active");
            page.form.is_staff = submission.is_ticked("is_staff");
            page.form.is_superuser = submission.is_ticked("is_superuser");
            page.form.can_read_messages = submission.is_ticked("can_read_messages");
            return Ok((StatusCode::BAD_REQUEST, Page(page)).into_response());
        }
        Err(error) => return Err(error.into()),
    };
    let may_grant = staff.is_superuser();
    let mut tx = app.db.begin().await?;
    change(&mut tx, &staff, id, "user.update", |account| {
        account.email = email;
        account.name = name;
        account.is_active = submission.is_ticked("is_active");
        if may_grant {
            account.is_staff = submission.is_ticked("is_staff");
            account.is_superuser = submission.is_ticked("is_superuser");
            account.can_read_messages = submission.is_ticked("can_read_messages");
        }
    })
    .await?;
    tx.commit().await?;
    Ok(go(&path(id), "The account is saved."))
}

pub async fn activate(State(app): State<App>, staff: Staff, Id(id): Id) -> Result<Response> {
    let mut tx = app.db.begin().await?;
    change(&mut tx, &staff, id, "user.activate", |account| {
        account.is_active = true;
    })
    .await?;
    tx.commit().await?;
    Ok(go(&path(id), "The account is open."))
}

pub async fn deactivate(State(app): State<App>, staff: Staff, Id(id): Id) -> Result<Response> {
    let mut tx = app.db.begin().await?;
    change(&mut tx, &staff, id, "user.deactivate", |account| {
        account.is_active = false;
    })
    .await?;
    tx.commit().await?;
    Ok(go(
        &path(id),
        "The account is closed. Its tokens and sessions have ended.",
    ))
}

/// Changes an account as far as `staff` may, and writes that down; `false` if it is so already.
pub async fn change(
    tx: &mut Tx,
    staff: &Staff,
    id: Uuid,
    action: &'static str,
    edit: impl FnOnce(&mut Account),
) -> Result<bool> {
    let administrators = administrators::lock(tx).await?;
    let old = repository::lock(tx, id)
        .await?
        .ok_or_else(Refusal::not_found)?;
    administrators.may_touch(staff, &old)?;
    let mut new = old.clone();
    edit(&mut new);
    let changes_rights = old.rights() != new.rights();
    if changes_rights {
        administrators.require(staff)?;
    }
    let closes = old.is_active && !new.is_active;
    if closes || old.is_administrator() && !new.is_administrator() {
        administrators.may_lose(staff, id)?;
    }
    let entry = staff
        .entry(action, new.as_object())
        .change("email", old.email, new.email.clone())
        .change("name", old.name, new.name.clone())
        .change("is_active", old.is_active, new.is_active)
        .change("is_staff", old.is_staff, new.is_staff)
        .change("is_superuser", old.is_superuser, new.is_superuser)
        .change(
            "can_read_messages",
            old.can_read_messages,
            new.can_read_messages,
        );
    if entry.is_empty() {
        return Ok(false);
    }
    repository::update(tx, &new).await?;
    if closes || changes_rights && id != staff.id() {
        // A link that was made for an ordinary account must not open one with rights.
        repository::end_credentials(tx, id).await?;
    }
    audit::write(tx, entry).await?;
    Ok(true)
}

pub async fn end_sessions(State(app): State<App>, staff: Staff, Id(id): Id) -> Result<Response> {
    let mut tx = app.db.begin().await?;
    let administrators = administrators::lock(&mut tx).await?;
    administrators.require(&staff)?;
    let account = repository::lock(&mut tx, id)
        .await?
        .ok_or_else(Refusal::not_found)?;
    let ended = sessions::repository::delete_all(&mut tx, id).await?;
    let entry = staff.entry("session.end_all", account.as_object());
    audit::write(&mut tx, entry.fact("sessions", ended)).await?;
    tx.commit().await?;
    Ok(go(&path(id), "The sessions have ended."))
}

#[derive(Template)]
#[template(path = "users/new.html")]
struct NewPage {
    frame: Frame,
    email: String,
    name: String,
    errors: Errors,
}

pub async fn new(staff: Staff) -> impl IntoResponse {
    Page(NewPage {
        frame: staff.frame(Section::Users),
        email: String::new(),
        name: String::new(),
        errors: Errors::default(),
    })
}

pub async fn create(
    State(app): State<App>,
    staff: Staff,
    submission: Submission,
) -> Result<Response> {
    match create_member(&app, &staff, &submission).await {
        Ok(id) => Ok(go(&path(id), "The account is made.")),
        Err(Error::Invalid(errors)) => {
            let page = NewPage {
                frame: staff.frame(Section::Users),
                email: submission.get("email").to_owned(),
                name: submission.get("name").to_owned(),
                errors: Errors(errors),
            };
            Ok((StatusCode::BAD_REQUEST, Page(page)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

async fn create_member(
    app: &App,
    staff: &Staff,
    submission: &Submission,
) -> crate::error::Result<Uuid> {
    let mut form = submission.form();
    let email = form
        .required("email", &EMAIL)
        .map(|email| users::normalize_email(&email));
    let name = form.required("name", &NAME);
    let password = form.required("password", &PASSWORD).map(SecretString::from);
    if let Some(email) = &email
        && users::repository::is_email_taken(&app.db, email, None).await?
    {
        form.reject("email", EMAIL_TAKEN);
    }
    let ((email, name), password) = form.complete(email.zip(name).zip(password))?;
    let hash = app.passwords.hash(password).await?;
    let mut tx = app.db.begin().await?;
    let user = users::repository::create(&mut tx, NewUser::member(email, name, hash)).await?;
    let entry = staff.entry("user.create", audit::Object::user(&user));
    audit::write(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(user.id)
}
