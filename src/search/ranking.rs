//! How well texts fit what is looked for, and the order that makes.

use std::ops::Range;

use super::model::{Cursor, Match};
use super::query::{Phrase, Query};
use super::words::{folded, words};

/// How many matches are ranked together; only behind them come older ones.
pub const WINDOW: usize = 200;

/// How much another occurrence still adds, and how much a text's length counts: the usual values for BM25.
const SATURATION: f64 = 1.2;
const LENGTH_WEIGHT: f64 = 0.75;

/// The length of a text that is neither long nor short, in words. A fixed one, so that the score of a document depends on no
/// others, and pages stay where they are.
const USUAL_LENGTH: f64 = 100.0;

/// Where the phrases are in a text, and how well it fits.
pub struct Fit {
    /// In bytes, in order.
    pub hits: Vec<Range<usize>>,
    /// The greater the better; 0 if there are no hits. It is BM25 without the weight of rare words: every document has all.
    pub score: f64,
}

/// The page of a window that begins behind the cursor, the best first, and where the next page begins. `matches` are those that
/// the database has from the window's newest on.
pub fn page(
    query: &Query,
    mut matches: Vec<Match>,
    cursor: Cursor,
    limit: usize,
) -> (Vec<(Match, Fit)>, Option<Cursor>) {
    // What was deleted since the first page makes older ones move up; they do not belong to this window.
    let length = matches
        .iter()
        .take(WINDOW)
        .take_while(|found| found.number >= cursor.low)
        .count();
    let has_older = matches.len() > length;
    matches.truncate(length);
    let older = |low: i64| {
        has_older
            .then_some(low)
            .and_then(|low| low.checked_sub(1))
            .map(Cursor::window)
    };
    let Some((newest, oldest)) = matches.first().zip(matches.last()) else {
        return (Vec::new(), older(cursor.low));
    };
    let window = Cursor {
        high: cursor.high.min(newest.number),
        low: cursor.low.max(oldest.number),
        ..cursor
    };
    let mut ranked: Vec<(Match, Fit)> = matches
        .into_iter()
        .map(|found| {
            let fit = fit(query, &found.text);
            (found, fit)
        })
        .filter(|(found, fit)| (fit.score, found.number) < (cursor.score, cursor.number))
        .collect();
    ranked.sort_by(|(a, a_fit), (b, b_fit)| {
        b_fit
            .score
            .total_cmp(&a_fit.score)
            .then(b.number.cmp(&a.number))
    });
    let next = if ranked.len() > limit {
        ranked.truncate(limit);
        ranked.last().map(|(found, fit)| Cursor {
            score: fit.score,
            number: found.number,
            ..window
        })
    } else {
        older(window.low)
    };
    (ranked, next)
}

/// Looks for the phrases of a query in a text.
pub fn fit(query: &Query, text: &str) -> Fit {
    let words = words(text);
    let length = 1.0 - LENGTH_WEIGHT + LENGTH_WEIGHT * words.len() as f64 / USUAL_LENGTH;
    let mut hits = Vec::new();
    let mut score = 0.0;
    for phrase in query.phrases() {
        let before = hits.len();
        hits.extend(occurrences(phrase, text, &words));
        let frequency = (hits.len() - before) as f64;
        score += frequency * (SATURATION + 1.0) / (frequency + SATURATION * length);
    }
    hits.sort_by_key(|hit| (hit.start, hit.end));
    Fit { hits, score }
}

fn occurrences<'t>(
    phrase: &'t Phrase,
    text: &'t str,
    words: &'t [Range<usize>],
) -> impl Iterator<Item = Range<usize>> + 't {
    words.windows(phrase.folded.len()).filter_map(move |found| {
        let last = found.len() - 1;
        let is_hit = found
            .iter()
            .zip(&phrase.folded)
            .enumerate()
            .all(|(place, (word, wanted))| {
                is_word(
                    &text[word.clone()],
                    wanted,
                    phrase.is_prefix && place == last,
                )
            });
        is_hit.then(|| found[0].start..found[last].end)
    })
}

fn is_word(word: &str, wanted: &str, is_prefix: bool) -> bool {
    let mut word = folded(word);
    wanted.chars().all(|wanted| word.next() == Some(wanted)) && (is_prefix || word.next().is_none())
}
