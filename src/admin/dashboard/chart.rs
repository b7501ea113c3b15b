//! Charts of bars, one for each day.

use super::model::{Day, DayCounts};

/// The size of a chart, in the units of its drawing.
pub const WIDTH: f64 = 300.0;
pub const HEIGHT: f64 = 60.0;

/// How much of the width that a bar has is its own.
const FILL: f64 = 0.8;

/// A chart, ready to be drawn.
pub struct Chart {
    pub name: &'static str,
    pub total: i64,
    /// All of it in a sentence, for those who do not see it.
    pub summary: String,
    pub bars: Vec<Bar>,
}

/// A day's bar.
pub struct Bar {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    pub label: String,
}

impl Chart {
    /// What `count` finds in each day.
    pub fn new(name: &'static str, days: &[Day], count: fn(&DayCounts) -> i64) -> Self {
        let counts: Vec<_> = days.iter().map(|day| count(&day.counts)).collect();
        let total = counts.iter().sum();
        let most = counts.iter().copied().max().unwrap_or_default();
        let step = WIDTH / days.len().max(1) as f64;
        let bars = days
            .iter()
            .zip(&counts)
            .zip(0..)
            .map(|((day, &count), number)| {
                let height = HEIGHT * count as f64 / most.max(1) as f64;
                Bar {
                    x: step * f64::from(number),
                    y: HEIGHT - height,
                    width: step * FILL,
                    height,
                    label: format!("{}: {count}", day.date),
                }
            });
        let summary = match days.iter().zip(&counts).rfind(|(_, count)| **count == most) {
            Some((day, _)) if most > 0 => {
                format!(
                    "{name} per day: {total} in {} days, most on {}: {most}",
                    days.len(),
                    day.date
                )
            }
            _ => format!("{name} per day: none in {} days", days.len()),
        };
        Self {
            name,
            total,
            summary,
            bars: bars.collect(),
        }
    }
}
