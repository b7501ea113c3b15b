//! Hashing and checking passwords, without letting either slow anything else down.

use std::sync::Arc;

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::config::AuthConfig;
use crate::error::{Error, Result};
use crate::http::fields::Text;
use crate::limits::Attempt;
use crate::workers::{Claim, Workers};

/// The longest password that is hashed, in characters: hashing a longer one would be a way to burn our time.
pub const MAX_LENGTH: usize = 4096;

/// The rule for a new password. It is taken as typed: white space belongs to it.
pub const PASSWORD: Text = Text {
    min: 8,
    keeps_space: true,
    ..Text::new(MAX_LENGTH)
};

/// The most rounds of PBKDF2 that a stored hash may ask for, several times what Django asks for today.
const MAX_PBKDF2_ROUNDS: u32 = 5_000_000;

/// The most memory, in KiB, and passes that a hash of Django's may ask of Argon2; today it asks for 100 MiB and 2.
const MAX_ARGON2_MEMORY: u32 = 512 * 1024;
const MAX_ARGON2_PASSES: u32 = 32;

/// Hashes and checks passwords, a few at a time, each on a thread of its own. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    workers: Workers,
    claim: Claim,
    /// A hash of no password, checked when there is no user, so that this takes as long as a wrong password.
    dummy_hash: Arc<str>,
}

/// What became of checking a password.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not the one.
    Wrong,
    /// It is the one.
    Right {
        /// Whether it was hashed by another method or with other costs than are configured now.
        outdated: bool,
    },
}

impl Passwords {
    /// Argon2id with the configured costs.
    ///
    /// # Errors
    /// The costs do not go together.
    pub fn new(config: &AuthConfig) -> argon2::password_hash::Result<Self> {
        let params = Params::new(
            config.argon2_memory,
            config.argon2_iterations,
            config.argon2_parallelism,
            None,
        )?;
        let output: [u8; Params::DEFAULT_OUTPUT_LEN] = rand::random();
        let dummy_hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::default().into()),
            params: (&params).try_into()?,
            salt: Some(Salt::new(&rand::random::<[u8; 16]>())?),
            hash: Some(Output::new(&output)?),
        };
        Ok(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::default(), params),
            workers: Workers::new("password", config.hash_concurrency),
            claim: Claim::default(),
            dummy_hash: dummy_hash.to_string().into(),
        })
    }

    /// The same, with this claim to a turn.
    #[must_use]
    pub fn with(&self, claim: Claim) -> Self {
        Self {
            claim,
            ..self.clone()
        }
    }

    /// The threads that do it.
    pub fn workers(&self) -> &Workers {
        &self.workers
    }

    /// Hashes a password for storing: a PHC string with a salt of its own.
    ///
    /// # Errors
    /// Too many wait; the system has no random bytes or no thread to give.
    pub async fn hash(&self, password: SecretString) -> Result<String> {
        let argon2 = self.argon2.clone();
        let hash = self
            .workers
            .run(self.claim, move || {
                argon2.hash_password(password.expose_secret().as_bytes())
            })
            .await?;
        hash.map(|hash| hash.to_string())
            .map_err(|error| Error::Internal(error.into()))
    }

    /// Refuses an attempt that there would be no time for, before the database is asked about it.
    ///
    /// # Errors
    /// `Unavailable` if too many wait.
    pub fn admit(&self, attempt: Attempt) -> Result<Attempt> {
        if self.workers.has_place(attempt.claim()) {
            Ok(attempt)
        } else {
            attempt.forgive();
            Err(Error::Unavailable)
        }
    }

    /// [Checks](Self::verify) a password that somebody tries, and tells the attempt how it ended.
    ///
    /// # Errors
    /// See [`Passwords::verify`].
    pub async fn attempt(
        &self,
        attempt: Attempt,
        password: SecretString,
        stored: Option<&str>,
    ) -> Result<Verdict> {
        let passwords = self.with(attempt.claim());
        let verdict = passwords.verify(password, stored).await;
        match &verdict {
            Ok(Verdict::Wrong) => {}
            Ok(Verdict::Right { .. }) => attempt.succeeded(),
            Err(_) => attempt.forgive(),
        }
        verdict
    }

    /// Checks a password against a stored hash, Argon2's or Django's. Without one, because there is no such user, or
    /// with one that is none, because the account has no password, it takes as long, and the password is wrong.
    ///
    /// # Errors
    /// Too many wait; the system has no thread to give.
    pub async fn verify(&self, password: SecretString, stored: Option<&str>) -> Result<Verdict> {
        let (argon2, dummy_hash) = (self.argon2.clone(), self.dummy_hash.clone());
        let stored = stored.map(str::to_owned);
        self.workers
            .run(self.claim, move || {
                let password = password.expose_secret().as_bytes();
                let verdict = stored.and_then(|stored| verify(&argon2, password, &stored));
                verdict.unwrap_or_else(|| {
                    verify(&argon2, password, &dummy_hash);
                    Verdict::Wrong
                })
            })
            .await
    }
}

/// `None` if what is stored is no hash.
fn verify(argon2: &Argon2<'_>, password: &[u8], stored: &str) -> Option<Verdict> {
    if let Some(right) = verify_django(password, stored) {
        return Some(if right {
            Verdict::Right { outdated: true }
        } else {
            Verdict::Wrong
        });
    }
    let hash = PasswordHash::new(stored).ok()?;
    if argon2.verify_password(password, &hash).is_err() {
        return Some(Verdict::Wrong);
    }
    let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    let is_current =
        Params::try_from(&hash).is_ok_and(|params| costs(&params) == costs(argon2.params()));
    Some(Verdict::Right {
        outdated: !is_current || hash.algorithm != Algorithm::Argon2id.ident(),
    })
}

/// The form in which a hash that Django stored is one for [`Passwords::verify`]; `None` if it can be checked in none.
pub fn from_django(stored: &str) -> Option<&str> {
    if parse_django(stored).is_some() {
        return Some(stored);
    }
    // Django puts the name of its method in front.
    let hash = stored.strip_prefix("argon2").unwrap_or(stored);
    let parsed = PasswordHash::new(hash).ok()?;
    let params = Params::try_from(&parsed).ok()?;
    (params.m_cost() <= MAX_ARGON2_MEMORY && params.t_cost() <= MAX_ARGON2_PASSES).then_some(hash)
}

/// Checks Django's `pbkdf2_sha256$rounds$salt$hash`; `None` if the hash is of another kind.
fn verify_django(password: &[u8], stored: &str) -> Option<bool> {
    let (rounds, salt, expected) = parse_django(stored)?;
    let actual = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt.as_bytes(), rounds);
    Some(bool::from(actual.as_slice().ct_eq(&expected)))
}

/// Rounds, salt and hash.
fn parse_django(stored: &str) -> Option<(u32, &str, Vec<u8>)> {
    let mut parts = stored.strip_prefix("pbkdf2_sha256$")?.split('$');
    let (rounds, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let rounds = rounds
        .parse()
        .ok()
        .filter(|rounds| (1..=MAX_PBKDF2_ROUNDS).contains(rounds))?;
    Some((rounds, salt, STANDARD.decode(hash).ok()?))
}
