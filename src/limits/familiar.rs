//! Who was here before.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// After how many newcomers the oldest are forgotten.
const GENERATION: usize = 50_000;

/// Remembers the last to have been here: at least one generation of them, at most two.
#[derive(Default)]
pub struct Familiar(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    new: HashSet<u64>,
    old: HashSet<u64>,
}

impl Familiar {
    pub fn insert(&self, who: u64) {
        let mut generations = self.generations();
        generations.new.insert(who);
        if generations.new.len() >= GENERATION {
            generations.old = std::mem::take(&mut generations.new);
        }
    }

    pub fn contains(&self, who: u64) -> bool {
        let generations = self.generations();
        generations.new.contains(&who) || generations.old.contains(&who)
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_remembered_and_not_everybody() {
        let familiar = Familiar::default();
        let count = 5 * GENERATION as u64;
        (0..count).for_each(|who| familiar.insert(who));
        assert!((count - GENERATION as u64 + 1..count).all(|who| familiar.contains(who)));
        assert!(!familiar.contains(0));
        let generations = familiar.generations();
        assert!(generations.new.len() + generations.old.len() <= 2 * GENERATION);
    }
}
