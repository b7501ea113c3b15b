//! The names that files are saved under.

use std::fmt::Write as _;

use axum::http::HeaderValue;

/// Longest name, in characters, without its ending.
const LENGTH: usize = 100;

/// The value of `Content-Disposition` for a file to be saved under this name: in ASCII for old clients, and as it is
/// (RFC 6266, RFC 8187). What file systems do not take is left out of it.
pub fn attachment(name: &str, ending: &str) -> HeaderValue {
    let kept: String = name
        .chars()
        .map(|c| if is_forbidden(c) { ' ' } else { c })
        .take(LENGTH)
        .collect();
    let kept = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    let kept = match kept.trim_matches(['.', ' ']) {
        "" => "conversation",
        kept => kept,
    };
    let ascii: String = kept
        .chars()
        .map(|c| if c.is_ascii() { c } else { '_' })
        .collect();
    let value = format!(
        "attachment; filename=\"{ascii}.{ending}\"; filename*=UTF-8''{}.{ending}",
        encoded(kept)
    );
    HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("attachment"))
}

fn is_forbidden(c: char) -> bool {
    // The last ones turn the direction of writing, and with it the ending that a user sees.
    c.is_control()
        || "/\\:*?\"<>|%".contains(c)
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_readable() {
        for (title, expected) in [
            ("Plain", "filename=\"Plain.md\"; filename*=UTF-8''Plain.md"),
            (
                "a/b\\c\r\nd\"e",
                "filename=\"a b c d e.md\"; filename*=UTF-8''a%20b%20c%20d%20e.md",
            ),
            (
                "Grüße 日",
                "filename=\"Gr__e _.md\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%E6%97%A5.md",
            ),
            (
                "../..",
                "filename=\"conversation.md\"; filename*=UTF-8''conversation.md",
            ),
            (
                "\u{202e}gnp",
                "filename=\"gnp.md\"; filename*=UTF-8''gnp.md",
            ),
        ] {
            assert_eq!(
                attachment(title, "md"),
                format!("attachment; {expected}").as_str(),
                "{title}"
            );
        }
    }
}
