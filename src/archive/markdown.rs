//! Conversations as a Markdown document to read.
//!
//! What was said is Markdown already and stays as it is, so that code can be copied out of it, with two exceptions:
//! its headings go down two levels, below that of the message, and what it leaves open (a code block, a comment) is
//! closed, so that the next message is not swallowed. A parser decides where that is, because lines that look like it
//! may be code.

use std::borrow::Cow;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag};

use super::model::MessageRecord;
use super::repository::Titled;
use crate::llm::Role;
use crate::messages::Status;

/// The beginning of a conversation.
pub fn head(titled: &Titled) -> String {
    format!(
        "# {}\n\n*With {}, {}*\n",
        escaped(&titled.conversation.title),
        escaped(&titled.agent),
        moment(titled.conversation.created_at)
    )
}

/// Messages, one after the other, each with a heading of its own.
pub fn messages(messages: &[MessageRecord], agent: &str) -> String {
    let mut text = String::new();
    for message in messages {
        let speaker = if message.role == Role::User.as_str() {
            "You".to_owned()
        } else if message.model.is_empty() {
            escaped(agent)
        } else {
            format!("{} ({})", escaped(agent), escaped(&message.model))
        };
        // Writing to memory cannot fail.
        let _ = writeln!(text, "\n## {speaker}, {}", moment(message.created_at));
        let content = message.content.trim_end();
        if !content.is_empty() {
            let _ = writeln!(text, "\n{}", contained(content));
        }
        if message.status != Status::Complete.as_str() {
            let reason = message.error.as_deref().unwrap_or_default();
            let separator = if reason.is_empty() { "" } else { ": " };
            let _ = writeln!(
                text,
                "\n*({}{separator}{})*",
                message.status,
                escaped(reason)
            );
        }
    }
    text
}

fn moment(time: DateTime<Utc>) -> impl std::fmt::Display {
    time.format("%Y-%m-%d %H:%M UTC")
}

/// Text that means nothing but itself, on one line.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
    {
        if "\\`*_[]<>#|~&$".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// A message's text, made so that it ends where it ends and that its headings stand below ours.
fn contained(content: &str) -> Cow<'_, str> {
    let content = with_lower_headings(content);
    if is_closed(&content) {
        return content;
    }
    if let Some(fence) = open_fence(&content) {
        let closed = format!("{content}\n{fence}");
        if is_closed(&closed) {
            return closed.into();
        }
    }
    // HTML that nothing closes. It is shown instead.
    let longest = content.split(|c| c != '`').map(str::len).max();
    let fence = "`".repeat(longest.unwrap_or_default().max(2) + 1);
    format!("{fence}html\n{content}\n{fence}").into()
}

/// Whether a heading that comes next would be one.
fn is_closed(content: &str) -> bool {
    let document = format!("{content}\n\n## Next");
    let mut depth = 0_usize;
    for (event, range) in Parser::new(&document).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { .. }) if depth == 0 && range.start >= content.len() => {
                return true;
            }
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// The fence of the last code block.
fn open_fence(content: &str) -> Option<&str> {
    let (_, range) = Parser::new(content)
        .into_offset_iter()
        .filter(|(event, _)| {
            matches!(
                event,
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_)))
            )
        })
        .last()?;
    let block = content[range].trim_start();
    let mark = block.chars().next()?;
    let rest = block.trim_start_matches(mark);
    Some(&block[..block.len() - rest.len()])
}

fn with_lower_headings(content: &str) -> Cow<'_, str> {
    let mut lowered = String::new();
    let mut done = 0;
    let mut depth = 0_usize;
    for (event, range) in Parser::new(content).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                let is_outermost = depth == 0;
                depth += 1;
                let heading = &content[range.clone()];
                let marked = heading.trim_start();
                let at = range.start + heading.len() - marked.len();
                if marked.starts_with('#') {
                    lowered.push_str(&content[done..at]);
                    lowered.push_str(lowering(level));
                    done = at;
                } else if is_outermost && let Some((title, _)) = marked.trim_end().rsplit_once('\n')
                {
                    // One that is underlined.
                    lowered.push_str(&content[done..at]);
                    lowered.push_str(if level == HeadingLevel::H1 {
                        "### "
                    } else {
                        "#### "
                    });
                    let lines: Vec<_> = title.lines().map(str::trim).collect();
                    lowered.push_str(&lines.join(" "));
                    lowered.push('\n');
                    done = range.end;
                }
            }
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    if lowered.is_empty() {
        return content.into();
    }
    lowered.push_str(&content[done..]);
    lowered.into()
}

/// What makes a heading one of two levels below, as far as there are any.
fn lowering(level: HeadingLevel) -> &'static str {
    match level {
        HeadingLevel::H5 => "#",
        HeadingLevel::H6 => "",
        _ => "##",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_stay_within_their_bounds() {
        for (content, expected) in [
            ("Plain *text*.", "Plain *text*."),
            (
                "```rust\n# not a heading\n```",
                "```rust\n# not a heading\n```",
            ),
            ("# One\n\n## Two\ntext", "### One\n\n#### Two\ntext"),
            ("###### Six\n##### Five", "###### Six\n###### Five"),
            (
                "Title\n=====\n\nLower\ntitle\n---\ntext",
                "### Title\n\n#### Lower title\ntext",
            ),
            ("```sh\necho", "```sh\necho\n```"),
            ("~~~~\n```\n~~~", "~~~~\n```\n~~~\n~~~~"),
            // Lists and quotations end by themselves, and with them what they hold.
            ("- ```sh\n  # comment\n  ```", "- ```sh\n  # comment\n  ```"),
            ("> ```\n> open", "> ```\n> open"),
            ("<!-- open ``` ", "````html\n<!-- open ``` \n````"),
            ("<details>\nfine", "<details>\nfine"),
            ("    # indented code", "    # indented code"),
        ] {
            assert_eq!(contained(content), expected, "{content}");
        }
    }

    #[test]
    fn titles_are_no_markup() {
        assert_eq!(
            escaped("# a\n<b> [c](d) *e*"),
            "\\# a \\<b\\> \\[c\\](d) \\*e\\*"
        );
    }
}
