//! Changing one's own password.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::handlers::gone;
use crate::admin::audit;
use crate::admin::page::{Frame, Page, Section};
use crate::admin::refusal::Result;
use crate::admin::staff::Staff;
use crate::admin::submission::{Errors, Submission};
use crate::admin::users::{end_credentials, read_new_password};
use crate::app::App;
use crate::error::Error;
use crate::users::{self, CURRENT_PASSWORD, WRONG_PASSWORD};

/// The field with the password that is there already.
const OLD: &str = "old_password";

#[derive(Template)]
#[template(path = "sessions/password.html")]
struct PasswordPage {
    frame: Frame,
    errors: Errors,
}

impl PasswordPage {
    fn new(staff: &Staff, errors: Errors) -> Page<Self> {
        let frame = staff.frame(Section::Account);
        Page(Self { frame, errors })
    }
}

pub async fn show(staff: Staff) -> impl IntoResponse {
    PasswordPage::new(&staff, Errors::default())
}

pub async fn change(
    State(app): State<App>,
    staff: Staff,
    submission: Submission,
) -> Result<Response> {
    match write(&app, &staff, &submission).await {
        Ok(()) => {
            let done = "Your password is changed, and all your sessions and tokens have ended.";
            Ok(gone(&staff, done))
        }
        Err(Error::Invalid(errors)) => {
            let page = PasswordPage::new(&staff, Errors(errors));
            Ok((StatusCode::BAD_REQUEST, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// Wants the old password: a browser left behind is not enough.
async fn write(app: &App, staff: &Staff, submission: &Submission) -> crate::error::Result<()> {
    let mut form = submission.form();
    let old = form.required(OLD, &CURRENT_PASSWORD);
    let new = read_new_password(&mut form, submission);
    let (old, new) = form.complete(old.zip(new))?;
    let old = users::confirm(&app.db, &app.passwords, &app.limits, staff.id(), OLD, old).await?;
    let new = app.passwords.hash(new).await?;
    let mut tx = app.db.begin().await?;
    users::repository::change_password(&mut tx, staff.id(), &old, &new)
        .await?
        // Somebody else was quicker.
        .ok_or_else(|| Error::field(OLD, WRONG_PASSWORD))?;
    end_credentials(&mut tx, staff.id()).await?;
    let entry = staff.entry("user.change_password", staff.as_object());
    audit::write(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(())
}
