//! What all pages have in common.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::assets;
use super::cookies::{self, Cookies};
use super::refusal::Refusal;
use super::staff::Staff;
use crate::app::App;
use crate::error::Error;

/// Nothing from elsewhere, nothing inline, no frames.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'",
);

/// The parts of the administration, in the order of its menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Dashboard,
    Users,
    Agents,
    Conversations,
    Messages,
    Audit,
    Account,
    /// None of them.
    Outside,
}

/// An entry of the menu.
pub struct Link {
    pub section: Section,
    pub path: &'static str,
    pub name: &'static str,
}

const MENU: [Link; 6] = [
    Link::new(Section::Dashboard, "/admin/", "Dashboard"),
    Link::new(Section::Users, "/admin/users/", "Users"),
    Link::new(Section::Agents, "/admin/agents/", "Agents"),
    Link::new(
        Section::Conversations,
        "/admin/conversations/",
        "Conversations",
    ),
    Link::new(Section::Messages, "/admin/messages/", "Messages"),
    Link::new(Section::Audit, "/admin/audit/", "Audit log"),
];

impl Link {
    const fn new(section: Section, path: &'static str, name: &'static str) -> Self {
        Self {
            section,
            path,
            name,
        }
    }
}

/// What stands around the content of a page; `layout.html` draws it. Templates that extend it have one as `frame`.
pub struct Frame {
    /// Who sees the page; without anybody there is no menu.
    pub staff: Option<Staff>,
    pub section: Section,
    /// What the page before had to say.
    pub notice: Option<String>,
}

impl Frame {
    /// For pages that need nobody signed in.
    pub fn outside(notice: Option<String>) -> Self {
        Self {
            staff: None,
            section: Section::Outside,
            notice,
        }
    }

    /// The entries of the menu.
    pub fn menu(&self) -> &'static [Link] {
        &MENU
    }

    pub fn style_url(&self) -> String {
        assets::style_url()
    }

    pub fn script_url(&self) -> String {
        assets::script_url()
    }

    /// The token that every form hands back in its field `csrf`.
    pub fn csrf(&self) -> &str {
        self.staff.as_ref().map_or("", Staff::form_token)
    }
}

/// A page as an answer.
pub struct Page<T>(pub T);

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(html) => Html(html).into_response(),
            Err(error) => Refusal::from(Error::Internal(error.into())).into_response(),
        }
    }
}

/// What the next page has to say.
#[derive(Clone)]
struct Notice(String);

/// Sends the browser on to another page, after a form was done with, which then says what was done.
pub fn go(path: &str, notice: impl Into<String>) -> Response {
    let mut response = Redirect::to(path).into_response();
    response.extensions_mut().insert(Notice(notice.into()));
    response
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage {
    frame: Frame,
    status: StatusCode,
    text: String,
}

/// Adds the headers of every page, draws refusals, and hands notices from page to page.
pub async fn dress(State(app): State<App>, request: Request, next: Next) -> Response {
    let cookies = Cookies::of(request.headers(), request.extensions(), &app.config);
    let shows_notice =
        request.method() == Method::GET && cookies.notice(request.headers()).is_some();
    let mut response = next.run(request).await;
    let status = response.status();
    let is_page = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if (status.is_client_error() || status.is_server_error()) && !is_page {
        let (mut parts, _) = response.into_parts();
        let refusal = parts.extensions.remove();
        let Refusal::Told(status, text) = refusal.unwrap_or_else(|| Refusal::of(status)) else {
            return Refusal::of(status).into_response();
        };
        let staff: Option<Staff> = parts.extensions.remove();
        let frame = match staff {
            Some(staff) => staff.frame(Section::Outside),
            None => Frame::outside(None),
        };
        let drawn = Page(RefusalPage {
            frame,
            status,
            text: text.into_owned(),
        });
        let (drawn, body) = drawn.into_response().into_parts();
        parts.headers.extend(drawn.headers);
        response = Response::from_parts(parts, body);
    }
    let notice: Option<Notice> = response.extensions_mut().remove();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    match notice {
        Some(Notice(text)) => cookies::set(headers, cookies.keep_notice(&text)),
        None if shows_notice && status.is_success() && is_page => {
            cookies::set(headers, cookies.forget_notice());
        }
        None => {}
    }
    response
}

/// A text as a value in the query of an address.
pub fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What templates can do to values; each file with a template imports it.
pub mod filters {
    use chrono::{DateTime, Utc};

    /// A time as pages show it.
    #[askama::filter_fn]
    pub fn time(time: &DateTime<Utc>, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(time.format("%Y-%m-%d %H:%M:%S UTC").to_string())
    }
}
