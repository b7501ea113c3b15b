//! What counts as an e-mail address and as a URL: the contract's rules, which are those of Django's validators.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether a text is an e-mail address. A domain beyond ASCII counts in its punycode form.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    is_local_part(local)
        && (is_mail_domain(domain)
            || !domain.is_ascii()
                && idna::domain_to_ascii(domain).is_ok_and(|ascii| is_domain_name(&ascii)))
}

fn is_local_part(local: &str) -> bool {
    let quoted = local
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    is_dot_atom(local) || quoted.is_some_and(is_quoted_content)
}

fn is_dot_atom(local: &str) -> bool {
    let is_atom_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-!#$%&'*+/=?^_`{}|~".contains(&byte);
    local
        .split('.')
        .all(|atom| !atom.is_empty() && atom.bytes().all(is_atom_byte))
}

/// No space, tab, line break, NUL or bare quotation mark, but a backslash may stand before nearly anything.
fn is_quoted_content(content: &str) -> bool {
    let mut bytes = content.bytes();
    while let Some(byte) = bytes.next() {
        let good = match byte {
            b'\\' => matches!(bytes.next(), Some(1..=9 | 11 | 12 | 14..=127)),
            1..=8 | 11 | 12 | 14..=31 | b'!' | b'#'..=b'[' | b']'..=127 => true,
            _ => false,
        };
        if !good {
            return false;
        }
    }
    true
}

fn is_mail_domain(domain: &str) -> bool {
    if domain == "localhost" {
        return true;
    }
    if let Some(literal) = domain
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return literal.parse::<Ipv4Addr>().is_ok() || literal.parse::<Ipv6Addr>().is_ok();
    }
    is_domain_name(domain)
}

fn is_domain_name(domain: &str) -> bool {
    let Some((rest, last)) = domain.rsplit_once('.') else {
        return false;
    };
    let is_label_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    rest.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.bytes().all(is_label_byte)
            && !label.starts_with('-')
            && !label.ends_with('-')
    }) && (2..=63).contains(&last.len())
        && last.bytes().all(is_label_byte)
        && !last.starts_with('-')
        && !last.ends_with('-')
}

/// Whether a text is an absolute URL of a web or FTP server.
pub fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let known = ["http", "https", "ftp", "ftps"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(scheme));
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host_and_port = match authority.rsplit_once('@') {
        Some((user, host)) if is_user_info(user) => host,
        Some(_) => return false,
        None => authority,
    };
    known && !path.contains(char::is_whitespace) && is_host_and_port(host_and_port)
}

/// A name, and optionally a colon and a password.
fn is_user_info(text: &str) -> bool {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let is_clean =
        |part: &str| !part.contains(|c: char| c.is_whitespace() || matches!(c, ':' | '@' | '/'));
    !user.is_empty() && is_clean(user) && is_clean(password)
}

fn is_host_and_port(text: &str) -> bool {
    let port_at = match text.rfind(']') {
        Some(bracket) => text[bracket..].find(':').map(|colon| bracket + colon),
        None => text.rfind(':'),
    };
    let (host, port) = match port_at {
        Some(colon) => (&text[..colon], Some(&text[colon + 1..])),
        None => (text, None),
    };
    let is_port = |port: &str| {
        (1..=5).contains(&port.len()) && port.bytes().all(|digit| digit.is_ascii_digit())
    };
    port.is_none_or(is_port) && host.len() <= 253 && is_host(host)
}

fn is_host(host: &str) -> bool {
    if let Some(literal) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return literal.parse::<Ipv6Addr>().is_ok();
    }
    host.eq_ignore_ascii_case("localhost") || host.parse::<Ipv4Addr>().is_ok() || is_host_name(host)
}

/// At least two labels; one dot may follow the last.
fn is_host_name(host: &str) -> bool {
    let Some((rest, last)) = host.strip_suffix('.').unwrap_or(host).rsplit_once('.') else {
        return false;
    };
    let is_letter = |c: char| c.is_ascii_alphabetic() || ('\u{a1}'..='\u{ffff}').contains(&c);
    let is_label = |label: &str| {
        (1..=63).contains(&label.chars().count())
            && label
                .chars()
                .all(|c| is_letter(c) || c.is_ascii_digit() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_top_level = |label: &str| match label.to_ascii_lowercase().strip_prefix("xn--") {
        Some(punycode) => {
            !punycode.is_empty() && punycode.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }
        None => label.chars().count() >= 2 && label.chars().all(|c| is_letter(c) || c == '-'),
    };
    rest.split('.').all(is_label) && is_label(last) && is_top_level(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_addresses() {
        for good in [
            "a@example.com",
            "plus+tag@sub.example.co.uk",
            "-x@example.com",
            "o'neil@example.com",
            "x@[127.0.0.1]",
            "x@[::1]",
            "x@localhost",
            "u@exämple.com",
            "x@example.123",
            r#""quoted"@example.com"#,
            r#""with\ escaped"@example.com"#,
        ] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "x",
            "x@",
            "@example.com",
            ".x@example.com",
            "x.@example.com",
            "a..b@example.com",
            "a b@example.com",
            "x@@example.com",
            "x@-example.com",
            "x@example-.com",
            "x@exa_mple.com",
            "x@example.c",
            "x@127.0.0.1",
            r#""q u"@example.com"#,
            "ü@example.com",
            "a@example.com.",
            "<a@example.com>",
            "a@ex ample.com",
            "x@host",
            "x@[999.0.0.1]",
            "x@LOCALHOST",
            "x@ｌｏｃａｌｈｏｓｔ",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn urls() {
        for good in [
            "http://example.com",
            "HTTPS://EXAMPLE.COM/",
            "https://example.com/path?q=1#f",
            "https://user:pw@example.com:8443/",
            "http://127.0.0.1:8000/a",
            "http://[::1]/a",
            "http://[::1]:80",
            "http://localhost",
            "https://münchen.de/bild.png",
            "https://example.com:99999/",
            "ftps://example.com/x",
            "https://example.com./a",
            "http://a.xn--p1ai",
            "http://example.com?q",
        ] {
            assert!(is_url(good), "{good}");
        }
        for bad in [
            "",
            "http://",
            "//example.com/a.png",
            "data:image/png;base64,AAAA",
            "ws://example.com/",
            "http://example",
            "http://exa mple.com/",
            "https://example.com/a b",
            "https://-bad.com/",
            "https://example..com/",
            "http://256.1.1.1/",
            "https://ex_ample.com/",
            "http://example.com:123456/",
            "http://example.com:/",
            "http://a.b1",
            "http://[::1",
            "http://[1.2.3.4]/",
            "http://@example.com/",
            "https://😀.com/",
        ] {
            assert!(!is_url(bad), "{bad}");
        }
    }
}
