//! Counting by key.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota, RateLimiter};

use super::Throttled;

/// How many keys are counted at most, some 20 MB. Beyond that new ones are not, rather than that an attacker who has so
/// many addresses uses up the memory or shuts everybody out.
const MOST_KEYS: usize = 500_000;

type Limiter = RateLimiter<u64, Counts, DefaultClock, StateInformationMiddleware>;

/// A limit, and what is left of it for each key.
pub struct Buckets {
    name: &'static str,
    quota: Quota,
    window: Duration,
    limiter: Limiter,
    counts: Counts,
}

/// What is left of a limit.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub policy: Policy,
    pub remaining: u32,
}

/// A limit, as clients are told of it.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub name: &'static str,
    /// How often something may be done at once, and in a window.
    pub quota: u32,
    pub window: Duration,
}

impl Buckets {
    /// `most` times at once, and as often again in each `window`, evenly. `None` if `most` is 0: then nothing is limited.
    pub fn new(name: &'static str, most: u32, window: Duration) -> Option<Self> {
        let most = NonZeroU32::new(most)?;
        let quota = Quota::with_period(window / most.get())?.allow_burst(most);
        let counts = Counts::default();
        Some(Self {
            name,
            quota,
            window,
            limiter: Limiter::new(quota, counts.clone(), DefaultClock::default()),
            counts,
        })
    }

    /// Takes one from a key's bucket.
    ///
    /// # Errors
    /// It is empty.
    pub fn take(&self, key: u64) -> Result<Room, Throttled> {
        let policy = Policy {
            name: self.name,
            quota: self.quota.burst_size().get(),
            window: self.window,
        };
        match self.limiter.check_key(&key) {
            Ok(state) => Ok(Room {
                policy,
                remaining: state.remaining_burst_capacity(),
            }),
            Err(refused) => Err(Throttled {
                policy,
                wait: refused.wait_time_from(self.limiter.clock().now()),
            }),
        }
    }

    /// Puts back what was taken.
    pub fn give_back(&self, key: u64) {
        if let Some(count) = self.counts.lock().get_mut(&key) {
            *count = count.saturating_sub(self.quota.replenish_interval().into());
        }
    }

    /// Forgets the buckets that are full.
    pub fn sweep(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

/// When each key's bucket will be full. Governor's own store has no way to give something back, and no end.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<HashMap<u64, Nanos>>>);

impl Counts {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Nanos>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for Counts {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut counts = self.lock();
        let known = counts.get(key).copied();
        let (told, next) = measure(known)?;
        if known.is_some() || counts.len() < MOST_KEYS {
            counts.insert(*key, next);
        }
        Ok(told)
    }
}

impl ShrinkableKeyedStateStore<u64> for Counts {
    fn retain_recent(&self, drop_below: Nanos) {
        self.lock().retain(|_, count| *count > drop_below);
    }

    fn shrink_to_fit(&self) {
        let mut counts = self.lock();
        // Not at once: where many came, many may come again.
        let least = counts.capacity() / 4;
        counts.shrink_to(least);
    }

    fn len(&self) -> usize {
        self.lock().len()
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let buckets = Buckets::new("test", 3, HOUR).unwrap();
        for left in [2, 1, 0] {
            assert_eq!(buckets.take(1).unwrap().remaining, left);
        }
        let refused = buckets.take(1).unwrap_err();
        assert_eq!(refused.seconds(), 1200);
        assert!(buckets.take(2).is_ok(), "another key has its own");
        buckets.give_back(1);
        assert_eq!(buckets.take(1).unwrap().remaining, 0);
        assert!(buckets.take(1).is_err());
    }

    #[test]
    fn full_buckets_are_forgotten_and_the_number_of_keys_has_an_end() {
        let buckets = Buckets::new("test", 1_000_000, Duration::from_millis(1_000)).unwrap();
        for key in 0..MOST_KEYS as u64 + 10 {
            buckets.take(key).unwrap();
        }
        assert!(buckets.counts.lock().len() <= MOST_KEYS);
        std::thread::sleep(Duration::from_millis(1));
        buckets.sweep();
        assert!(buckets.counts.is_empty());
        assert!(buckets.counts.lock().capacity() < MOST_KEYS);
    }

    #[test]
    fn zero_is_no_limit() {
        assert!(Buckets::new("test", 0, HOUR).is_none());
    }
}
