//! The caller of a protected path.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::token::{Kind, Tokens};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::users::{User, repository};

/// The user whose token came with the request: it is good, and the account is active.
#[derive(Clone, Debug)]
pub struct CurrentUser(pub User);

impl<S: Send + Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parts.extensions.remove().ok_or(Error::NotAuthenticated)
    }
}

/// Lets only requests with a good token of an active user pass, before anything else about them is looked at.
pub async fn require_user(
    State(tokens): State<Tokens>,
    State(db): State<Db>,
    mut request: Request,
    next: Next,
) -> Response {
    match caller(&tokens, &db, request.headers()).await {
        Ok(user) => {
            request.extensions_mut().insert(user);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

async fn caller(tokens: &Tokens, db: &Db, headers: &HeaderMap) -> Result<CurrentUser> {
    let token = headers
        .get(AUTHORIZATION)
        .and_then(bearer_token)
        .ok_or(Error::NotAuthenticated)?;
    let user_id = tokens.verify(token, Kind::Access).ok_or(Error::BadToken)?;
    let user = repository::find(db, user_id)
        .await?
        .ok_or(Error::BadToken)?;
    if user.is_active {
        Ok(CurrentUser(user))
    } else {
        Err(Error::UserDisabled)
    }
}

/// What stands between the first and the second space, if `Bearer` stands before it.
fn bearer_token(header: &HeaderValue) -> Option<&[u8]> {
    let mut words = header.as_bytes().split(|&byte| byte == b' ');
    if words.next()? == b"Bearer" {
        words.next()
    } else {
        None
    }
}
