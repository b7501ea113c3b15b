//! How often what may be done.

use super::env::Reader;

/// How often what may be done; 0 is as often as one likes.
#[derive(Clone, Debug)]
pub struct LimitsConfig {
    /// `LOGIN_FAILURES_PER_ADDRESS_PER_HOUR`: wrong passwords from one address.
    pub login_failures_per_address: u32,
    /// `LOGIN_FAILURES_PER_ACCOUNT_PER_HOUR`: wrong passwords for one e-mail address.
    pub login_failures_per_account: u32,
    /// `REGISTRATIONS_PER_ADDRESS_PER_HOUR`: accounts made from one address, or tried to.
    pub registrations_per_address: u32,
    /// `REQUESTS_PER_USER_PER_MINUTE`: requests of one user's.
    pub requests_per_user: u32,
}

impl LimitsConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut limit = |name, default| reader.number(name, default, 0..=1_000_000);
        Self {
            login_failures_per_address: limit("LOGIN_FAILURES_PER_ADDRESS_PER_HOUR", 1000),
            login_failures_per_account: limit("LOGIN_FAILURES_PER_ACCOUNT_PER_HOUR", 100),
            registrations_per_address: limit("REGISTRATIONS_PER_ADDRESS_PER_HOUR", 1000),
            requests_per_user: limit("REQUESTS_PER_USER_PER_MINUTE", 0),
        }
    }
}
