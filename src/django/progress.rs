//! How far an import is, on standard error: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(10);

const STYLE: &str = "{bar:40} {human_pos} of {human_len} messages, {eta} left";

/// Counts messages.
pub struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    told: Instant,
}

impl Progress {
    /// Begins to count up to a number.
    pub fn new(total: u64) -> Self {
        let bar = ProgressBar::new(total);
        if let Ok(style) = ProgressStyle::with_template(STYLE) {
            bar.set_style(style);
        }
        Self {
            bar,
            is_terminal: io::stderr().is_terminal(),
            told: Instant::now(),
        }
    }

    /// Counts some more.
    pub fn add(&mut self, number: u64) {
        self.bar.inc(number);
        if !self.is_terminal && self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            let total = self.bar.length().unwrap_or_default();
            eprintln!("{} of {total} messages", self.bar.position());
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
