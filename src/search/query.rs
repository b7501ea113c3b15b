//! What is looked for: phrases, read from whatever somebody typed, and as each database wants them.

use super::words::{folded, words};

/// What may stand around a phrase. Phones put typographic ones of their own accord.
const QUOTES: [char; 6] = ['"', '“', '”', '„', '«', '»'];

/// What is looked for. A document that has all phrases is found.
#[derive(Clone, Debug)]
pub struct Query(Vec<Phrase>);

/// Words that stand one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// The words as they were typed, with spaces between them and nothing else.
    text: String,
    /// Each word as it is compared.
    pub folded: Vec<String>,
    /// Whether the last word may be the beginning of one.
    pub is_prefix: bool,
}

impl Query {
    /// Reads what was typed. What stands in quotes is a phrase, and so is everything between two spaces: `foo-bar` is `foo`
    /// followed by `bar`. The last word may still be being typed, unless its quotes are closed or it has but one letter.
    /// `None` if there is no word.
    pub fn parse(typed: &str) -> Option<Self> {
        let mut phrases = Vec::new();
        let parts: Vec<&str> = typed.split(QUOTES).collect();
        for (number, part) in parts.iter().enumerate() {
            if number % 2 == 1 {
                phrases.extend(Phrase::read(part));
            } else {
                phrases.extend(part.split_whitespace().filter_map(Phrase::read));
            }
        }
        let is_open = parts.last().is_some_and(|part| !words(part).is_empty());
        if let Some(last) = phrases.last_mut().filter(|_| is_open) {
            last.is_prefix = last
                .folded
                .last()
                .is_some_and(|word| word.chars().nth(1).is_some());
        }
        (!phrases.is_empty()).then_some(Self(phrases))
    }

    /// The same with whole words alone: among everybody's documents a beginning has too many ends.
    #[must_use]
    pub fn of_whole_words(mut self) -> Self {
        for phrase in &mut self.0 {
            phrase.is_prefix = false;
        }
        self
    }

    /// All phrases.
    pub fn phrases(&self) -> &[Phrase] {
        &self.0
    }

    /// The phrases for SQLite, as an expression of FTS5. Nothing in it but what is written here has a meaning there.
    pub fn to_fts5(&self) -> String {
        let phrases = self.0.iter().map(|phrase| {
            let star = if phrase.is_prefix { " *" } else { "" };
            format!("\"{}\"{star}", phrase.text)
        });
        phrases.collect::<Vec<_>>().join(" AND ")
    }

    /// The phrases for Postgres, as JSON for the function `search_query`.
    pub fn to_json(&self) -> String {
        let phrases = self
            .0
            .iter()
            .map(|phrase| serde_json::json!([phrase.text, phrase.is_prefix]));
        serde_json::Value::Array(phrases.collect()).to_string()
    }
}

impl Phrase {
    fn read(text: &str) -> Option<Self> {
        let words: Vec<&str> = words(text).into_iter().map(|word| &text[word]).collect();
        let folded: Vec<String> = words.iter().map(|word| folded(word).collect()).collect();
        // A word that is nothing but accents is none.
        let is_sound = !folded.is_empty() && folded.iter().all(|word| !word.is_empty());
        is_sound.then(|| Self {
            text: words.join(" "),
            folded,
            is_prefix: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fts5(typed: &str) -> Option<String> {
        Query::parse(typed).map(|query| query.to_fts5())
    }

    #[test]
    fn the_last_word_is_a_beginning_and_what_is_quoted_is_not() {
        assert_eq!(fts5("green tea").as_deref(), Some(r#""green" AND "tea" *"#));
        assert_eq!(
            fts5(r#"a "green tea" b"#).as_deref(),
            Some(r#""a" AND "green tea" AND "b""#)
        );
        assert_eq!(fts5(r#""green te"#).as_deref(), Some(r#""green te" *"#));
        assert_eq!(fts5(r#""green tea""#).as_deref(), Some(r#""green tea""#));
        assert_eq!(
            fts5("„green tea“ «or» coffee").as_deref(),
            Some(r#""green tea" AND "or" AND "coffee" *"#)
        );
        assert_eq!(
            fts5("foo-bar 日本").as_deref(),
            Some(r#""foo bar" AND "日 本""#)
        );
    }

    #[test]
    fn syntax_is_nothing_but_words() {
        assert_eq!(
            fts5(r#"NEAR(a* b, 2) ^c NOT""#).as_deref(),
            Some(r#""NEAR a" AND "b" AND "2" AND "c" AND "NOT""#)
        );
        for typed in ["", "  ", "*", r#"""#, r#""" """#, "()-:^+", "😀", "\u{301}"] {
            assert_eq!(fts5(typed), None, "{typed:?}");
        }
    }
}
