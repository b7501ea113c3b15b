//! Titles that nobody chose: the beginning of the first question, at once, and a better one of a model's, where the agent
//! has a model for that.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::timeout;

use super::model::DEFAULT_TITLE;
use super::repository;
use crate::agents::Agent;
use crate::app::App;
use crate::live::Turn;
use crate::llm::{self, ChatMessage, Event, ProviderName, Request, Role};
use crate::messages::Status;

/// Longest title made of a question, in characters, without the sign that something was left out.
const MAX_OF_QUESTION: usize = 60;
/// The same, made by a model.
const MAX_OF_MODEL: usize = 79;
/// How much of question and answer the model is told, in characters of each.
const MAX_TOLD: usize = 2_000;
/// How much of what the model says is listened to, in bytes.
const MAX_HEARD: usize = 400;
/// Enough for a title and for some thinking before it.
const MAX_TOKENS: u32 = 1_000;
const TEMPERATURE: f64 = 0.3;
/// How long the model may take.
const PATIENCE: Duration = Duration::from_secs(30);

const INSTRUCTIONS: &str = "You name conversations. Answer with a title of at most six words for the following one, in its \
                            language, on one line, without quotation marks, without a full stop, and with nothing else.";

/// The title that a first question makes: its first line, or the beginning of that.
pub fn of_question(question: &str) -> String {
    Some(shorten(first_line(question), MAX_OF_QUESTION))
        .filter(|title| !title.is_empty())
        .unwrap_or_else(|| DEFAULT_TITLE.to_owned())
}

/// The title in what a model said, if there is one.
fn of_model(said: &str) -> Option<String> {
    const ORNAMENTS: &[char] = &['"', '\'', '“', '”', '„', '«', '»', '*', '#', '`', '_', ' '];
    let line = first_line(said).trim_matches(ORNAMENTS);
    let title = line
        .split_at_checked("title:".len())
        .filter(|(label, _)| label.eq_ignore_ascii_case("title:"))
        .map_or(line, |(_, title)| title);
    let title = title.trim_matches(ORNAMENTS).trim_end_matches(['.', '。']);
    Some(shorten(title, MAX_OF_MODEL)).filter(|title| !title.is_empty())
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

fn first_line(text: &str) -> &str {
    text.lines()
        .find(|line| !line.chars().all(is_space))
        .unwrap_or_default()
}

/// The words of a line, as many as fit into so many characters. One that is too long is cut where little else would be
/// left, as in languages that write no spaces.
fn shorten(line: &str, limit: usize) -> String {
    let mut title = String::new();
    let mut length = 0;
    for word in line.split(is_space).filter(|word| !word.is_empty()) {
        let space = usize::from(length > 0);
        let room = limit.saturating_sub(length + space);
        let letters = word.chars().take(room + 1).count();
        let is_whole = letters <= room;
        if is_whole || length < limit / 2 {
            title.extend((space > 0).then_some(' '));
            title.extend(word.chars().take(room));
            length += space + letters;
        }
        if !is_whole {
            title.push('…');
            break;
        }
    }
    title
}

/// Who finds titles for an agent's conversations.
pub struct Namer {
    provider: ProviderName,
    model: String,
}

impl Namer {
    /// The agent's, if it has one.
    pub fn of(agent: &Agent) -> Option<Self> {
        Some(Self {
            provider: agent.llm_provider.parse().ok()?,
            model: agent.title_model.clone()?,
        })
    }

    /// Finds a title for the conversation of a turn that has ended, if that brought its first complete answer, and nobody
    /// chose one. The turn is not affected if this fails, and a server that ends does not wait for it.
    pub async fn name(self, app: &App, turn: &Turn) {
        let named = app
            .tasks
            .draining()
            .run_until_cancelled(self.try_to_name(app, turn));
        if let Some(Err(error)) = named.await {
            tracing::debug!(error, conversation = %turn.conversation(), "no title was found");
        }
    }

    async fn try_to_name(&self, app: &App, turn: &Turn) -> Result<(), String> {
        let Some(end) = turn
            .end()
            .filter(|end| end.answer.status == Status::Complete)
        else {
            return Ok(());
        };
        let (db, owner, conversation) = (&app.db, turn.owner, turn.conversation());
        let is_wanted = repository::wants_title(db, owner, conversation, end.answer.created_at)
            .await
            .map_err(|error| error.to_string())?;
        if !is_wanted {
            return Ok(());
        }
        let request = self.request(&turn.question.content, &end.answer.content);
        let said = timeout(PATIENCE, self.ask(app, request))
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        let title = of_model(&said).ok_or("the model named none")?;
        repository::improve_title(db, owner, conversation, &title)
            .await
            .map_err(|error| error.to_string())
    }

    fn request(&self, question: &str, answer: &str) -> Request {
        let beginning = |text: &str| text.chars().take(MAX_TOLD).collect::<String>();
        let messages = [
            (Role::System, INSTRUCTIONS.to_owned()),
            (
                Role::User,
                format!(
                    "Question:\n{}\n\nAnswer:\n{}",
                    beginning(question),
                    beginning(answer)
                ),
            ),
        ];
        Request {
            model: self.model.clone(),
            messages: messages
                .map(|(role, content)| ChatMessage { role, content })
                .into(),
            temperature: TEMPERATURE,
            max_tokens: MAX_TOKENS,
            context_window: None,
            parameters: llm::Parameters::default(),
        }
    }

    async fn ask(&self, app: &App, request: Request) -> Result<String, llm::Error> {
        let mut events = app.llm.chat(self.provider, request);
        let mut said = String::new();
        while said.len() < MAX_HEARD
            && let Some(event) = events.next().await
        {
            if let Event::Text(text) = event? {
                said.push_str(&text);
            }
        }
        Ok(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_makes_a_title() {
        let long = "How do I make a list of lists in Rust without copying any of them twice?";
        for (question, title) in [
            ("Hello!", "Hello!"),
            (
                " \n\t\n  Why  is\tthe sky blue? \nTell me.",
                "Why is the sky blue?",
            ),
            (
                long,
                "How do I make a list of lists in Rust without copying any of…",
            ),
            ("a\u{7}b", "a b"),
            ("\u{7f}", DEFAULT_TITLE),
        ] {
            assert_eq!(of_question(question), title);
        }
        assert_eq!(
            of_question(&"長".repeat(100)),
            format!("{}…", "長".repeat(60))
        );
        assert_eq!(of_question(&"x ".repeat(30)).chars().count(), 59);
    }

    #[test]
    fn a_model_names_a_title() {
        for (said, title) in [
            ("Blue skies", Some("Blue skies")),
            ("\n\"Blue  skies.\"\nIs that good?", Some("Blue skies")),
            ("**Title: Blue skies**", Some("Blue skies")),
            ("# \u{0}Blue\u{0}skies", Some("Blue skies")),
            ("…", Some("…")),
            ("\"\"", None),
            (" \n ", None),
        ] {
            assert_eq!(of_model(said).as_deref(), title, "{said}");
        }
        assert!(of_model(&"word ".repeat(100)).is_some_and(|title| title.chars().count() <= 80));
    }
}
