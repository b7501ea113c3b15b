//! The cookies of the administration: the session, and what the next page has to say.

use std::time::Duration;

use axum::http::header::SET_COOKIE;
use axum::http::{Extensions, HeaderMap, HeaderValue};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::secret::Secret;
use crate::config::Config;
use crate::http::origin;

/// How long a notice waits for the page that shows it.
const NOTICE_LIFETIME: Duration = Duration::from_secs(60);

/// How cookies are named and marked for one request.
#[derive(Clone, Copy, Debug)]
pub struct Cookies {
    is_secure: bool,
}

impl Cookies {
    /// Cookies are for HTTPS alone in production, and wherever the request came by it. The prefix makes browsers hold to
    /// that: none can be planted by way of plain HTTP. Only development by plain HTTP does without.
    pub fn of(headers: &HeaderMap, extensions: &Extensions, config: &Config) -> Self {
        let is_secure =
            !config.server.debug || origin::scheme(headers, extensions, config) == "https";
        Self { is_secure }
    }

    fn session_name(self) -> &'static str {
        if self.is_secure {
            "__Secure-meggy_admin"
        } else {
            "meggy_admin"
        }
    }

    fn notice_name(self) -> &'static str {
        if self.is_secure {
            "__Secure-meggy_admin_notice"
        } else {
            "meggy_admin_notice"
        }
    }

    /// The secret of the session, as the browser shows it.
    pub fn session(self, headers: &HeaderMap) -> Option<Secret> {
        let jar = CookieJar::from_headers(headers);
        Secret::shown(jar.get(self.session_name())?.value())
    }

    /// Lets the browser keep a session until it is closed.
    pub fn keep_session(self, secret: &Secret) -> HeaderValue {
        self.header(self.session_name(), secret.expose().to_owned(), None)
    }

    /// Lets the browser forget its session.
    pub fn forget_session(self) -> HeaderValue {
        self.header(self.session_name(), String::new(), Some(Duration::ZERO))
    }

    /// What the page before had to say.
    pub fn notice(self, headers: &HeaderMap) -> Option<String> {
        let jar = CookieJar::from_headers(headers);
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(jar.get(self.notice_name())?.value())
            .ok()?;
        String::from_utf8(bytes).ok()
    }

    /// Lets the next page say something.
    pub fn keep_notice(self, text: &str) -> HeaderValue {
        let value = BASE64_URL_SAFE_NO_PAD.encode(text);
        self.header(self.notice_name(), value, Some(NOTICE_LIFETIME))
    }

    /// Says it only once.
    pub fn forget_notice(self) -> HeaderValue {
        self.header(self.notice_name(), String::new(), Some(Duration::ZERO))
    }

    fn header(self, name: &'static str, value: String, lifetime: Option<Duration>) -> HeaderValue {
        let mut cookie = Cookie::build((name, value))
            .path("/admin")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.is_secure);
        if let Some(lifetime) = lifetime {
            cookie = cookie.max_age(lifetime.try_into().unwrap_or_default());
        }
        // All parts are plain ASCII.
        HeaderValue::from_str(&cookie.build().to_string())
            .unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

/// Adds a cookie to an answer.
pub fn set(headers: &mut HeaderMap, cookie: HeaderValue) {
    headers.append(SET_COOKIE, cookie);
}
