//! The two JSON web tokens (RFC 7519) of the contract, and one for event streams. They are stateless and the original's:
//! what either server signed, the other one takes, as long as both know the same secret.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::hmac_provider;
use crate::config::AuthConfig;
use crate::error::{Error, Result};
use crate::http::path::parse_uuid;
use crate::users::User;

/// How long a ticket for a stream is good for: addresses are written into the logs of proxies.
pub const TICKET_LIFETIME: Duration = Duration::from_secs(60);

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Calling the API.
    Access,
    /// Getting another access token.
    Refresh,
    /// Watching answers, by event stream or socket, where the token has to stand in the address.
    Stream,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::Stream => "stream",
        }
    }
}

/// What a good token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whom it was issued for.
    pub user: Uuid,
    /// The generation of the user's tokens that it is of.
    pub generation: i32,
    /// From when on it is good no more; `None` if it stays good.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Issues and verifies tokens. Cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Keys>);

struct Keys {
    header: Header,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    access_lifetime: Duration,
    refresh_lifetime: Duration,
}

#[derive(Serialize)]
struct NewClaims<'a> {
    user_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    exp: i64,
    iat: i64,
    #[serde(rename = "type")]
    kind: Kind,
    /// `None` before the first change of the password: then a token is as the original's are.
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<i32>,
}

impl Tokens {
    /// Tokens signed with a secret.
    pub fn new(config: &AuthConfig, secret: &SecretString) -> Self {
        hmac_provider::install();
        let secret = secret.expose_secret().as_bytes();
        let mut validation = Validation::new(Algorithm::HS256);
        // The times are checked here, because the contract knows no leeway.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Self(Arc::new(Keys {
            header: Header::new(Algorithm::HS256),
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            access_lifetime: config.access_token_lifetime,
            refresh_lifetime: config.refresh_token_lifetime,
        }))
    }

    /// A new token for a user.
    ///
    /// # Errors
    /// Signing failed, which is a fault of ours.
    pub fn issue(&self, user: &User, kind: Kind) -> Result<String> {
        let (email, lifetime) = match kind {
            Kind::Access => (Some(user.email.as_str()), self.0.access_lifetime),
            Kind::Refresh => (None, self.0.refresh_lifetime),
            Kind::Stream => (None, TICKET_LIFETIME),
        };
        let iat = Utc::now().timestamp();
        let claims = NewClaims {
            user_id: user.id,
            email,
            exp: iat.saturating_add_unsigned(lifetime.as_secs()),
            iat,
            kind,
            generation: (user.token_generation > 0).then_some(user.token_generation),
        };
        jsonwebtoken::encode(&self.0.header, &claims, &self.0.encoding)
            .map_err(|error| Error::Internal(error.into()))
    }

    /// How long an access token is good for that is issued now.
    pub fn access_lifetime(&self) -> Duration {
        self.0.access_lifetime
    }

    /// What a token says; `None` if it is not good for this purpose now.
    ///
    /// As in the original, a token without `exp` does not expire: only the secret's holder can make one.
    pub fn verify(&self, token: &[u8], kind: Kind) -> Option<Verified> {
        // Of whatever types: the signature only tells that the secret's holder wrote them.
        let claims =
            jsonwebtoken::decode::<Map<String, Value>>(token, &self.0.decoding, &self.0.validation)
                .ok()?
                .claims;
        let now = Utc::now().timestamp_micros() as f64 / 1e6;
        let time = |name| claims.get(name).map(|time| time.as_f64().map(f64::trunc));
        let exp = time("exp");
        let expires_later = exp.is_none_or(|exp| exp.is_some_and(|exp| exp > now));
        let is_past = |name| time(name).is_none_or(|since| since.is_some_and(|since| since <= now));
        let is_kind = claims.get("type")?.as_str()? == kind.as_str();
        let good = is_kind && expires_later && is_past("iat") && is_past("nbf");
        let user = claims
            .get("user_id")?
            .as_str()
            .filter(|_| good)
            .and_then(parse_uuid)?;
        let generation = match claims.get("generation") {
            None => 0,
            Some(generation) => generation.as_i64()?.try_into().ok()?,
        };
        Some(Verified {
            user,
            generation,
            // A time beyond those that can be told is none that anybody lives to see.
            expires_at: exp
                .flatten()
                .and_then(|exp| DateTime::from_timestamp(exp as i64, 0)),
        })
    }
}
