//! The words of a text, as the indexes of both databases have them.

use std::ops::Range;

use unicode_normalization::char::decompose_canonical;

/// Where the words of a text are, in bytes.
pub fn words(text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = None;
    for (place, character) in text.char_indices() {
        let is_word = is_word_by_itself(character);
        if is_word || !is_part_of_word(character) {
            words.extend(start.take().map(|start| start..place));
        } else {
            start.get_or_insert(place);
        }
        if is_word {
            words.push(place..place + character.len_utf8());
        }
    }
    words.extend(start.map(|start| start..text.len()));
    words
}

/// A word as it is compared: in lower case and without accents.
pub fn folded(word: &str) -> impl Iterator<Item = char> {
    word.chars().filter_map(fold)
}

fn fold(character: char) -> Option<char> {
    if character.is_ascii() {
        return Some(character.to_ascii_lowercase());
    }
    if is_accent(character) {
        return None;
    }
    let mut base = None;
    let mut is_accented = true;
    decompose_canonical(character, |part| match base {
        None => base = Some(part),
        Some(_) => is_accented &= is_accent(part),
    });
    let base = base.filter(|_| is_accented).unwrap_or(character);
    match base {
        // At the end of a Greek word, the small letter to Σ.
        'ς' => Some('σ'),
        _ => base.to_lowercase().next(),
    }
}

fn is_accent(character: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&character)
}

fn is_part_of_word(character: char) -> bool {
    character.is_alphanumeric() || is_accent(character)
}

/// Whether a letter belongs to a writing that puts no spaces between words. The migration `0006_search` has the same list.
fn is_word_by_itself(character: char) -> bool {
    matches!(character,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3005}'..='\u{3007}'
        | '\u{3041}'..='\u{30ff}' | '\u{3105}'..='\u{312f}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3fffd}')
        && character.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let words = words(text).into_iter();
        words.map(|word| folded(&text[word]).collect()).collect()
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_without_case_and_accents() {
        assert_eq!(
            all("Dr. Zoë's foo-bar_2, ÉTÉ!"),
            ["dr", "zoe", "s", "foo", "bar", "2", "ete"]
        );
        assert_eq!(all("e\u{301}te\u{301} Привет Й"), ["ete", "привет", "и"]);
        assert_eq!(all("Οδυσσέας ΣΟΦΌΣ"), ["οδυσσεασ", "σοφοσ"]);
        assert_eq!(all(" … 😀 "), [""; 0]);
    }

    #[test]
    fn letters_of_writings_without_spaces_are_words() {
        assert_eq!(
            all("abc日本語、が 한국"),
            ["abc", "日", "本", "語", "が", "한", "국"]
        );
    }
}
