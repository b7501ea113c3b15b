//! Secrets that only their holder knows, and what is kept of them here.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// 256 random bits, as text that fits into cookies and addresses.
#[derive(Clone)]
pub struct Secret(String);

/// The length of the text of a secret.
const LENGTH: usize = 43;

impl Secret {
    /// A new one.
    pub fn new() -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
    }

    /// One that somebody shows; `None` if it cannot be one.
    pub fn shown(text: &str) -> Option<Self> {
        let is_one = text.len() == LENGTH
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        is_one.then(|| Self(text.to_owned()))
    }

    /// The text, for its holder alone.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it. Who reads that cannot tell the secret from it.
    pub fn digest(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&self.0))
    }

    /// A token that only pages for the holder of the secret contain, for their forms.
    pub fn form_token(&self) -> String {
        match Hmac::<Sha256>::new_from_slice(self.0.as_bytes()) {
            Ok(hmac) => {
                let tag = hmac.chain_update(b"form").finalize().into_bytes();
                BASE64_URL_SAFE_NO_PAD.encode(tag)
            }
            // HMAC takes keys of every length.
            Err(_) => Self::new().0,
        }
    }
}

/// Compares in constant time.
pub fn are_equal(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}
