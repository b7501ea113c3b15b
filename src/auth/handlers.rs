//! Register, login, refresh, logout.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;

use super::CurrentUser;
use super::document::{Login, Refresh, Registration};
use super::model::{AccessToken, Goodbye, Session, StreamTicket};
use super::password::{self, PASSWORD, Passwords, Verdict};
use super::token::{Kind, Tokens};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::fields::{EMAIL, Form};
use crate::http::openapi::responses::{BadWordedBody, RefusalBody, TooManyRequests};
use crate::http::origin::{ClientAddress, Origin};
use crate::http::payload::Payload;
use crate::http::python;
use crate::limits::{Attempt, Limits};
use crate::users::{self, Credentials, EMAIL_TAKEN, NewUser, User, repository};
use crate::workers::Claim;

/// Makes an account and begins a session.
#[utoipa::path(
    post,
    path = "/api/auth/register/",
    tag = "auth",
    request_body = Registration,
    responses(
        (status = 201, description = "The account was made.", body = Session),
        (status = 429, response = TooManyRequests),
    ),
)]
pub async fn register(
    State(db): State<Db>,
    State(passwords): State<Passwords>,
    State(tokens): State<Tokens>,
    State(limits): State<Limits>,
    ClientAddress(client): ClientAddress,
    Origin(origin): Origin,
    payload: Payload,
) -> Result<(StatusCode, Json<Session>)> {
    let mut form = Form::new(payload.fields().await?);
    let email = form
        .required("email", &EMAIL)
        .map(|email| users::normalize_email(&email));
    let name = form.required("name", &users::NAME);
    let password = form.required("password", &PASSWORD).map(SecretString::from);
    let mut claim = Claim::default();
    if let Some(email) = &email {
        // Whether an address is taken is worth something, too.
        claim = limits.registration(client)?;
        if repository::is_email_taken(&db, email, None).await? {
            form.reject("email", EMAIL_TAKEN);
        }
    }
    let ((email, name), password) = form.complete(email.zip(name).zip(password))?;

    let password = passwords.with(claim).hash(password).await?;
    let user = repository::create(&db, NewUser::member(email, name, password)).await?;
    limits.registered(client, &user.email);
    let session = Session::start(&tokens, user, &origin)?;
    Ok((StatusCode::CREATED, Json(session)))
}

/// Begins a session.
#[utoipa::path(
    post,
    path = "/api/auth/login/",
    tag = "auth",
    request_body = Login,
    responses(
        (status = 200, description = "Who it is.", body = Session),
        (status = 400, response = BadWordedBody),
        (
            status = 401,
            description = "There is no such account, the password is another, or the account was disabled.",
            body = RefusalBody,
        ),
        (status = 429, response = TooManyRequests),
    ),
)]
pub async fn login(
    State(db): State<Db>,
    State(passwords): State<Passwords>,
    State(tokens): State<Tokens>,
    State(limits): State<Limits>,
    ClientAddress(client): ClientAddress,
    Origin(origin): Origin,
    payload: Payload,
) -> Result<Json<Session>> {
    const MISSING: Error =
        Error::Refused(StatusCode::BAD_REQUEST, "Email and password are required");
    const WRONG: Error = Error::Refused(StatusCode::UNAUTHORIZED, "Invalid credentials");
    const TOO_LONG: Error = Error::Refused(
        StatusCode::BAD_REQUEST,
        "Password is longer than 4096 characters",
    );

    let fields = payload.fields().await?;
    let given = |name| {
        fields
            .get(name)
            .filter(|value| !python::is_falsy(value))
            .ok_or(MISSING)
    };
    let (email, password) = (given("email")?, given("password")?);
    let (Some(email), Some(password)) = (python::text_of(email), python::text_of(password)) else {
        return Err(WRONG);
    };
    if password.chars().count() > password::MAX_LENGTH {
        return Err(TOO_LONG);
    }
    let password = SecretString::from(password);

    let attempt = passwords.admit(limits.login(client, &email)?)?;
    let user = prove(&db, &passwords, attempt, &email, password)
        .await?
        .ok_or(WRONG)?;
    if !user.is_active {
        return Err(Error::Refused(
            StatusCode::UNAUTHORIZED,
            "User account is disabled",
        ));
    }
    Session::start(&tokens, user, &origin).map(Json)
}

/// The account, active or not, whose address and password these are, which the attempt was made with. It takes as long if
/// there is none.
///
/// # Errors
/// The database failed, or the server is busy with other passwords.
pub async fn prove(
    db: &Db,
    passwords: &Passwords,
    attempt: Attempt,
    email: &str,
    password: SecretString,
) -> Result<Option<User>> {
    let passwords = passwords.with(attempt.claim());
    let found = repository::find_credentials(db, email).await?;
    let stored = found
        .as_ref()
        .map(|credentials| credentials.password.as_str());
    let verdict = passwords.attempt(attempt, password.clone(), stored).await?;
    let (Some(credentials), Verdict::Right { outdated }) = (found, verdict) else {
        return Ok(None);
    };
    if outdated
        && credentials.user.is_active
        && let Err(error) = rehash(db, &passwords, &credentials, password).await
    {
        // The password is right all the same, and there will be another login.
        tracing::warn!(?error, "a password could not be hashed anew");
    }
    Ok(Some(credentials.user))
}

/// Replaces a hash made by another method or with other costs.
async fn rehash(
    db: &Db,
    passwords: &Passwords,
    credentials: &Credentials,
    password: SecretString,
) -> Result<()> {
    let fresh = passwords.hash(password).await?;
    repository::replace_password(db, credentials.user.id, &credentials.password, &fresh).await?;
    Ok(())
}

/// Issues another access token.
#[utoipa::path(
    post,
    path = "/api/auth/refresh/",
    tag = "auth",
    request_body = Refresh,
    responses(
        (status = 200, description = "The token is good.", body = AccessToken),
        (status = 400, response = BadWordedBody),
        (
            status = 401,
            description = "The token is not or no longer good, or the account was disabled.",
            body = RefusalBody,
            example = json!({ "error": "Invalid or expired refresh token" }),
        ),
        (
            status = 404,
            description = "The account is gone.",
            body = RefusalBody,
            example = json!({ "error": "User not found" }),
        ),
    ),
)]
pub async fn refresh(
    State(db): State<Db>,
    State(tokens): State<Tokens>,
    payload: Payload,
) -> Result<Json<AccessToken>> {
    const REQUIRED: Error = Error::Refused(StatusCode::BAD_REQUEST, "Refresh token is required");
    const BAD: Error = Error::Refused(StatusCode::UNAUTHORIZED, "Invalid or expired refresh token");

    let fields = payload.fields().await?;
    let token = fields
        .get("refresh_token")
        .filter(|value| !python::is_falsy(value))
        .ok_or(REQUIRED)?;
    let verified = token
        .as_str()
        .and_then(|token| tokens.verify(token.as_bytes(), Kind::Refresh))
        .ok_or(BAD)?;
    let user = repository::find(&db, verified.user)
        .await?
        .ok_or(Error::Refused(StatusCode::NOT_FOUND, "User not found"))?;
    if user.token_generation != verified.generation {
        return Err(BAD);
    }
    if !user.is_active {
        return Err(Error::Refused(
            StatusCode::UNAUTHORIZED,
            "User account is disabled",
        ));
    }
    AccessToken::issue(&tokens, &user).map(Json)
}

/// Ends a session. Tokens are stateless: it is the client that forgets them.
#[utoipa::path(
    post,
    path = "/api/auth/logout/",
    tag = "auth",
    responses((status = 200, description = "There is nothing else to do.", body = Goodbye)),
)]
pub async fn logout(_: CurrentUser) -> Json<Goodbye> {
    Json(Goodbye {
        message: "Successfully logged out",
    })
}

/// Issues a ticket for an event stream or a socket, which may stand in an address where the access token must not.
#[utoipa::path(
    post,
    path = "/api/auth/stream_ticket/",
    tag = "auth",
    responses((status = 200, description = "A ticket for one minute.", body = StreamTicket)),
)]
pub async fn stream_ticket(
    CurrentUser(user): CurrentUser,
    State(tokens): State<Tokens>,
) -> Result<Json<StreamTicket>> {
    StreamTicket::issue(&tokens, &user).map(Json)
}
