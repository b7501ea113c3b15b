//! Who is signed in, and what they may do.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::audit::Entry;
use super::cookies::Cookies;
use super::page::{Frame, Section};
use super::refusal::{Refusal, Result};
use super::sessions;
use super::submission::{Submission, TOKEN};
use super::{audit, secret};
use crate::app::App;
use crate::config::Config;
use crate::http::origin;
use crate::telemetry;

/// A member of staff who is signed in. Handlers behind [`require_staff`] take it as an argument.
#[derive(Clone, Debug)]
pub struct Staff(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    account: Account,
    session: String,
    form_token: String,
    address: String,
    cookies: Cookies,
    notice: Option<String>,
}

/// What is known of the account of a member of staff.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: Uuid,
    pub email: String,
    pub is_superuser: bool,
    pub can_read_messages: bool,
}

impl Staff {
    /// The id of the account.
    pub fn id(&self) -> Uuid {
        self.0.account.id
    }

    /// The address of the account.
    pub fn email(&self) -> &str {
        &self.0.account.email
    }

    /// Whether they may do everything.
    pub fn is_superuser(&self) -> bool {
        self.0.account.is_superuser
    }

    /// Whether they may read what others wrote. Every such reading belongs into the audit log.
    pub fn may_read_messages(&self) -> bool {
        self.0.account.is_superuser || self.0.account.can_read_messages
    }

    /// The digest of the session's secret, which is its name.
    pub fn session(&self) -> &str {
        &self.0.session
    }

    /// The token for the forms of this session.
    pub fn form_token(&self) -> &str {
        &self.0.form_token
    }

    /// How cookies are written for them.
    pub fn cookies(&self) -> Cookies {
        self.0.cookies
    }

    /// The frame of a page for them.
    pub fn frame(&self, section: Section) -> Frame {
        Frame {
            staff: Some(self.clone()),
            section,
            notice: self.0.notice.clone(),
        }
    }

    /// Their own account, for the audit log.
    pub fn as_object(&self) -> audit::Object {
        audit::Object::new("user", self.id(), self.email())
    }

    /// An entry for the audit log about something that they do.
    pub fn entry(&self, action: &'static str, object: audit::Object) -> Entry {
        Entry::new(
            (self.id(), self.email().to_owned()),
            self.0.address.clone(),
            action,
            object,
        )
    }

    /// Goes on only for superusers.
    ///
    /// # Errors
    /// They are none.
    pub fn require_superuser(&self) -> Result<()> {
        if self.is_superuser() {
            Ok(())
        } else {
            Err(Refusal::forbidden("Only superusers may do this."))
        }
    }

    /// Goes on only for those who may read what others wrote.
    ///
    /// # Errors
    /// They may not.
    pub fn require_reader(&self) -> Result<()> {
        if self.may_read_messages() {
            Ok(())
        } else {
            let text =
                "Reading messages is a permission of its own, which your account does not have.";
            Err(Refusal::forbidden(text))
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Staff {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let staff = parts.extensions.get().cloned();
        staff.ok_or(Refusal::SignIn(None))
    }
}

/// Lets only staff pass and, of what is no mere look, only forms with the token of the session.
pub async fn require_staff(State(app): State<App>, request: Request, next: Next) -> Response {
    let (staff, request) = match admit(&app, request).await {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal.into_response(),
    };
    telemetry::note_user(staff.id());
    let mut response = next.run(request).await;
    // For the page that tells a refusal.
    response.extensions_mut().insert(staff);
    response
}

async fn admit(app: &App, request: Request) -> Result<(Staff, Request)> {
    let (mut parts, body) = request.into_parts();
    let is_look = matches!(parts.method, Method::GET | Method::HEAD);
    let cookies = Cookies::of(&parts.headers, &parts.extensions, &app.config);
    let stranger = || {
        let address = parts.uri.path_and_query().filter(|_| is_look);
        Refusal::SignIn(address.map(ToString::to_string))
    };
    let secret = cookies.session(&parts.headers).ok_or_else(stranger)?;
    let session = secret.digest();
    let account = sessions::repository::find_account(&app.db, &session)
        .await?
        .ok_or_else(stranger)?;
    let address = address(&parts.headers, &parts.extensions, &app.config);
    let staff = Staff(Arc::new(Inner {
        account,
        session,
        form_token: secret.form_token(),
        address,
        cookies,
        notice: cookies.notice(&parts.headers),
    }));
    let mut body = Some(body);
    if !is_look {
        let limit = app.config.server.max_body_bytes;
        let body = body.take().unwrap_or_default();
        let submission = Submission::read(&parts.headers, body, limit).await?;
        if !secret::are_equal(submission.get(TOKEN), staff.form_token()) {
            let text = "This form belongs to an earlier session, or to none. Open the page again and send it once more.";
            return Err(Refusal::forbidden(text));
        }
        parts.extensions.insert(submission);
    }
    parts.extensions.insert(staff.clone());
    let request = Request::from_parts(parts, body.unwrap_or_default());
    Ok((staff, request))
}

/// From where a request comes, as the audit log says it.
pub fn address(headers: &HeaderMap, extensions: &Extensions, config: &Config) -> String {
    let address = origin::client_address(headers, extensions, config);
    address.map_or_else(String::new, |address| address.to_string())
}
