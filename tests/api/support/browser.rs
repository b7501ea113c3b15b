//! Somebody who looks at the administration with a browser: keeps its cookies, and sends forms as its pages make them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use meggy::db::{Executor, FromRow, Row};
use uuid::Uuid;

use super::app::PASSWORD;
use super::client::{Answer, send};
use super::{Client, TestApp};

/// A browser of its own.
pub struct Browser {
    client: Client,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// Which rights an account has.
#[derive(Clone, Copy, Default)]
pub struct Rights {
    pub is_staff: bool,
    pub is_superuser: bool,
    pub can_read_messages: bool,
}

impl Rights {
    pub const STAFF: Self = Self {
        is_staff: true,
        is_superuser: false,
        can_read_messages: false,
    };
    pub const READER: Self = Self {
        can_read_messages: true,
        ..Self::STAFF
    };
    pub const SUPERUSER: Self = Self {
        is_superuser: true,
        ..Self::STAFF
    };
}

struct Text(String);

impl FromRow for Text {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("text").map(Self)
    }
}

impl TestApp {
    /// Makes an account for `name@example.com` with these rights.
    pub async fn register_with(&self, name: &str, rights: Rights) -> Client {
        let client = self.register(name).await;
        self.grant(&client, rights).await;
        client
    }

    /// Gives an account these rights.
    pub async fn grant(&self, client: &Client, rights: Rights) {
        self.db
            .query("UPDATE users SET is_staff = $2, is_superuser = $3, can_read_messages = $4 WHERE id = $1")
            .bind(Uuid::parse_str(client.id()).unwrap())
            .bind(rights.is_staff)
            .bind(rights.is_superuser)
            .bind(rights.can_read_messages)
            .execute()
            .await
            .unwrap();
    }

    /// Closes an account.
    pub async fn close(&self, client: &Client) {
        self.db
            .query("UPDATE users SET is_active = FALSE WHERE id = $1")
            .bind(Uuid::parse_str(client.id()).unwrap())
            .execute()
            .await
            .unwrap();
    }

    /// Deletes an account.
    pub async fn db_delete(&self, client: &Client) {
        self.db
            .query("DELETE FROM users WHERE id = $1")
            .bind(Uuid::parse_str(client.id()).unwrap())
            .execute()
            .await
            .unwrap();
    }

    /// Deletes all accounts.
    pub async fn sweep_users(&self) {
        self.db.query("DELETE FROM users").execute().await.unwrap();
    }

    /// The column `text` of what a statement finds.
    pub async fn texts(&self, sql: &'static str) -> Vec<String> {
        let rows: Vec<Text> = self.db.query(sql).fetch_all().await.unwrap();
        rows.into_iter().map(|Text(text)| text).collect()
    }

    /// The same with a time as its parameter.
    pub async fn texts_after(&self, sql: &'static str, time: DateTime<Utc>) -> Vec<String> {
        let rows: Vec<Text> = self.db.query(sql).bind(time).fetch_all().await.unwrap();
        rows.into_iter().map(|Text(text)| text).collect()
    }

    /// Makes an account for `name@example.com` with these rights and signs in with it.
    pub async fn staff(&self, name: &str, rights: Rights) -> Browser {
        self.register_with(name, rights).await;
        let browser = self.browser();
        let answer = browser
            .sign_in(&format!("{name}@example.com"), PASSWORD)
            .await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        browser
    }

    /// A browser in which nobody is signed in.
    pub fn browser(&self) -> Browser {
        Browser {
            client: self.stranger(),
            cookies: Mutex::default(),
        }
    }
}

impl Browser {
    /// The cookies as the browser sends them.
    pub fn cookies(&self) -> String {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let cookies = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        cookies.collect::<Vec<_>>().join("; ")
    }

    /// Sets a cookie.
    pub fn set_cookie(&self, name: &str, value: &str) {
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Opens a page. Redirects are not followed.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.client.request("GET", path)).await
    }

    /// Sends a form with the token of the session, as every page has it.
    pub async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token().await;
        let mut fields = fields.to_vec();
        fields.push(("csrf", &token));
        self.post(path, &fields).await
    }

    /// Sends a form as it is.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = self.client.request("POST", path);
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", &self.client.base)
            .body(body);
        self.send(request).await
    }

    /// Fills in the page to sign in.
    pub async fn sign_in(&self, email: &str, password: &str) -> Answer {
        let fields = [("email", email), ("password", password)];
        self.post("/admin/sign-in/", &fields).await
    }

    /// The token for the forms of this session; empty if there is none.
    pub async fn token(&self) -> String {
        let page = self.get("/admin/account/").await;
        let (_, after) = page
            .text
            .split_once("name=\"csrf\" value=\"")
            .unwrap_or_default();
        after.split('"').next().unwrap_or_default().to_owned()
    }

    /// Sends a request with the cookies, and keeps those of the answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let cookies = self.cookies();
        let request = if cookies.is_empty() {
            request
        } else {
            request.header("cookie", cookies)
        };
        let answer = send(request).await;
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().expect("a readable cookie");
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').expect("a name");
            if attributes.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}
