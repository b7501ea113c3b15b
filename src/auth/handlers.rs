//! Register, login, refresh, logout.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};

use super::CurrentUser;
use super::password::{self, PASSWORD, Passwords, Verdict};
use super::token::{Kind, TICKET_LIFETIME, Tokens};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::fields::{EMAIL, Form};
use crate::http::origin::Origin;
use crate::http::payload::Payload;
use crate::http::python;
use crate::users::{self, Credentials, EMAIL_TAKEN, NewUser, User, UserBody, repository};

/// What a client gets that has proved who it is.
#[derive(Serialize)]
pub struct Session {
    user: UserBody,
    access_token: String,
    refresh_token: String,
}

impl Session {
    /// Issues both tokens. `origin` is where the client finds us.
    ///
    /// # Errors
    /// Signing failed, which is a fault of ours.
    pub fn start(tokens: &Tokens, user: User, origin: &str) -> Result<Self> {
        Ok(Self {
            access_token: tokens.issue(&user, Kind::Access)?,
            refresh_token: tokens.issue(&user, Kind::Refresh)?,
            user: UserBody::new(user, origin),
        })
    }
}

pub async fn register(
    State(db): State<Db>,
    State(passwords): State<Passwords>,
    State(tokens): State<Tokens>,
    Origin(origin): Origin,
    payload: Payload,
) -> Result<(StatusCode, Json<Session>)> {
    let mut form = Form::new(payload.fields().await?);
    let email = form
        .required("email", &EMAIL)
        .map(|email| users::normalize_email(&email));
    let name = form.required("name", &users::NAME);
    let password = form.required("password", &PASSWORD).map(SecretString::from);
    if let Some(email) = &email
        && repository::is_email_taken(&db, email, None).await?
    {
        form.reject("email", EMAIL_TAKEN);
    }
    let ((email, name), password) = form.complete(email.zip(name).zip(password))?;

    let password = passwords.hash(password).await?;
    let user = repository::create(&db, NewUser::member(email, name, password)).await?;
    let session = Session::start(&tokens, user, &origin)?;
    Ok((StatusCode::CREATED, Json(session)))
}

pub async fn login(
    State(db): State<Db>,
    State(passwords): State<Passwords>,
    State(tokens): State<Tokens>,
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

    let user = prove(&db, &passwords, &email, password)
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

/// The account, active or not, whose address and password these are. It takes as long if there is none.
///
/// # Errors
/// The database failed, or the server is busy with other passwords.
pub async fn prove(
    db: &Db,
    passwords: &Passwords,
    email: &str,
    password: SecretString,
) -> Result<Option<User>> {
    let found = repository::find_credentials(db, email).await?;
    let stored = found
        .as_ref()
        .map(|credentials| credentials.password.as_str());
    let verdict = passwords.verify(password.clone(), stored).await?;
    let (Some(credentials), Verdict::Right { outdated }) = (found, verdict) else {
        return Ok(None);
    };
    if outdated
        && credentials.user.is_active
        && let Err(error) = rehash(db, passwords, &credentials, password).await
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

pub async fn refresh(
    State(db): State<Db>,
    State(tokens): State<Tokens>,
    payload: Payload,
) -> Result<Json<Value>> {
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
    Ok(Json(
        json!({ "access_token": tokens.issue(&user, Kind::Access)? }),
    ))
}

/// Tokens are stateless: the client forgets them.
pub async fn logout(_: CurrentUser) -> Json<Value> {
    Json(json!({ "message": "Successfully logged out" }))
}

/// Issues a ticket for an event stream, which may stand in an address where the access token must not.
pub async fn stream_ticket(
    CurrentUser(user): CurrentUser,
    State(tokens): State<Tokens>,
) -> Result<Json<Value>> {
    Ok(Json(json!({
        "ticket": tokens.issue(&user, Kind::Stream)?,
        "expires_in": TICKET_LIFETIME.as_secs(),
    })))
}
