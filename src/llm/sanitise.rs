//! Cleans text that a model server sent before anyone else sees it.
//!
//! Model servers put keys ("Incorrect API key provided: sk-…"), addresses of machines behind them
//! and paths of their own disks into error texts. None of that is for the users of a chat, so
//! whatever *looks* like it is replaced: losing an innocent word costs less than leaking a key.

/// Stands where something was taken out.
const REMOVED: &str = "[…]";

/// Longest error text shown to a user, in characters.
const USER_LIMIT: usize = 200;

/// Longest error text kept for the log, in characters.
const LOG_LIMIT: usize = 1000;

/// Longest run of key characters that still passes as a word.
const LONGEST_WORD: usize = 20;

/// The first line of `text`, fit for a user: no keys, addresses, paths or control characters, and
/// at most 200 characters. `None` if nothing is left.
pub(super) fn for_user(text: &str) -> Option<String> {
    // Later lines are tracebacks and advice for the operator.
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    let clean = clean(line, USER_LIMIT, |word| {
        looks_like_key(word) || looks_like_address(word)
    });
    // Its own full stop would stand in the middle of our sentence.
    let clean = clean.trim_end_matches(['.', ':', ' ']);
    (!clean.is_empty() && clean != REMOVED).then(|| clean.to_owned())
}

/// `text` for the log: addresses stay, keys and control characters go, at most 1,000 characters.
pub(super) fn for_log(text: &str) -> String {
    clean(text, LOG_LIMIT, looks_like_key)
}

/// A name that the user chose or the server sent, such as a model's: one line of at most `limit`
/// characters, otherwise as it is.
pub(super) fn name(text: &str, limit: usize) -> String {
    clean(text, limit, |_| false)
}

/// Copies `text` word by word, leaving out control characters and the words that `secret` points
/// out or that follow an announcement such as `Bearer`, and cuts it after `limit` characters.
fn clean(text: &str, limit: usize, secret: impl Fn(&str) -> bool) -> String {
    // Four bytes hold any character; the rest of a huge text need not be looked at.
    let text = &text[..text.floor_char_boundary(limit * 8)];
    let mut clean = String::new();
    let mut announced = false;
    for piece in text.split_inclusive(is_separator) {
        let word = piece.trim_end_matches(is_separator);
        let bare = word.trim_end_matches(['.', ':', '!', '?']);
        if !bare.is_empty() && (announced || secret(bare)) {
            clean.push_str(REMOVED);
            push_visible(&mut clean, &word[bare.len()..]);
        } else {
            push_visible(&mut clean, word);
        }
        // A blank between the announcement and what it announces does not count as a word.
        announced = (word.is_empty() && announced) || announces(word, &piece[word.len()..]);
        push_visible(&mut clean, &piece[word.len()..]);
    }
    let clean = clean.trim();
    match clean.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", clean[..end].trim_end()),
        None => clean.to_owned(),
    }
}

/// Appends what can be seen of `text`, with each run of blanks and control characters as one blank.
fn push_visible(clean: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            // Zero-width and direction marks could make a sentence read as another.
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => {}
            '\u{feff}' => {}
            c if c.is_whitespace() || c.is_control() => {
                if !clean.ends_with(' ') {
                    clean.push(' ');
                }
            }
            c => clean.push(c),
        }
    }
}

/// Whether `c` ends a word. Addresses and keys contain none of these.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "\"'`()<>[]{},;|=".contains(c)
}

/// Whether `word`, ended by `separator`, says that a secret comes next.
fn announces(word: &str, separator: &str) -> bool {
    const SCHEMES: [&str; 2] = ["bearer", "basic"];
    const LABELS: [&str; 6] = [
        "key",
        "token",
        "password",
        "secret",
        "authorization",
        "host",
    ];
    let word = word.to_ascii_lowercase();
    SCHEMES.contains(&word.as_str())
        || (word.ends_with(':') || separator == "=")
            && LABELS
                .iter()
                .any(|label| word.trim_end_matches(':').ends_with(label))
}

fn looks_like_key(word: &str) -> bool {
    const PREFIXES: [&str; 8] = ["sk-", "sk_", "pk-", "pk_", "org-", "proj_", "hf_", "gsk_"];
    let has_userinfo = word
        .split_once("://")
        .is_some_and(|(_, rest)| rest.contains('@'));
    has_userinfo
        || PREFIXES.iter().any(|prefix| word.starts_with(prefix))
        || word
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .any(|run| {
                run.len() > LONGEST_WORD
                    && run.contains(|c: char| c.is_ascii_digit())
                    && run.contains(|c: char| c.is_ascii_alphabetic())
            })
}

fn looks_like_address(word: &str) -> bool {
    let is_path = word.starts_with('/') || word.contains('\\') || word.matches('/').count() > 1;
    let is_ipv6 =
        word.matches(':').count() > 1 && word.chars().all(|c| c.is_ascii_hexdigit() || c == ':');
    let (host, port) = word.rsplit_once(':').unwrap_or((word, ""));
    let has_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    word.contains("://")
        || word.contains('@')
        || word.eq_ignore_ascii_case("localhost")
        || is_path
        || is_ipv6
        || has_port
        || is_dotted_host(host)
}

/// `api.example.com` and `10.0.0.1`, but neither `1.106.2` nor `0.7`.
fn is_dotted_host(word: &str) -> bool {
    let labels: Vec<&str> = word.split('.').collect();
    let are_labels = labels.iter().all(|label| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    });
    let is_ipv4 = labels.len() == 4 && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let ends_in_name = labels
        .last()
        .is_some_and(|last| last.len() > 1 && last.bytes().all(|b| b.is_ascii_alphabetic()));
    are_labels && (is_ipv4 || (labels.len() > 1 && ends_in_name))
}

#[cfg(test)]
mod tests {
    use super::{for_log, for_user, name};

    #[test]
    fn keys_addresses_and_paths_are_taken_out() {
        for (text, expected) in [
            (
                "Incorrect API key provided: sk-ab**xyz.",
                "Incorrect API key provided: […]",
            ),
            ("Authorization: Bearer abc", "Authorization: […] […]"),
            ("api_key=hunter2 is wrong", "api_key=[…] is wrong"),
            (
                "in organization org-Ab12 on tokens",
                "in organization […] on tokens",
            ),
            ("see https://x.test/a?b for more", "see […] for more"),
            ("dial tcp 10.1.2.3:11434: refused", "dial tcp […]: refused"),
            ("lookup ollama.internal: no host", "lookup […]: no host"),
            (
                "Pool(host='gpu7', port=80) died",
                "Pool(host='[…]', port=80) died",
            ),
            (
                "connect to [fe80::1]:80 failed",
                "connect to [[…]][…] failed",
            ),
            ("localhost is down", "[…] is down"),
            ("File \"/srv/app/x.py\", line 3", "File \"[…]\", line 3"),
            ("reading C:\\models\\a.gguf failed", "reading […] failed"),
            ("one\ntwo", "one"),
            ("a\u{7}b\u{202e}c   d", "a bc d"),
        ] {
            assert_eq!(for_user(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn ordinary_words_stay() {
        for text in [
            "model 'llama3.2' does not support chat",
            "Field 'temperature': [json.exception.type_error.302] type must be number",
            "This model's maximum context length is 256 tokens",
            "needs more memory (5.6 GiB) than is available (3.1 GiB)",
            "version 1.106.2",
        ] {
            assert_eq!(for_user(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn length_is_bounded_and_nothing_is_left_of_nothing() {
        assert_eq!(
            for_user(&"ä ".repeat(400)).map(|t| t.chars().count()),
            Some(200)
        );
        assert_eq!(for_user(" \n\t"), None);
        assert_eq!(for_user("sk-abc"), None);
        assert_eq!(name("a\r\nb", 10), "a b");
        assert_eq!(name("abcdef", 3), "abc…");
    }

    #[test]
    fn the_log_keeps_addresses_and_loses_keys() {
        assert_eq!(
            for_log("http://gpu7:80/v1 said\nsk-abc"),
            "http://gpu7:80/v1 said […]"
        );
        assert_eq!(for_log("http://me:pw@gpu7 x"), "[…] x");
    }
}
