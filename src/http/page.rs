//! Lists in pages of 20.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::origin::Origin;
use super::python;
use crate::config::Config;
use crate::db::{Page, Slice};
use crate::error::{Error, Result};

const SIZE: i64 = 20;

/// The page that a request asks for.
pub struct Pages {
    url: String,
    asked: Asked,
    /// All parameters but `page`, by name.
    others: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Copy)]
enum Asked {
    Number(i64),
    Last,
    Nonsense,
}

impl Asked {
    fn parse(value: &str) -> Self {
        if value == "last" {
            return Self::Last;
        }
        let value = python::strip(value);
        let digits = value.strip_prefix('+').unwrap_or(value);
        if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Self::Nonsense;
        }
        match digits.parse() {
            Ok(number) if number > 0 => Self::Number(number),
            _ => Self::Nonsense,
        }
    }
}

impl<S> FromRequestParts<S> for Pages
where
    S: Send + Sync,
    Arc<Config>: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let Origin(origin) = Origin::from_request_parts(parts, state).await?;
        let mut others = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in
            form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
        {
            others
                .entry(name.into_owned())
                .or_default()
                .push(value.into_owned());
        }
        let asked = others
            .remove("page")
            .and_then(|values| values.last().map(|value| Asked::parse(value)));
        Ok(Self {
            url: format!("{origin}{}/", parts.uri.path().trim_end_matches('/')),
            asked: asked.unwrap_or(Asked::Number(1)),
            others,
        })
    }
}

/// What [`Pages`] reads, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters that are read one by one")]
pub struct PageParameters {
    /// The number of the page, from 1; or `last`.
    #[param(
        required = false,
        example = "1",
        default = "1",
        pattern = r"^([1-9]\d*|last)$"
    )]
    page: String,
}

/// A page of a list as the contract shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// How many entries all pages have together.
    #[schema(minimum = 0)]
    count: i64,
    /// The address of the next page.
    #[schema(required, example = json!(null))]
    next: Option<String>,
    /// The address of the page before.
    #[schema(required, example = json!(null))]
    previous: Option<String>,
    /// Up to 20 entries.
    #[schema(max_items = 20)]
    results: Vec<T>,
}

impl Pages {
    /// Reads the page asked for.
    ///
    /// # Errors
    /// `Invalid page.` if there is none of that number; whatever `read` fails with.
    pub async fn list<T, B, F>(self, read: impl Fn(Slice) -> F) -> Result<List<B>>
    where
        B: From<T>,
        F: Future<Output = sqlx::Result<Page<T>>>,
    {
        let slice = |number: i64| Slice {
            limit: SIZE,
            offset: (number - 1).saturating_mul(SIZE),
        };
        let (number, page) = match self.asked {
            Asked::Nonsense => return Err(Error::InvalidPage),
            Asked::Number(number) => (number, read(slice(number)).await?),
            Asked::Last => {
                let total = read(Slice {
                    limit: 1,
                    offset: 0,
                })
                .await?
                .total;
                let last = last_page(total);
                (last, read(slice(last)).await?)
            }
        };
        if page.rows.is_empty() && number > 1 {
            return Err(Error::InvalidPage);
        }
        Ok(List {
            count: page.total,
            next: (number < last_page(page.total)).then(|| self.link(number + 1)),
            previous: (number > 1).then(|| self.link(number - 1)),
            results: page.rows.into_iter().map(B::from).collect(),
        })
    }

    /// The address of another page: the same parameters, sorted by name, and no `page` for the first.
    fn link(&self, number: i64) -> String {
        let page = (number > 1).then(|| ("page".to_owned(), vec![number.to_string()]));
        let mut parameters = self.others.clone();
        parameters.extend(page);
        let query: Vec<String> = parameters
            .iter()
            .flat_map(|(name, values)| {
                values
                    .iter()
                    .map(move |value| format!("{}={}", quote(name), quote(value)))
            })
            .collect();
        if query.is_empty() {
            self.url.clone()
        } else {
            format!("{}?{}", self.url, query.join("&"))
        }
    }
}

/// An empty list has one page.
fn last_page(total: i64) -> i64 {
    (total.max(1) + SIZE - 1) / SIZE
}

/// Form encoding as Python's `quote_plus` does it, which treats two characters differently from the URL standard.
fn quote(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('*', "%2A")
        .replace("%7E", "~")
}
