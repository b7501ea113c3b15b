//! The caller of a protected path.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::token::{Kind, Tokens};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::path::query_value;
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
    request: Request,
    next: Next,
) -> Response {
    let token = bearer_token(request.headers());
    let caller = caller(&tokens, &db, token, Kind::Access).await;
    admit(caller, request, next).await
}

/// The same where a ticket in the address does, too: a browser's `EventSource` cannot send headers.
pub async fn require_user_or_ticket(
    State(tokens): State<Tokens>,
    State(db): State<Db>,
    request: Request,
    next: Next,
) -> Response {
    let ticket = query_value(request.uri(), "ticket");
    let caller = match &ticket {
        Some(ticket) => caller(&tokens, &db, Some(ticket.as_bytes()), Kind::Stream).await,
        None => {
            let token = bearer_token(request.headers());
            caller(&tokens, &db, token, Kind::Access).await
        }
    };
    admit(caller, request, next).await
}

async fn admit(caller: Result<User>, mut request: Request, next: Next) -> Response {
    match caller {
        Ok(user) => {
            request.extensions_mut().insert(CurrentUser(user));
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

/// The active user of a token.
///
/// # Errors
/// There is no token, it is not good for this now, or its user is gone or disabled.
pub async fn caller(tokens: &Tokens, db: &Db, token: Option<&[u8]>, kind: Kind) -> Result<User> {
    let token = token.ok_or(Error::NotAuthenticated)?;
    let user_id = tokens.verify(token, kind).ok_or(Error::BadToken)?;
    let user = repository::find(db, user_id)
        .await?
        .ok_or(Error::BadToken)?;
    if user.is_active {
        Ok(user)
    } else {
        Err(Error::UserDisabled)
    }
}

/// What stands between the first and the second space of the `Authorization` header, if `Bearer` stands before it.
fn bearer_token(headers: &HeaderMap) -> Option<&[u8]> {
    let mut words = headers
        .get(AUTHORIZATION)?
        .as_bytes()
        .split(|&byte| byte == b' ');
    if words.next()? == b"Bearer" {
        words.next()
    } else {
        None
    }
}
