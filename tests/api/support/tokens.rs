//! Tokens as anybody could make them who knows, or does not know, the secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};

use super::SECRET;

/// Signs claims as the server does.
pub fn mint(claims: &Value) -> String {
    mint_with(&json!({ "alg": "HS256", "typ": "JWT" }), claims, SECRET)
}

/// Signs claims as the header says, with HS256 where it names no other HMAC; `none` gets no signature.
pub fn mint_with(header: &Value, claims: &Value, secret: &str) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let message = format!("{}.{}", encode(header), encode(claims));
    let (key, text) = (secret.as_bytes(), message.as_bytes());
    let signature = match header["alg"].as_str() {
        Some("none") => Vec::new(),
        Some("HS384") => sign::<Hmac<Sha384>>(key, text),
        Some("HS512") => sign::<Hmac<Sha512>>(key, text),
        _ => sign::<Hmac<Sha256>>(key, text),
    };
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn sign<M: Mac + KeyInit>(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mac = <M as KeyInit>::new_from_slice(key).expect("a key");
    mac.chain_update(text).finalize().into_bytes().to_vec()
}

/// The header and the claims of a token, unchecked.
pub fn read(token: &str) -> (Value, Value) {
    let parts: Vec<Value> = token
        .split('.')
        .take(2)
        .map(|part| {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
        })
        .collect();
    (parts[0].clone(), parts[1].clone())
}

/// Seconds since 1970.
pub fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// The claims of a good access token.
pub fn access(user_id: &str) -> Value {
    json!({
        "user_id": user_id, "email": "ann@example.com", "type": "access", "iat": now() - 10, "exp": now() + 600,
    })
}
