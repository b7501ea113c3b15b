//! The piece of a text that shows why it was found.

use std::ops::Range;

/// How long a snippet is, and how much of it stands before the first hit, in characters.
const LENGTH: usize = 200;
const BEFORE: usize = 40;

/// Up to how many characters of a word at either end are left out rather than cut off.
const WORD: usize = 20;

/// The piece of a text with the most hits, as HTML: they stand in `<mark>`, everything else is escaped, white space is
/// a single space, and where the text goes on there is `…`. Without hits it is the text's beginning.
pub fn snippet(text: &str, hits: &[Range<usize>]) -> String {
    let piece = best_piece(text, hits);
    let mut html = String::new();
    if piece.start > 0 {
        html.push('…');
    }
    let mut place = piece.start;
    for hit in hits {
        // Phrases may overlap, and the last one may be longer than the piece.
        let hit = hit.start.max(place)..hit.end.min(piece.end);
        if hit.is_empty() {
            continue;
        }
        escape(&text[place..hit.start], &mut html);
        html.push_str("<mark>");
        escape(&text[hit.clone()], &mut html);
        html.push_str("</mark>");
        place = hit.end;
    }
    escape(&text[place..piece.end], &mut html);
    if piece.end < text.trim_end().len() {
        html.push('…');
    }
    html
}

fn best_piece(text: &str, hits: &[Range<usize>]) -> Range<usize> {
    let most = (0..hits.len()).max_by_key(|&first| {
        let end = forward(text, hits[first].start, LENGTH - BEFORE);
        let inside = hits[first..]
            .iter()
            .take_while(|hit| hit.end <= end)
            .take(LENGTH);
        // Of equals the first.
        (inside.count(), std::cmp::Reverse(first))
    });
    let start = most.map_or(0, |first| back(text, hits[first].start, BEFORE));
    let end = forward(text, start, LENGTH);
    let start = if start > 0 {
        next_word(text, start, most.map_or(0, |first| hits[first].start))
    } else {
        0
    };
    let last = hits
        .iter()
        .filter(|hit| hit.start < end)
        .map(|hit| hit.end.min(end))
        .max();
    let end = if end < text.len() {
        last_word(text, end, last.unwrap_or(start))
    } else {
        end
    };
    start..end
}

/// The place `count` characters after `from`, or the end.
fn forward(text: &str, from: usize, count: usize) -> usize {
    text[from..]
        .char_indices()
        .nth(count)
        .map_or(text.len(), |(place, _)| from + place)
}

/// The place `count` characters before `from`, or the beginning.
fn back(text: &str, from: usize, count: usize) -> usize {
    text[..from]
        .char_indices()
        .rev()
        .take(count)
        .last()
        .map_or(from, |(place, _)| place)
}

/// The beginning of the first word behind `from`, if it is not behind `limit`.
fn next_word(text: &str, from: usize, limit: usize) -> usize {
    let limit = limit.min(forward(text, from, WORD));
    let is_inside = text[..from]
        .chars()
        .next_back()
        .is_some_and(|before| !before.is_whitespace());
    match text[from..limit].find(char::is_whitespace) {
        Some(gap) if is_inside => limit - text[from + gap..limit].trim_start().len(),
        _ => from,
    }
}

/// The end of the last word before `from`, if it is not before `limit`.
fn last_word(text: &str, from: usize, limit: usize) -> usize {
    let limit = limit.max(back(text, from, WORD));
    let is_inside = text[from..]
        .chars()
        .next()
        .is_some_and(|behind| !behind.is_whitespace());
    match text[limit..from].rfind(char::is_whitespace) {
        Some(gap) if is_inside => limit + text[limit..limit + gap].trim_end().len(),
        _ => from,
    }
}

fn escape(text: &str, html: &mut String) {
    let mut was_space = false;
    for character in text.chars() {
        let is_space = character.is_whitespace();
        match character {
            _ if is_space && was_space => {}
            _ if is_space => html.push(' '),
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(character),
        }
        was_space = is_space;
    }
}

#[cfg(test)]
mod tests {
    use super::super::query::Query;
    use super::super::ranking::fit;
    use super::*;

    fn of(text: &str, typed: &str) -> String {
        snippet(text, &fit(&Query::parse(typed).unwrap(), text).hits)
    }

    #[test]
    fn hits_are_marked_and_all_else_is_escaped() {
        assert_eq!(
            of("<b>Tea</b> &\n\n \"tea's\"", "tea"),
            "&lt;b&gt;<mark>Tea</mark>&lt;/b&gt; &amp; &quot;<mark>tea</mark>&#39;s&quot;"
        );
        assert_eq!(
            of("今日は天気", "天気"),
            "今日は<mark>天</mark><mark>気</mark>".replace("</mark><mark>", "")
        );
        assert_eq!(
            of("green tea house", "\"green tea\" tea"),
            "<mark>green tea</mark> house"
        );
    }

    #[test]
    fn the_piece_with_the_most_hits_is_shown_in_whole_words() {
        let text = format!(
            "tea {} {}",
            "word ".repeat(100),
            "tea and more tea ".repeat(3)
        );
        let shown = of(&text, "tea");
        assert!(
            shown.starts_with("…word word") && !shown.ends_with('…'),
            "{shown}"
        );
        assert_eq!(shown.matches("<mark>tea</mark>").count(), 6, "{shown}");
        let shown = of(&"word ".repeat(100), "word");
        assert!(
            shown.starts_with("<mark>word</mark>") && shown.ends_with("<mark>word</mark>…"),
            "{shown}"
        );
    }

    #[test]
    fn long_words_and_phrases_are_cut_anywhere() {
        let long = "é".repeat(1000);
        assert_eq!(
            of(&long, &long[..20]).chars().count(),
            LENGTH + "<mark></mark>…".len() - 2
        );
        let shown = of(&format!("{long} x {long}"), "x");
        assert!(shown.contains("é <mark>x</mark> é"), "{shown}");
        assert_eq!(snippet("", &[]), "");
    }
}
