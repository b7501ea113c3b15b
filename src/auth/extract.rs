//! The caller of a protected path.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::token::{Kind, Tokens};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::path::query_value;
use crate::limits::Limits;
use crate::telemetry;
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
    State(limits): State<Limits>,
    request: Request,
    next: Next,
) -> Response {
    let token = bearer_token(request.headers());
    let caller = caller(&tokens, &db, token, Kind::Access).await;
    admit(caller, &limits, request, next).await
}

/// The same where a ticket in the address does, too: a browser's `EventSource` cannot send headers.
pub async fn require_user_or_ticket(
    State(tokens): State<Tokens>,
    State(db): State<Db>,
    State(limits): State<Limits>,
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
    admit(caller, &limits, request, next).await
}

async fn admit(
    caller: Result<User>,
    limits: &Limits,
    mut request: Request,
    next: Next,
) -> Response {
    let admitted = caller.and_then(|user| {
        telemetry::note_user(user.id);
        Ok((limits.request(user.id)?, user))
    });
    match admitted {
        Ok((room, user)) => {
            request.extensions_mut().insert(CurrentUser(user));
            let mut response = next.run(request).await;
            if let Some(room) = room {
                room.describe(response.headers_mut());
            }
            response
        }
        Err(error) => error.into_response(),
    }
}

/// The active user of a token.
///
/// # Errors
/// There is no token, it is not good for this now, its user is gone or disabled, or has another password since.
pub async fn caller(tokens: &Tokens, db: &Db, token: Option<&[u8]>, kind: Kind) -> Result<User> {
    let bearer = bearer(tokens, db, token, kind).await?;
    Ok(bearer.user)
}

/// The active user of a token, and how long it is good for.
#[derive(Clone, Debug)]
pub struct Bearer {
    pub user: User,
    /// `None` if the token does not expire.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The same as [`caller`], for those who stay longer than a request takes.
///
/// # Errors
/// See [`caller`].
pub async fn bearer(tokens: &Tokens, db: &Db, token: Option<&[u8]>, kind: Kind) -> Result<Bearer> {
    let token = token.ok_or(Error::NotAuthenticated)?;
    let verified = tokens.verify(token, kind).ok_or(Error::BadToken)?;
    Ok(Bearer {
        user: active_user(db, verified.user, verified.generation).await?,
        expires_at: verified.expires_at,
    })
}

/// The user with this id, who must be active, and whose tokens must still be of this generation.
///
/// # Errors
/// The user is gone or disabled, or has another password since.
pub async fn active_user(db: &Db, id: Uuid, generation: i32) -> Result<User> {
    let user = repository::find(db, id)
        .await?
        .filter(|user| user.token_generation == generation)
        .ok_or(Error::BadToken)?;
    if user.is_active {
        Ok(user)
    } else {
        Err(Error::UserDisabled)
    }
}

/// What stands between the first and the second space of the `Authorization` header, if `Bearer` stands before it.
pub fn bearer_token(headers: &HeaderMap) -> Option<&[u8]> {
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
