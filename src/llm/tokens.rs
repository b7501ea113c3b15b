//! How many tokens a text takes: exactly for OpenAI's models, by a careful estimate for all others.

use std::{sync::Arc, thread};

use tiktoken::CoreBpe;
use tokio::{sync::Semaphore, task};

use super::{ProviderName, Request, Usage, known};

/// What a message takes beside its text: three tokens around it and one for who speaks. OpenAI's
/// count; the chat templates of other models come close.
pub(super) const PER_MESSAGE: usize = 4;

/// What a prompt takes beside its messages: the beginning of the answer. OpenAI's count.
pub(super) const PRIMING: usize = 3;

/// For models whose tokenizer is not known, how many bytes of UTF-8 make a token. With vocabularies
/// of today, prose has between three and five in most languages, and program text about four, so this
/// rather counts too many than too few. Base64, ids and dense JSON have one or two.
const BYTES_PER_TOKEN: usize = 3;

/// How much text is counted at a time, in bytes. Counting can stop after each piece, which bounds
/// the time for text made to be slow.
const PIECE: usize = 16 * 1024;

/// Where counting for an estimate stops, in tokens for each text. What follows is taken to be like
/// what was counted.
const ENOUGH: usize = 100_000;

/// How text becomes tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tokenizer {
    /// OpenAI's of GPT-3.5 and GPT-4.
    Cl100k,
    /// OpenAI's of everything since GPT-4o.
    O200k,
    /// Not known: see [`BYTES_PER_TOKEN`].
    Estimate,
}

impl Tokenizer {
    /// The tokenizer of a model.
    pub fn of(provider: ProviderName, model: &str) -> Self {
        known::find(provider, model).map_or(Self::Estimate, |known| known.tokenizer)
    }

    /// Whether it counts in no time and needs no memory.
    pub fn is_cheap(self) -> bool {
        self == Self::Estimate
    }

    /// Counts the tokens of `text`, but stops when there are more than `room`.
    ///
    /// Exact for an exact tokenizer, save for texts of more than [`PIECE`] bytes in which no place
    /// is found to cut them: each cut may then add a token or two. What looks like a special token
    /// is counted as the text that it is.
    ///
    /// # Errors
    ///
    /// If there are more; holds about how many.
    pub fn count(self, text: &str, room: usize) -> Result<usize, usize> {
        let Some(encoding) = self.encoding() else {
            let count = text.len().div_ceil(BYTES_PER_TOKEN);
            return if count <= room { Ok(count) } else { Err(count) };
        };
        let (mut count, mut rest) = (0, text);
        while !rest.is_empty() {
            let (piece, after) = split(rest, PIECE);
            count += encoding.count(piece);
            rest = after;
            if count > room {
                let counted = text.len() - rest.len();
                return Err(count.saturating_mul(text.len()) / counted);
            }
        }
        Ok(count)
    }

    /// About how many tokens there are in `text`, exactly if they are no more than `room`.
    pub fn about(self, text: &str, room: usize) -> usize {
        self.count(text, room).unwrap_or_else(|about| about)
    }

    /// The vocabulary, which is unpacked at first use and then kept: 12 MiB for cl100k, 23 MiB for
    /// o200k.
    fn encoding(self) -> Option<&'static CoreBpe> {
        tiktoken::get_encoding(match self {
            Self::Cl100k => "cl100k_base",
            Self::O200k => "o200k_base",
            Self::Estimate => return None,
        })
    }
}

/// Cuts off a beginning of at most `limit` bytes, or a character: at the last place where both
/// vocabularies always end a token, or just anywhere if there is none.
fn split(text: &str, limit: usize) -> (&str, &str) {
    if text.len() <= limit {
        return (text, "");
    }
    let end = text
        .floor_char_boundary(limit)
        .max(text.ceil_char_boundary(1));
    let cut = (1..=end).rev().find(|&at| is_seam(text, at));
    text.split_at(cut.unwrap_or(end))
}

/// Whether a token always ends at this byte. Words take in a blank before them, punctuation the
/// line breaks (and, in o200k, slashes) after it, and white space is cut where it meets something
/// else; so a token ends before a blank that follows no white space, and between a line break and
/// what is neither white space nor a slash.
fn is_seam(text: &str, at: usize) -> bool {
    if !text.is_char_boundary(at) {
        return false;
    }
    let (before, after) = text.split_at(at);
    match (before.chars().next_back(), after.chars().next()) {
        (Some(before), Some(' ')) => !before.is_whitespace(),
        (Some('\n'), Some(after)) => !after.is_whitespace() && after != '/',
        _ => false,
    }
}

/// Lets exact counting be done on threads of its own, a few at a time, so that it holds up nothing
/// else. Cheap to clone.
#[derive(Clone)]
pub(super) struct Counting(Arc<Semaphore>);

impl Counting {
    /// Half the processor's cores may count at a time, but at least one.
    pub fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
        Self(Arc::new(Semaphore::new((cores / 2).max(1))))
    }

    /// Runs `count` with a tokenizer, at once if that is cheap. If the tokenizer fails, which no
    /// text is known to bring about, the estimate takes its place.
    pub async fn run<T: Send + 'static>(
        &self,
        tokenizer: Tokenizer,
        count: impl Fn(Tokenizer) -> T + Clone + Send + 'static,
    ) -> T {
        if tokenizer.is_cheap() {
            return count(tokenizer);
        }
        let permit = Arc::clone(&self.0).acquire_owned().await;
        let exactly = count.clone();
        let counted = task::spawn_blocking(move || {
            // It belongs to the thread, not to the request, which may be given up meanwhile.
            let _permit = permit;
            exactly(tokenizer)
        });
        counted.await.unwrap_or_else(|error| {
            tracing::error!(%error, ?tokenizer, "tokens could not be counted and were estimated");
            count(Tokenizer::Estimate)
        })
    }
}

/// See [`super::Providers::estimate_usage`].
pub(super) async fn estimate_usage(
    counting: &Counting,
    provider: ProviderName,
    request: &Arc<Request>,
    said: &[&str],
) -> Usage {
    let tokenizer = Tokenizer::of(provider, &request.model);
    let request = Arc::clone(request);
    let said: Arc<[String]> = said.iter().map(|&text| text.to_owned()).collect();
    let count = move |tokenizer: Tokenizer| {
        let prompt: usize = request
            .messages
            .iter()
            .map(|message| PER_MESSAGE + tokenizer.about(&message.content, ENOUGH))
            .sum();
        let completion = said.iter().map(|text| tokenizer.about(text, ENOUGH)).sum();
        Usage {
            prompt_tokens: saturate(PRIMING + prompt),
            completion_tokens: saturate(completion),
        }
    };
    counting.run(tokenizer, count).await
}

/// A count in the type that all counts have outside.
pub(super) fn saturate(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::{
        super::{ChatMessage, Parameters, Role},
        Tokenizer::{Cl100k, Estimate, O200k},
        *,
    };

    fn count(tokenizer: Tokenizer, text: &str) -> usize {
        tokenizer.count(text, usize::MAX).unwrap()
    }

    /// A text of odd pieces, of which the seams are sought.
    fn mixture(random: &mut StdRng, pieces: usize) -> String {
        const PIECES: [&str; 24] = [
            "The", " quick", "'s", "'LL", " ", "  ", "\n", "\r\n", "\t", "/", "//", "!", ").\n",
            "7", "2026", "ß", "漢字", "。", "🦀", "e\u{301}", "\u{a0}", "\u{3000}", "\u{2028}",
            "x",
        ];
        (0..pieces)
            .map(|_| PIECES[random.random_range(0..PIECES.len())])
            .collect()
    }

    /// The figures are those of OpenAI's own program.
    #[test]
    fn openai_would_count_the_same() {
        for (text, cl100k, o200k) in [
            ("", 0, 0),
            ("Hello", 1, 1),
            ("Hello, world!", 4, 4),
            ("The quick brown fox jumps over the lazy dog.", 10, 10),
            ("it's they'll WE'VE", 7, 5),
            ("Wie geht's, Jürgen? 🦀", 12, 10),
            ("漢字仮名交じり文", 10, 9),
            ("Привет, как дела?", 8, 6),
            ("fn main() {\n    println!(\"{}\", 1 + 2);\n}\n", 14, 14),
            ("   three blanks  and two\n\n\nlines\t", 9, 9),
            ("1234567890", 4, 4),
            ("<|endoftext|>", 7, 7),
            ("a/b//c\n/d", 6, 6),
            ("e\u{301}te\u{301}", 4, 4),
            ("👩\u{200d}👩\u{200d}👧\u{200d}👦", 18, 11),
            ("\u{a0}\u{3000}x \r\n y", 5, 5),
        ] {
            assert_eq!(count(Cl100k, text), cl100k, "{text:?}");
            assert_eq!(count(O200k, text), o200k, "{text:?}");
        }
    }

    #[test]
    fn an_estimate_is_a_third_of_the_bytes() {
        for (text, expected) in [("", 0), ("a", 1), ("abc", 1), ("abcd", 2), ("漢字", 2)] {
            assert_eq!(count(Estimate, text), expected, "{text}");
        }
    }

    #[test]
    fn counting_stops_when_there_is_no_room() {
        for tokenizer in [Cl100k, O200k, Estimate] {
            let text = "one two three four. ".repeat(20_000);
            let exactly = count(tokenizer, &text);
            assert_eq!(tokenizer.count(&text, exactly), Ok(exactly));
            for room in [exactly - 1, 1000, 0] {
                let about = tokenizer.count(&text, room).unwrap_err();
                assert!(about > room);
                assert!(about.abs_diff(exactly) < exactly / 100, "{about} {exactly}");
                assert_eq!(tokenizer.about(&text, room), about);
            }
        }
    }

    #[test]
    fn text_is_cut_where_tokens_end() {
        let mut random = StdRng::seed_from_u64(1);
        let mut cuts = 0;
        for _ in 0..500 {
            let text = mixture(&mut random, 40);
            for tokenizer in [Cl100k, O200k] {
                let encoding = tokenizer.encoding().unwrap();
                for at in (1..text.len()).filter(|&at| is_seam(&text, at)) {
                    let (left, right) = text.split_at(at);
                    let apart = encoding.count(left) + encoding.count(right);
                    assert_eq!(apart, encoding.count(&text), "{left:?} {right:?}");
                    cuts += 1;
                }
            }
        }
        assert!(cuts > 1000, "{cuts}");
    }

    #[test]
    fn pieces_are_the_text_and_no_longer_than_they_may_be() {
        let mut random = StdRng::seed_from_u64(2);
        for limit in [0, 1, 2, 3, 10, 100] {
            for _ in 0..100 {
                let text = mixture(&mut random, 60);
                let (mut rest, mut joined) = (text.as_str(), String::new());
                while !rest.is_empty() {
                    let (piece, after) = split(rest, limit);
                    assert!(!piece.is_empty());
                    assert!(piece.len() <= limit || piece.chars().count() == 1);
                    joined += piece;
                    rest = after;
                }
                assert_eq!(joined, text);
            }
        }
    }

    /// A tokenizer that is not careful takes the square of a text's length, or overflows the stack.
    #[test]
    fn text_made_to_be_slow_is_counted_in_time() {
        let length = 300_000;
        for unit in [
            "a", "A", " ", "\n", " \n", "-", "\u{301}", "漢", "aA", "'", "🦀",
        ] {
            let text = unit.repeat(length / unit.len()) + "x";
            for tokenizer in [Cl100k, O200k] {
                let begin = Instant::now();
                let count = count(tokenizer, &text);
                assert!((1..=text.len()).contains(&count));
                let took = begin.elapsed();
                assert!(took < Duration::from_secs(10), "{unit:?} {took:?}");
            }
        }
        // This is slow in any case, so that it matters to stop in time.
        let mut random = StdRng::seed_from_u64(3);
        let noise: String = (0..length).map(|_| random.random::<char>()).collect();
        for tokenizer in [Cl100k, O200k] {
            let begin = Instant::now();
            assert!(tokenizer.count(&noise, 8192).is_err());
            let took = begin.elapsed();
            assert!(took < Duration::from_secs(10), "noise {took:?}");
        }
    }

    #[tokio::test]
    async fn usage_is_estimated_with_what_a_chat_adds() {
        let request = |model: &str| {
            Arc::new(Request {
                model: model.to_owned(),
                messages: [Role::System, Role::User]
                    .map(|role| ChatMessage {
                        role,
                        content: "Hello, world!".to_owned(),
                    })
                    .into(),
                temperature: 1.0,
                max_tokens: 1,
                context_window: None,
                parameters: Parameters::default(),
            })
        };
        let counting = Counting::new();
        for (provider, model, hello) in [
            (ProviderName::OpenAi, "gpt-4o", 4),
            (ProviderName::OpenAi, "gpt-4", 4),
            (ProviderName::OpenAi, "some-model", 5),
            (ProviderName::Ollama, "llama3.2", 5),
        ] {
            for (said, count) in [
                (&[][..], 0),
                (&["", ""], 0),
                (&["Hello, world!"], hello),
                (&["Hello, world!", "Hello, world!"], 2 * hello),
            ] {
                let usage = estimate_usage(&counting, provider, &request(model), said).await;
                let expected = Usage {
                    prompt_tokens: 3 + 2 * (4 + hello),
                    completion_tokens: count,
                };
                assert_eq!(usage, expected, "{model} {said:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_tokenizer_that_fails_is_replaced_by_the_estimate() {
        let counting = Counting::new();
        let fails = |tokenizer| {
            assert_eq!(tokenizer, Estimate, "on purpose");
            count(tokenizer, "abcdef")
        };
        assert_eq!(counting.run(O200k, fails).await, 2);
    }
}
