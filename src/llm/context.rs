//! Makes conversations fit into what a model can take in.

use std::{ops::Range, sync::Arc};

use super::{
    ChatMessage, ProviderName, Request, Role, known, sanitise,
    tokens::{Counting, PER_MESSAGE, PRIMING, Tokenizer, saturate},
};

/// What a model is thought to take in when nothing is known of it, in tokens. Most of these run at
/// compatible servers, often with less than they could. Too much costs a refusal, and then about half
/// of it is tried ([`Fitted::trimmed`]), so servers that take 16,384 are served, too. Too little costs
/// memory of what was said long ago, until the agent's `context_window` says better.
const GUESS: u32 = 32_768;

/// Longest model name shown in a message, in characters.
const MODEL_LIMIT: usize = 100;

/// How much a model can take in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Prompt and answer together, in tokens.
    pub total: u32,
    /// The prompt alone, in tokens.
    pub prompt: u32,
    /// Whether it is not known. History is made to fit even so, but nobody is refused.
    pub is_guess: bool,
}

impl Window {
    /// A window of which all may be prompt.
    pub const fn of(total: u32) -> Self {
        Self {
            total,
            prompt: total,
            is_guess: false,
        }
    }

    /// The window for a request: what the agent says; else what Ollama sets aside, or what is known of
    /// OpenAI's model; else a guess.
    pub fn for_request(provider: ProviderName, request: &Request, ollama_context: u32) -> Self {
        let by_default = || match provider {
            ProviderName::Ollama => Some(Self::of(ollama_context)),
            ProviderName::OpenAi => known::find(provider, &request.model)?.window,
        };
        let window = request.context_window.map(Self::of).or_else(by_default);
        window.unwrap_or(Self {
            is_guess: true,
            ..Self::of(GUESS)
        })
    }

    /// How many tokens the prompt may take: all but what is kept for the answer, which is
    /// `max_tokens`, but never more than half.
    fn budget(self, max_tokens: u32) -> usize {
        let prompt = self.total - max_tokens.min(self.total / 2);
        usize::try_from(prompt.min(self.prompt)).unwrap_or(usize::MAX)
    }
}

/// A request that fits into its model's context, as far as can be told beforehand.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// What to ask.
    pub request: Arc<Request>,
    /// How many of the oldest messages are not in it.
    pub left_out: u32,
}

/// System prompt and question alone are too much for the model.
///
/// `Display` is a sentence for the end user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "The message is too long for \"{model}\": with the system prompt it takes about {needed} tokens, \
     and there is room for {budget}. Send a shorter message, or choose a model with a larger context."
)]
pub struct DoesNotFit {
    /// The model, as one line of at most 100 characters.
    pub model: String,
    /// How many tokens they take; not exactly, if it is far too many.
    pub needed: u32,
    /// How many they may take.
    pub budget: u32,
}

impl Fitted {
    /// The same with less history, for a provider to which it was too long after all. Leaves out the
    /// older half of what was said, at least one exchange. `None` if there is no history left.
    pub fn trimmed(&self) -> Option<Self> {
        let messages = &self.request.messages;
        let history = history(messages);
        let all = most_of(&messages[history.clone()]);
        let mut left = all;
        let cut = exchanges(messages).into_iter().find_map(|exchange| {
            left -= most_of(&messages[exchange.clone()]);
            (left <= all / 2).then_some(exchange.end)
        })?;
        let kept = messages[..history.start].iter().chain(&messages[cut..]);
        Some(Self {
            request: Arc::new(Request {
                messages: kept.cloned().collect(),
                model: self.request.model.clone(),
                parameters: self.request.parameters.clone(),
                ..*self.request
            }),
            left_out: self.left_out + saturate(cut - history.start),
        })
    }
}

/// See [`super::Providers::fit`].
pub(super) async fn fit(
    counting: &Counting,
    provider: ProviderName,
    mut request: Arc<Request>,
    window: Window,
) -> Result<Fitted, DoesNotFit> {
    let budget = window.budget(request.max_tokens);
    // Most conversations fit by far, and need not be counted.
    if PRIMING + most_of(&request.messages) <= budget {
        return Ok(Fitted {
            request,
            left_out: 0,
        });
    }
    let tokenizer = Tokenizer::of(provider, &request.model);
    let asked = Arc::clone(&request);
    let count = move |tokenizer| surplus(&asked.messages, tokenizer, budget);
    let history = history(&request.messages);
    let surplus = match counting.run(tokenizer, count).await {
        Ok(surplus) => surplus,
        Err(_) if window.is_guess => history.len(),
        Err(needed) => {
            return Err(DoesNotFit {
                model: sanitise::name(&request.model, MODEL_LIMIT),
                needed: saturate(needed),
                budget: saturate(budget),
            });
        }
    };
    let surplus = history.start..history.start + surplus;
    let left_out = saturate(surplus.len());
    if left_out > 0 {
        Arc::make_mut(&mut request).messages.drain(surplus);
    }
    Ok(Fitted { request, left_out })
}

/// How many messages of the history, from the oldest on, are too many. They are whole exchanges, and
/// as few as can be.
///
/// # Errors
///
/// If the others alone are too long; holds about how many tokens they take.
fn surplus(messages: &[ChatMessage], tokenizer: Tokenizer, budget: usize) -> Result<usize, usize> {
    let history = history(messages);
    let (prompt, question) = (&messages[..history.start], &messages[history.end..]);
    let always = prompt.iter().chain(question);
    let needed: usize = always
        .map(|message| PER_MESSAGE + tokenizer.about(&message.content, budget))
        .sum();
    let needed = PRIMING + needed;
    let mut room = budget.checked_sub(needed).ok_or(needed)?;
    let mut older = most_of(&messages[history.clone()]);
    for exchange in exchanges(messages).into_iter().rev() {
        if older <= room {
            return Ok(0);
        }
        let said = &messages[exchange.clone()];
        let Some(left) = without(room, said, tokenizer) else {
            return Ok(exchange.end - history.start);
        };
        room = left;
        older -= most_of(said);
    }
    Ok(0)
}

/// What is left of `room` with these messages in it; `None` if they do not fit.
fn without(room: usize, messages: &[ChatMessage], tokenizer: Tokenizer) -> Option<usize> {
    messages.iter().rev().try_fold(room, |room, message| {
        let room = room.checked_sub(PER_MESSAGE)?;
        let count = tokenizer.count(&message.content, room).ok()?;
        Some(room - count)
    })
}

/// The most tokens that messages can take, whatever the tokenizer: a token is at least a byte.
fn most_of(messages: &[ChatMessage]) -> usize {
    let most = |message: &ChatMessage| PER_MESSAGE + message.content.len();
    messages.iter().map(most).sum()
}

/// Which messages are the history: all but the system prompt before it and the question after it.
fn history(messages: &[ChatMessage]) -> Range<usize> {
    let end = messages.len().saturating_sub(1);
    let has_prompt = messages.first().is_some_and(|m| m.role == Role::System);
    usize::from(has_prompt).min(end)..end
}

/// The exchanges of the history, oldest first. An exchange begins with a question that follows an
/// answer, so that questions which got no answer stay with the next one that did.
fn exchanges(messages: &[ChatMessage]) -> Vec<Range<usize>> {
    let history = history(messages);
    let begins = |&at: &usize| {
        at == history.start
            || (messages[at - 1].role == Role::Assistant && messages[at].role == Role::User)
    };
    let starts: Vec<usize> = history.clone().filter(begins).collect();
    let ends = starts.iter().skip(1).copied().chain([history.end]);
    starts
        .iter()
        .copied()
        .zip(ends)
        .map(|(start, end)| start..end)
        .collect()
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::{
        super::Parameters,
        Role::{Assistant, System, User},
        *,
    };

    /// Messages of so many bytes each.
    fn messages(of: &[(Role, usize)]) -> Vec<ChatMessage> {
        let message = |&(role, bytes)| ChatMessage {
            role,
            content: "x".repeat(bytes),
        };
        of.iter().map(message).collect()
    }

    /// A request to a model that is not known, with this window of which half is for the answer.
    fn request(messages: Vec<ChatMessage>, window: u32) -> Request {
        Request {
            model: "m".to_owned(),
            messages,
            temperature: 1.0,
            max_tokens: u32::MAX,
            context_window: Some(window),
            parameters: Parameters::default(),
        }
    }

    async fn fitted(request: Request) -> Result<Fitted, DoesNotFit> {
        let provider = ProviderName::OpenAi;
        let window = Window::for_request(provider, &request, 8192);
        fit(&Counting::new(), provider, Arc::new(request), window).await
    }

    fn roles(fitted: &Fitted) -> Vec<Role> {
        fitted.request.messages.iter().map(|m| m.role).collect()
    }

    /// What messages take by the estimate.
    fn cost(messages: &[ChatMessage]) -> usize {
        let cost = |message: &ChatMessage| 4 + message.content.len().div_ceil(3);
        3 + messages.iter().map(cost).sum::<usize>()
    }

    #[test]
    fn the_window_is_the_agents_or_else_the_models() {
        use ProviderName::{Ollama, OpenAi};
        for (provider, model, own, total, is_guess) in [
            (OpenAi, "gpt-4", None, 8192, false),
            (OpenAi, "gpt-4", Some(300), 300, false),
            (OpenAi, "gpt-4.1", None, 1_047_576, false),
            (OpenAi, "m", None, 32_768, true),
            (OpenAi, "m", Some(32_768), 32_768, false),
            (OpenAi, "gpt-oss-20b", None, 32_768, true),
            (Ollama, "m", None, 4096, false),
            (Ollama, "gpt-oss", None, 4096, false),
            (Ollama, "m", Some(300), 300, false),
        ] {
            let request = Request {
                model: model.to_owned(),
                context_window: own,
                ..request(Vec::new(), 0)
            };
            let window = Window::for_request(provider, &request, 4096);
            assert_eq!(
                (window.total, window.is_guess),
                (total, is_guess),
                "{model}"
            );
        }
    }

    #[test]
    fn the_answer_is_kept_room_for_but_at_most_half() {
        let gpt_5 = Window {
            prompt: 272_000,
            ..Window::of(400_000)
        };
        for (window, max_tokens, budget) in [
            (Window::of(8192), 2000, 6192),
            (Window::of(8192), 4096, 4096),
            (Window::of(8192), 1_000_000, 4096),
            (Window::of(257), u32::MAX, 129),
            (gpt_5, 2000, 272_000),
            (gpt_5, 150_000, 250_000),
        ] {
            assert_eq!(window.budget(max_tokens), budget);
        }
    }

    #[test]
    fn an_exchange_lasts_until_the_question_after_its_answer() {
        for (roles, expected) in [
            (&[][..], &[][..]),
            (&[User], &[]),
            (&[System], &[]),
            (&[System, User], &[]),
            (&[User, User], &[(0, 1)]),
            (&[System, User, Assistant, User], &[(1, 3)]),
            (&[User, Assistant, User, Assistant, User], &[(0, 2), (2, 4)]),
            // Two questions got no answer, and then one that was not finished came.
            (
                &[User, Assistant, User, User, User, Assistant, User],
                &[(0, 2), (2, 6)],
            ),
            (&[User, Assistant, User, User], &[(0, 2), (2, 3)]),
            (&[User, Assistant, Assistant, User, User], &[(0, 3), (3, 4)]),
            (&[Assistant, User, Assistant, User], &[(0, 1), (1, 3)]),
        ] {
            let of: Vec<_> = roles.iter().map(|&role| (role, 1)).collect();
            let found = exchanges(&messages(&of)).into_iter();
            let found: Vec<_> = found.map(|e| (e.start, e.end)).collect();
            assert_eq!(found, expected, "{roles:?}");
        }
    }

    #[tokio::test]
    async fn what_fits_is_left_as_it_is() {
        let messages = messages(&[(System, 9), (Assistant, 30), (User, 30), (User, 9)]);
        let text = messages[1].content.as_ptr();
        let budget = cost(&messages);
        for window in [2 * budget, 1_000_000] {
            let window = saturate(window);
            let fitted = fitted(request(messages.clone(), window)).await.unwrap();
            assert_eq!(fitted.left_out, 0);
            assert_eq!(roles(&fitted), [System, Assistant, User, User]);
        }
        let fitted = fitted(request(messages, 1000)).await.unwrap();
        assert_eq!(fitted.request.messages[1].content.as_ptr(), text, "a copy");
    }

    #[tokio::test]
    async fn the_oldest_exchanges_are_left_out() {
        let messages = messages(&[
            (System, 9),
            (User, 30),
            (Assistant, 30),
            (User, 30),
            (User, 30),
            (Assistant, 30),
            (User, 9),
        ]);
        let text = messages[4].content.as_ptr();
        let window = saturate(2 * (cost(&messages) - 1));
        let fitted = fitted(request(messages, window)).await.unwrap();
        assert_eq!(roles(&fitted), [System, User, User, Assistant, User]);
        assert_eq!(fitted.left_out, 2);
        assert_eq!(fitted.request.messages[2].content.as_ptr(), text, "a copy");
    }

    #[tokio::test]
    async fn what_is_kept_is_as_much_as_fits() {
        let mut random = StdRng::seed_from_u64(3);
        let (mut all, mut some, mut none, mut refused) = (0, 0, 0, 0);
        for _ in 0..3000 {
            let mut of = vec![];
            if random.random() {
                of.push((System, random.random_range(0..60)));
            }
            let start = of.len();
            for _ in 0..random.random_range(0..12) {
                let role = if random.random() { User } else { Assistant };
                of.push((role, random.random_range(0..200)));
            }
            of.push((User, random.random_range(0..1000)));
            let messages = messages(&of);
            let (budget, last) = (random.random_range(128..512), messages.len() - 1);
            let always = [&messages[..start], &messages[last..]].concat();
            let fitted = match fitted(request(messages.clone(), 2 * budget)).await {
                Ok(fitted) => fitted,
                Err(error) => {
                    refused += 1;
                    assert!(cost(&always) > budget as usize);
                    assert_eq!(
                        (error.needed as usize, error.budget),
                        (cost(&always), budget)
                    );
                    continue;
                }
            };
            let kept = &fitted.request.messages;
            assert!(cost(kept) <= budget as usize);
            let cut = start + fitted.left_out as usize;
            assert_eq!(kept.len(), messages.len() - fitted.left_out as usize);
            let texts = |messages: &[ChatMessage]| -> Vec<(Role, usize)> {
                messages.iter().map(|m| (m.role, m.content.len())).collect()
            };
            assert_eq!(texts(&kept[..start]), of[..start]);
            assert_eq!(texts(&kept[start..]), of[cut..]);
            if cut == start {
                all += 1;
                continue;
            }
            if cut == last {
                none += 1;
            } else {
                some += 1;
                assert_eq!(kept[start].role, User);
                assert_eq!(messages[cut - 1].role, Assistant);
            }
            // With the exchange before it there would be too much.
            let before = exchanges(&messages).into_iter().find(|e| e.end == cut);
            let more = [&messages[..start], &messages[before.unwrap().start..]].concat();
            assert!(cost(&more) > budget as usize);
        }
        assert!([all, some, none, refused].iter().all(|&cases| cases > 100));
    }

    #[tokio::test]
    async fn a_real_tokenizer_tells_more_closely() {
        let of = [
            (User, 0),
            (Assistant, 0),
            (User, 0),
            (Assistant, 0),
            (User, 0),
        ];
        for (model, left_out) in [("gpt-4", 2), ("m", 4)] {
            let mut request = Request {
                model: model.to_owned(),
                ..request(messages(&of), 300)
            };
            for message in &mut request.messages {
                // 147 bytes: 36 tokens of GPT-4's, 49 by the estimate.
                message.content = "The quick brown fox. ".repeat(7);
            }
            let text = request.messages[4].content.as_ptr();
            let fitted = fitted(request).await.unwrap();
            assert_eq!(fitted.left_out, left_out, "{model}");
            let question = fitted.request.messages.last().unwrap();
            assert_eq!(question.content.as_ptr(), text, "a copy");
        }
    }

    #[tokio::test]
    async fn too_long_a_question_is_refused_in_words() {
        for (model, needed) in [("gpt-4", 4 + 3 + 625), ("m", 4 + 3 + 1667)] {
            let request = Request {
                model: model.to_owned(),
                ..request(messages(&[(User, 9), (User, 5000)]), 512)
            };
            assert_eq!(
                fitted(request).await.unwrap_err().to_string(),
                format!(
                    "The message is too long for \"{model}\": with the system prompt it takes about \
                     {needed} tokens, and there is room for 256. Send a shorter message, or choose a \
                     model with a larger context.",
                ),
            );
        }
    }

    #[tokio::test]
    async fn nobody_is_refused_because_of_a_guess() {
        let request = Request {
            context_window: None,
            ..request(messages(&[(System, 9), (User, 9), (User, 200_000)]), 0)
        };
        let fitted = fitted(request).await.unwrap();
        assert_eq!(roles(&fitted), [System, User]);
        assert_eq!(fitted.left_out, 1);
    }

    #[tokio::test]
    async fn what_was_too_long_after_all_is_halved() {
        let exchange = [(User, 10), (Assistant, 10)];
        let of = [&[(System, 5)][..], &exchange.repeat(7), &[(User, 5)]].concat();
        let mut fitted = fitted(request(messages(&of), 1000)).await.unwrap();
        for left in [3, 1, 0] {
            fitted = fitted.trimmed().unwrap();
            assert_eq!(fitted.left_out, 14 - 2 * left);
            assert_eq!(fitted.request.messages.len(), 2 + 2 * left as usize);
            assert_eq!(roles(&fitted)[..2], [System, User]);
            assert_eq!(fitted.request.messages.last().unwrap().content.len(), 5);
        }
        assert!(fitted.trimmed().is_none());
    }

    #[tokio::test]
    async fn half_is_meant_by_length() {
        for (of, left_out) in [
            (
                &[(User, 500), (Assistant, 5), (User, 5), (Assistant, 5)][..],
                2,
            ),
            (&[(User, 5), (Assistant, 5), (User, 5), (Assistant, 500)], 4),
            (&[(User, 5)], 1),
        ] {
            let messages = messages(&[of, &[(User, 5)]].concat());
            let fitted = fitted(request(messages, 2000)).await.unwrap();
            assert_eq!(fitted.trimmed().unwrap().left_out, left_out, "{of:?}");
        }
    }
}
