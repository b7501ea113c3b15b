//! Ids in paths, and values behind them.

use axum::extract::{FromRequestParts, Path};
use axum::http::Uri;
use axum::http::request::Parts;
use uuid::Uuid;

use crate::error::Error;

/// The id in the path; 404 if it is none, because then there is no such object.
pub struct Id(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Error::NotFound)?;
        parse_uuid(&text).map(Self).ok_or(Error::NotFound)
    }
}

/// The ids of an object in the path and of one that belongs to it; 404 if one of them is none.
pub struct Ids(pub Uuid, pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for Ids {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Path((outer, inner)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|_| Error::NotFound)?;
        parse_uuid(&outer)
            .zip(parse_uuid(&inner))
            .map(|(outer, inner)| Self(outer, inner))
            .ok_or(Error::NotFound)
    }
}

/// Reads a UUID in any spelling that the original took: any letter case, with hyphens or without, as a URN, in braces.
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    let text = text
        .trim_start_matches("urn:")
        .trim_start_matches("uuid:")
        .trim_matches(['{', '}']);
    Uuid::try_parse(&text.replace('-', "")).ok()
}

/// A value in the query of an address.
pub fn query_value(uri: &Uri, name: &str) -> Option<String> {
    form_urlencoded::parse(uri.query()?.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}
