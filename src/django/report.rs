//! What became of each row.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};

use serde::Serialize;

/// How many rows of each outcome are told in [`Report`]'s text.
const SHOWN: usize = 20;

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is here now as it was there.
    BroughtIn,
    /// It is here now, with something about it changed.
    Adjusted,
    /// It was here already.
    AlreadyThere,
    /// It was here already, and was changed or deleted since, which stays so.
    Kept,
    /// It is not here.
    LeftOut,
}

impl Outcome {
    fn words(self) -> &'static str {
        match self {
            Self::BroughtIn => "brought in",
            Self::Adjusted => "brought in, changed",
            Self::AlreadyThere => "already there",
            Self::Kept => "kept as it is here",
            Self::LeftOut => "left out",
        }
    }
}

/// How many rows of a table came to which end.
#[derive(Debug, Default)]
pub struct Counts {
    brought_in: u64,
    adjusted: u64,
    already_there: u64,
    kept: u64,
    left_out: u64,
}

/// What is said of a row, as a line of a file.
#[derive(Serialize)]
struct Line<'a> {
    table: &'a str,
    id: &'a str,
    outcome: &'a str,
    reason: &'a str,
}

/// An account of an import. Its text is for a terminal and names some rows of each outcome; the file has all.
pub struct Report {
    counts: Vec<(&'static str, Counts)>,
    shown: Vec<(Outcome, String)>,
    /// What the old database has beside what is brought over, and how many rows.
    beyond: Vec<(String, i64)>,
    file: Option<BufWriter<File>>,
}

impl Report {
    /// One that also goes to a file.
    pub fn new(file: Option<File>) -> Self {
        Self {
            counts: Vec::new(),
            shown: Vec::new(),
            beyond: Vec::new(),
            file: file.map(BufWriter::new),
        }
    }

    /// Notes what became of a row of the old database, and why.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn row(
        &mut self,
        table: &'static str,
        id: &str,
        outcome: Outcome,
        reasons: &[String],
    ) -> io::Result<()> {
        self.rows(table, outcome, 1);
        if reasons.is_empty() {
            return Ok(());
        }
        let reason = reasons.join("; ");
        if let Some(file) = &mut self.file {
            let outcome = outcome.words();
            let line = Line {
                table,
                id,
                outcome,
                reason: &reason,
            };
            serde_json::to_writer(&mut *file, &line)?;
            file.write_all(b"\n")?;
        }
        let shown = self.shown.iter().filter(|(other, _)| *other == outcome);
        if shown.count() < SHOWN {
            self.shown
                .push((outcome, format!("{table} {}: {reason}", printable(id))));
        }
        Ok(())
    }

    /// Notes what became of several rows of which nothing else is to be said.
    pub fn rows(&mut self, table: &'static str, outcome: Outcome, number: u64) {
        let counts = self.table(table);
        *match outcome {
            Outcome::BroughtIn => &mut counts.brought_in,
            Outcome::Adjusted => &mut counts.adjusted,
            Outcome::AlreadyThere => &mut counts.already_there,
            Outcome::Kept => &mut counts.kept,
            Outcome::LeftOut => &mut counts.left_out,
        } += number;
    }

    /// Notes a table, or a column of one, that is not brought over.
    pub fn beyond(&mut self, name: String, rows: i64) {
        self.beyond.push((name, rows));
    }

    /// A table's counts; it is in the report from then on.
    pub fn table(&mut self, name: &'static str) -> &mut Counts {
        let at = self.counts.iter().position(|(table, _)| *table == name);
        let at = at.unwrap_or_else(|| {
            self.counts.push((name, Counts::default()));
            self.counts.len() - 1
        });
        &mut self.counts[at].1
    }

    /// Whether every row is here.
    pub fn is_complete(&self) -> bool {
        self.counts.iter().all(|(_, counts)| counts.left_out == 0)
    }

    /// Has all of it in the file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), io::Write::flush)
    }

    fn number(&self, outcome: Outcome) -> u64 {
        let number = |counts: &Counts| match outcome {
            Outcome::Adjusted => counts.adjusted,
            Outcome::Kept => counts.kept,
            Outcome::LeftOut => counts.left_out,
            Outcome::BroughtIn | Outcome::AlreadyThere => 0,
        };
        self.counts.iter().map(|(_, counts)| number(counts)).sum()
    }
}

/// Without what would move a terminal's cursor.
fn printable(id: &str) -> String {
    id.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<15}{:>10}{:>12}{:>15}{:>15}{:>20}{:>10}",
            "", "read", "brought in", "(of them", "already", "kept as it", "left"
        )?;
        writeln!(
            f,
            "{:<15}{:>10}{:>12}{:>15}{:>15}{:>20}{:>10}",
            "", "", "", "changed)", "there", "is here", "out"
        )?;
        for (table, counts) in &self.counts {
            let brought_in = counts.brought_in + counts.adjusted;
            let read = brought_in + counts.already_there + counts.kept + counts.left_out;
            writeln!(
                f,
                "{table:<15}{read:>10}{brought_in:>12}{:>15}{:>15}{:>20}{:>10}",
                counts.adjusted, counts.already_there, counts.kept, counts.left_out
            )?;
        }
        for outcome in [Outcome::LeftOut, Outcome::Adjusted, Outcome::Kept] {
            let mut shown = 0;
            for (_, line) in self.shown.iter().filter(|(of, _)| *of == outcome) {
                if shown == 0 {
                    writeln!(f, "\n{}:", outcome.words())?;
                }
                shown += 1;
                writeln!(f, "  {line}")?;
            }
            let all = self.number(outcome);
            if shown > 0 && all > shown {
                writeln!(f, "  … {all} rows in all; --report FILE names them")?;
            }
        }
        if !self.beyond.is_empty() {
            writeln!(f, "\nnot brought over:")?;
        }
        for (name, rows) in &self.beyond {
            writeln!(f, "  {} ({rows} rows)", printable(name))?;
        }
        Ok(())
    }
}
