//! Signing in and out, and one's own sessions.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use secrecy::SecretString;

use super::{Session, repository};
use crate::admin::audit::{self, Entry, Object};
use crate::admin::cookies::{self, Cookies};
use crate::admin::page::{Frame, Page, Section, filters, go};
use crate::admin::refusal::{Refusal, Result};
use crate::admin::secret::Secret;
use crate::admin::staff::{Staff, address};
use crate::admin::submission::{STRANGERS_LIMIT, Submission};
use crate::app::App;
use crate::auth::{self, password};
use crate::error::Error;
use crate::http::origin;
use crate::http::path::query_value;
use crate::limits::Attempt;

/// Where one gets to unless another page was wanted.
const HOME: &str = "/admin/";

/// The longest name of a browser that is kept, in characters.
const USER_AGENT_LENGTH: usize = 200;

/// One text for all reasons, so that nobody learns which addresses have accounts.
const REFUSED: &str = "The e-mail address or the password is wrong, or this account may not enter the administration.";

#[derive(Template)]
#[template(path = "sessions/sign_in.html")]
struct SignInPage {
    frame: Frame,
    next: String,
    email: String,
    refusal: Option<&'static str>,
    /// Whether browsers will not keep the session, because they came by plain HTTP.
    is_plain: bool,
}

pub async fn sign_in_page(State(app): State<App>, request: Request) -> impl IntoResponse {
    let next = query_value(request.uri(), "next").unwrap_or_default();
    let cookies = Cookies::of(request.headers(), request.extensions(), &app.config);
    Page(SignInPage {
        frame: Frame::outside(cookies.notice(request.headers())),
        next: safe(&next).to_owned(),
        email: String::new(),
        refusal: None,
        is_plain: is_plain(&app, &request),
    })
}

/// Whether the cookie is for HTTPS alone, and the browser came without. On its own machine it takes it all the same.
fn is_plain(app: &App, request: &Request) -> bool {
    let host = origin::host(request.headers());
    let is_local = ["localhost", "127.", "[::1]"]
        .iter()
        .any(|local| host.starts_with(local));
    let scheme = origin::scheme(request.headers(), request.extensions(), &app.config);
    !app.config.server.debug && !is_local && scheme == "http"
}

/// No token protects this form, because there is no session yet: that it comes from one of our pages is seen from
/// `Origin` and `Sec-Fetch-Site`, which every browser sends with a form.
pub async fn sign_in(State(app): State<App>, request: Request) -> Result<Response> {
    let is_plain = is_plain(&app, &request);
    let (parts, body) = request.into_parts();
    let form = Submission::read(&parts.headers, body, STRANGERS_LIMIT).await?;
    let next = safe(form.get("next")).to_owned();
    let address = address(&parts.headers, &parts.extensions, &app.config);
    let secret = Secret::new();
    let client = origin::client_address(&parts.headers, &parts.extensions, &app.config);
    let attempt = app
        .limits
        .login(client, form.get("email"))
        .map_err(Error::from)?;
    if !begin(&app, attempt, &form, &secret, &address, &parts.headers).await? {
        let page = SignInPage {
            frame: Frame::outside(None),
            next,
            email: form.get("email").to_owned(),
            refusal: Some(REFUSED),
            is_plain,
        };
        return Ok((StatusCode::FORBIDDEN, Page(page)).into_response());
    }
    let mut response = Redirect::to(&next).into_response();
    let cookie = Cookies::of(&parts.headers, &parts.extensions, &app.config).keep_session(&secret);
    cookies::set(response.headers_mut(), cookie);
    Ok(response)
}

/// Begins a session if the password is right and the account may enter.
async fn begin(
    app: &App,
    attempt: Attempt,
    form: &Submission,
    secret: &Secret,
    address: &str,
    headers: &HeaderMap,
) -> Result<bool> {
    let password = form.get("password");
    if password.chars().count() > password::MAX_LENGTH {
        return Ok(false);
    }
    let password = SecretString::from(password);
    let attempt = app.passwords.admit(attempt)?;
    let proved = auth::prove(
        &app.db,
        &app.passwords,
        attempt,
        form.get("email"),
        password,
    )
    .await?;
    let Some(user) = proved else {
        return Ok(false);
    };
    let user_agent: String = headers
        .get(USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .chars()
        .take(USER_AGENT_LENGTH)
        .collect();
    if let Err(error) = repository::delete_old(&app.db).await {
        tracing::warn!(%error, "old sessions could not be deleted");
    }
    let mut tx = app.db.begin().await?;
    if !repository::create(&mut tx, &secret.digest(), &user, address, &user_agent).await? {
        return Ok(false);
    }
    let actor = (user.id, user.email.clone());
    let entry = Entry::new(
        actor,
        address.to_owned(),
        "session.begin",
        Object::user(&user),
    );
    audit::write(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(true)
}

/// A page of ours, whatever was asked for.
fn safe(next: &str) -> &str {
    let is_ours = next.starts_with("/admin/")
        && next.len() <= 2000
        && next
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && !next.contains("//")
        && !next.contains("/..");
    if is_ours { next } else { HOME }
}

#[derive(Template)]
#[template(path = "sessions/account.html")]
struct AccountPage {
    frame: Frame,
    sessions: Vec<Session>,
    current: String,
}

pub async fn account(State(app): State<App>, staff: Staff) -> Result<impl IntoResponse> {
    Ok(Page(AccountPage {
        sessions: repository::list(&app.db, staff.id()).await?,
        current: staff.session().to_owned(),
        frame: staff.frame(Section::Account),
    }))
}

pub async fn sign_out(State(app): State<App>, staff: Staff) -> Result<Response> {
    let mut tx = app.db.begin().await?;
    if repository::delete(&mut tx, staff.id(), staff.session()).await? {
        audit::write(&mut tx, staff.entry("session.end", staff.as_object())).await?;
    }
    tx.commit().await?;
    Ok(gone(&staff, "You are signed out."))
}

pub async fn end(State(app): State<App>, staff: Staff, form: Submission) -> Result<Response> {
    let mut tx = app.db.begin().await?;
    if !repository::delete(&mut tx, staff.id(), form.get("session")).await? {
        return Err(Refusal::not_found());
    }
    audit::write(&mut tx, staff.entry("session.end", staff.as_object())).await?;
    tx.commit().await?;
    Ok(go("/admin/account/", "The session has ended."))
}

pub async fn end_all(State(app): State<App>, staff: Staff) -> Result<Response> {
    let mut tx = app.db.begin().await?;
    repository::delete_all(&mut tx, staff.id()).await?;
    audit::write(&mut tx, staff.entry("session.end_all", staff.as_object())).await?;
    tx.commit().await?;
    Ok(gone(&staff, "You are signed out everywhere."))
}

/// Back to the page to sign in, without a session.
pub fn gone(staff: &Staff, notice: &'static str) -> Response {
    let mut response = go("/admin/sign-in/", notice);
    let forget = staff.cookies().forget_session();
    cookies::set(response.headers_mut(), forget);
    response
}
