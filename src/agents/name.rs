//! Names for copies of agents.

use std::collections::HashSet;

/// Longest name of an agent, in characters.
pub const LONGEST: usize = 100;

/// How many characters are left for ` (copy 1234567)` where a name is long.
const ROOM: usize = 15;

/// How the names of all copies of an agent of this name begin.
pub fn common_start(name: &str) -> String {
    name.chars().take(LONGEST - ROOM).collect()
}

/// The first of `name (copy)`, `name (copy 2)`, … that is not taken, shortened in front of the parenthesis if need be.
pub fn free_name(name: &str, taken: &HashSet<String>) -> String {
    let mut number = 1;
    loop {
        let suffix = match number {
            1 => " (copy)".to_owned(),
            number => format!(" (copy {number})"),
        };
        let mut copy: String = name.chars().take(LONGEST - suffix.len()).collect();
        copy.push_str(&suffix);
        if !taken.contains(&copy) {
            return copy;
        }
        number += 1;
    }
}
