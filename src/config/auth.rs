//! Tokens and passwords.

use std::time::Duration;

use super::DatabaseConfig;
use super::env::Reader;
use super::secret::JwtSecret;

/// Tokens and passwords.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// `JWT_SECRET_KEY`, or `SECRET_KEY`: signs the tokens.
    pub jwt_secret: JwtSecret,
    /// `JWT_ACCESS_TOKEN_EXPIRE_MINUTES`.
    pub access_token_lifetime: Duration,
    /// `JWT_REFRESH_TOKEN_EXPIRE_DAYS`.
    pub refresh_token_lifetime: Duration,
    /// `ARGON2_MEMORY_KIB`, in KiB.
    pub argon2_memory: u32,
    /// `ARGON2_ITERATIONS`.
    pub argon2_iterations: u32,
    /// `ARGON2_PARALLELISM`.
    pub argon2_parallelism: u32,
    /// `PASSWORD_HASH_CONCURRENCY`: how many passwords are hashed at a time.
    pub hash_concurrency: usize,
}

impl AuthConfig {
    pub(super) fn read(reader: &mut Reader<'_>, debug: bool, database: &DatabaseConfig) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
        // RFC 9106 wants at least 8 KiB for each lane.
        let parallelism = reader.number("ARGON2_PARALLELISM", 1, 1..=64);
        Self {
            jwt_secret: JwtSecret::read(reader, debug, database),
            access_token_lifetime: Duration::from_secs(
                60 * reader.number::<u64>("JWT_ACCESS_TOKEN_EXPIRE_MINUTES", 60, 1..=525_600),
            ),
            refresh_token_lifetime: days(reader.number(
                "JWT_REFRESH_TOKEN_EXPIRE_DAYS",
                7,
                1..=3650,
            )),
            argon2_memory: reader.number(
                "ARGON2_MEMORY_KIB",
                19 * 1024,
                8 * parallelism..=4 * 1024 * 1024,
            ),
            argon2_iterations: reader.number("ARGON2_ITERATIONS", 2, 1..=100),
            argon2_parallelism: parallelism,
            hash_concurrency: reader.number(
                "PASSWORD_HASH_CONCURRENCY",
                (cores / 2).max(1),
                1..=1024,
            ),
        }
    }
}
