//! How often what may be done: logins by address and by account, registrations by address, requests by user.
//!
//! Each process counts for itself and in memory: a restart forgets, and several replicas let through several times as
//! much. A count is a bucket that is full at first and fills up again slowly, so that a burst does no harm.

mod bucket;
mod familiar;
mod throttled;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use bucket::Buckets;
pub use bucket::Room;
use familiar::Familiar;
pub use throttled::Throttled;

use crate::config::LimitsConfig;
use crate::users;
use crate::workers::Claim;

const HOUR: Duration = Duration::from_secs(60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

/// How often what is as good as new is forgotten.
const SWEEP: Duration = MINUTE;

/// The counts of this process. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Limits(Arc<Inner>);

struct Inner {
    /// What is counted is known by its hash, so that a long address of an e-mail takes no more memory than a short one,
    /// and nobody can choose two that collide.
    hasher: RandomState,
    logins_by_address: Option<Buckets>,
    logins_by_account: Option<Buckets>,
    registrations: Option<Buckets>,
    requests: Option<Buckets>,
    familiar: Familiar,
}

/// A try at a password, counted as a wrong one until it is [forgiven](Attempt::forgive).
#[must_use = "a try that is not forgiven counts as a wrong password"]
pub struct Attempt {
    limits: Limits,
    address: Option<u64>,
    account: u64,
    /// Who is remembered if the password is right.
    pair: Option<u64>,
    claim: Claim,
}

impl Limits {
    /// Counts as configured.
    pub fn new(config: &LimitsConfig) -> Self {
        let buckets = |name, most, window| Buckets::new(name, most, window);
        Self(Arc::new(Inner {
            hasher: RandomState::new(),
            logins_by_address: buckets("login-address", config.login_failures_per_address, HOUR),
            logins_by_account: buckets("login-account", config.login_failures_per_account, HOUR),
            registrations: buckets("registration", config.registrations_per_address, HOUR),
            requests: buckets("user", config.requests_per_user, MINUTE),
            familiar: Familiar::default(),
        }))
    }

    /// Before a password is checked for an account, whether there is one or not. `client` is who tries.
    ///
    /// An address from which somebody logged in to the account before has a count of its own for it: others who try,
    /// from there or from elsewhere, do not keep that somebody out.
    ///
    /// # Errors
    /// There were too many wrong ones, from the address or for the account.
    pub fn login(&self, client: Option<IpAddr>, email: &str) -> Result<Attempt, Throttled> {
        let email = users::email_key(email);
        let source = self.source(client);
        let pair = self.hash(("pair", source, &email));
        let familiar = self.0.familiar.contains(pair);
        let (address, account) = if familiar {
            (None, pair)
        } else {
            (Some(source), self.hash(("account", &email)))
        };
        if let Some(address) = address {
            take(self.0.logins_by_address.as_ref(), address)?;
        }
        if let Err(throttled) = take(self.0.logins_by_account.as_ref(), account) {
            // It was not tried.
            if let Some(address) = address {
                give_back(self.0.logins_by_address.as_ref(), address);
            }
            return Err(throttled);
        }
        Ok(Attempt {
            limits: self.clone(),
            address,
            account,
            pair: Some(pair),
            claim: Claim { source, familiar },
        })
    }

    /// Before the password of somebody who is logged in is asked for again.
    ///
    /// # Errors
    /// There were too many wrong ones.
    pub fn confirmation(&self, user: Uuid) -> Result<Attempt, Throttled> {
        let account = self.hash(("confirmation", user));
        take(self.0.logins_by_account.as_ref(), account)?;
        Ok(Attempt {
            limits: self.clone(),
            address: None,
            account,
            pair: None,
            claim: Claim {
                source: account,
                familiar: true,
            },
        })
    }

    /// Before an account is made. Returns what to claim a turn at hashing its password with.
    ///
    /// # Errors
    /// There were too many from this address.
    pub fn registration(&self, client: Option<IpAddr>) -> Result<Claim, Throttled> {
        let source = self.source(client);
        take(self.0.registrations.as_ref(), source)?;
        Ok(Claim {
            source,
            familiar: false,
        })
    }

    /// That somebody made an account here, and is no stranger any more.
    pub fn registered(&self, client: Option<IpAddr>, email: &str) {
        let pair = ("pair", self.source(client), users::email_key(email));
        self.0.familiar.insert(self.hash(pair));
    }

    /// Before a request of a user's is answered. `None` if these are not limited.
    ///
    /// # Errors
    /// There were too many.
    pub fn request(&self, user: Uuid) -> Result<Option<Room>, Throttled> {
        take(self.0.requests.as_ref(), self.hash(user))
    }

    /// Forgets, now and then, what is as good as new, until the server ends.
    pub async fn sweep(self, draining: CancellationToken) {
        while draining.run_until_cancelled(sleep(SWEEP)).await.is_some() {
            let inner = &self.0;
            let all = [
                &inner.logins_by_address,
                &inner.logins_by_account,
                &inner.registrations,
                &inner.requests,
            ];
            all.into_iter().flatten().for_each(Buckets::sweep);
        }
    }

    /// Where something comes from. Who has an IPv6 address has all with the same first half.
    fn source(&self, client: Option<IpAddr>) -> u64 {
        let bits = client.map(|address| match address.to_canonical() {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64 | 1 << 63,
        });
        self.hash(("address", bits))
    }

    fn hash(&self, what: impl std::hash::Hash) -> u64 {
        self.0.hasher.hash_one(what)
    }
}

impl Attempt {
    /// What to claim a turn at checking the password with.
    pub fn claim(&self) -> Claim {
        self.claim
    }

    /// That the password was right: the try does not count, and who made it is no stranger any more.
    pub fn succeeded(self) {
        if let Some(pair) = self.pair {
            self.limits.0.familiar.insert(pair);
        }
        self.forgive();
    }

    /// That the password was not looked at: the try does not count.
    pub fn forgive(self) {
        let limits = &self.limits.0;
        give_back(limits.logins_by_account.as_ref(), self.account);
        if let Some(address) = self.address {
            give_back(limits.logins_by_address.as_ref(), address);
        }
    }
}

fn take(buckets: Option<&Buckets>, key: u64) -> Result<Option<Room>, Throttled> {
    buckets.map(|buckets| buckets.take(key)).transpose()
}

fn give_back(buckets: Option<&Buckets>, key: u64) {
    if let Some(buckets) = buckets {
        buckets.give_back(key);
    }
}
