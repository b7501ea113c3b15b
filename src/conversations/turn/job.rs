//! The work of a turn: ask the model, listen, write down.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{sleep, timeout};
use tracing::Instrument;

use super::failure::Failure;
use super::fallback::Fallback;
use super::question::{Asked, Memory, prepare, prepare_fallback};
use super::{alternation, repository};
use crate::agents::Agent;
use crate::app::App;
use crate::live::{End, Kind, Turn, deleted};
use crate::llm::{self, ErrorKind, Event, StopReason, Usage};
use crate::messages::{self, Message, Status};
use crate::metrics::AwaitedToken;

/// How long to wait before an answer that could not be written down is tried again.
const WRITE_PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
];

/// How long to wait after that.
const LONG_PAUSE: Duration = Duration::from_secs(5);

/// How long may be counted what an answer cost that ends because the server does: there is little time left then, and the
/// answer has to be written down in it.
const LAST_COUNT: Duration = Duration::from_millis(500);

/// How the model's part of a turn ended.
enum Outcome {
    Complete(StopReason, Option<Usage>),
    Stopped,
    Failed(Failure),
}

/// Runs a turn to its end, whatever that is.
pub async fn run(app: &App, turn: &Turn, agent: Agent) {
    let end = answered(app, turn, agent, Memory::Conversation).await;
    // Boxed, as all that takes memory but little time, so that a turn that listens is small.
    Box::pin(write_end(app, turn, end)).await;
}

/// Runs a turn of which nothing is stored.
pub async fn rehearse(app: &App, turn: &Turn, agent: Agent) {
    let end = answered(app, turn, agent, Memory::Question).await;
    turn.finish(end);
}

/// Waits for an answer, however it ends, and counts it.
async fn answered(app: &App, turn: &Turn, agent: Agent, memory: Memory) -> End {
    let running = app.metrics.turn_begun();
    let mut asked = None;
    let span = tracing::error_span!("turn", conversation = %turn.conversation(), message = %turn.answer.id);
    let outcome = outcome(app, turn, agent, memory, &mut asked)
        .instrument(span.clone())
        .await;
    let provider = asked.as_ref().map(|asked| asked.provider);
    let end = Box::pin(end(app, turn, asked, &outcome).instrument(span)).await;
    running.ended(provider, &end.answer);
    end
}

/// Waits for an answer, unless it is stopped or the server ends. What was asked last is left in `asked`.
async fn outcome(
    app: &App,
    turn: &Turn,
    agent: Agent,
    memory: Memory,
    asked: &mut Option<Asked>,
) -> Outcome {
    let outcome = async {
        tokio::select! {
            said = answer(app, turn, agent, memory, asked) => match said {
                Ok((reason, usage)) => Outcome::Complete(reason, usage),
                Err(failure) => Outcome::Failed(failure),
            },
            () = turn.stop().cancelled() => Outcome::Stopped,
            () = app.tasks.ending().cancelled() => Outcome::Failed(Failure::Interrupted),
        }
    };
    // Whatever happens, a turn has to end: its readers wait, and so does the place of its answer.
    AssertUnwindSafe(outcome)
        .catch_unwind()
        .await
        .unwrap_or(Outcome::Failed(Failure::Broken))
}

/// Ends a turn: in the database, and then for its readers.
async fn write_end(app: &App, turn: &Turn, mut end: End) {
    // Pieces that are on their way to the database come before the whole.
    turn.settle().await;
    match write_down(app, turn, &end.answer).await {
        Ok(Some(answer)) => end.answer = answer,
        Ok(None) => end.answer = deleted(&end.answer),
        Err(error) => {
            tracing::error!(%error, conversation = %turn.conversation(), "an answer could not be written down");
            let answer = end.answer.clone();
            fail(&mut end, &Failure::NotStored);
            app.live.end(turn);
            turn.finish(end);
            return keep_writing(app, turn, &answer).await;
        }
    }
    app.live.end(turn);
    turn.finish(end);
}

/// Asks the agent's model, and if it fails before its first word, the fallback. What was asked last is left in `asked`.
async fn answer(
    app: &App,
    turn: &Turn,
    agent: Agent,
    memory: Memory,
    asked: &mut Option<Asked>,
) -> Result<(StopReason, Option<Usage>), Failure> {
    let fallback = Fallback::of(&agent);
    let said = match Box::pin(prepare(app, turn, agent, memory)).await {
        Ok(question) => ask(app, turn, question, asked).await,
        Err(failure) => Err(failure),
    };
    let failure = match said {
        Ok(done) => return Ok(done),
        Err(failure) => failure,
    };
    let may_fall_back = turn.length() == 0 && failure.is_the_models();
    let Some(fallback) = fallback.filter(|_| may_fall_back) else {
        return Err(failure);
    };
    match Box::pin(prepare_fallback(app, turn, fallback, memory, &failure)).await {
        // Boxed, because few turns get here and all would have room for it.
        Some(question) => Box::pin(ask(app, turn, question, asked)).await,
        // Who cannot even be asked has nothing to tell.
        None => Err(failure),
    }
}

/// Asks a model and listens until it is done. What it was asked last is left in `asked`.
async fn ask(
    app: &App,
    turn: &Turn,
    mut question: Asked,
    asked: &mut Option<Asked>,
) -> Result<(StopReason, Option<Usage>), Failure> {
    let (mut may_trim, mut may_join) = (true, true);
    loop {
        let fitted = &asked.insert(question.clone()).fitted;
        let answer = app.llm.chat(question.provider, Arc::clone(&fitted.request));
        let awaited = app.metrics.model_asked(question.provider);
        let span = tracing::error_span!("model", provider = %question.provider);
        let error = match listen(turn, answer, awaited).instrument(span).await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let otherwise = if turn.length() > 0 {
            None
        } else if may_trim && *error.kind() == ErrorKind::ContextOverflow {
            may_trim = false;
            fitted.trimmed()
        } else if may_join && alternation::is_wanted(&error) {
            may_join = false;
            alternation::join_neighbours(fitted)
        } else {
            None
        };
        question.fitted = otherwise.ok_or(error)?;
    }
}

/// Passes on an answer as it comes, until it is done.
async fn listen(
    turn: &Turn,
    mut events: BoxStream<'static, Result<Event, llm::Error>>,
    mut awaited: AwaitedToken,
) -> Result<(StopReason, Option<Usage>), llm::Error> {
    // The stream always ends with `Done` or an error.
    let mut done = (StopReason::Stop, None);
    while let Some(event) = events.next().await {
        let event = event?;
        awaited.arrived();
        match event {
            Event::Text(text) => turn.push(Kind::Text, &storable(text)),
            Event::Reasoning(text) => turn.push(Kind::Reasoning, &storable(text)),
            Event::Done { reason, usage } => done = (reason, usage),
        }
    }
    Ok(done)
}

/// Models can say anything, but Postgres cannot store U+0000.
fn storable(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

/// The answer as it is to be stored.
async fn end(app: &App, turn: &Turn, asked: Option<Asked>, outcome: &Outcome) -> End {
    let reasoning = turn.text_of(Kind::Reasoning);
    let mut end = End {
        answer: Message {
            content: turn.text_of(Kind::Text),
            reasoning: Some(reasoning).filter(|reasoning| !reasoning.is_empty()),
            is_interleaved: turn.is_interleaved(),
            ..turn.answer.clone()
        },
        retry_after: None,
    };
    if let Some(asked) = &asked {
        let left_out = asked.fitted.left_out;
        if left_out > 0 {
            end.answer.left_out = Some(i32::try_from(left_out).unwrap_or(i32::MAX));
        }
        end.answer.model.clone_from(&asked.fitted.request.model);
        end.answer.fallback_from.clone_from(&asked.fallback_from);
    }
    match outcome {
        Outcome::Complete(reason, usage) => {
            end.answer.status = Status::Complete;
            end.answer.finish_reason = Some(storable(reason.as_str().to_owned()));
            if let &Some(usage) = usage {
                end.answer.set_usage(usage, false);
            }
        }
        Outcome::Stopped => {
            end.answer.status = Status::Stopped;
            estimate_usage(app, &mut end.answer, asked).await;
        }
        Outcome::Failed(failure) => {
            if let Failure::Provider(error) = failure {
                tracing::warn!(
                    %error,
                    detail = failure.detail(),
                    "no answer"
                );
            }
            fail(&mut end, failure);
            if turn.length() > 0 {
                let counted = estimate_usage(app, &mut end.answer, asked);
                if let Failure::Interrupted = failure {
                    // Without counts, if it takes longer.
                    let _ = timeout(LAST_COUNT, counted).await;
                } else {
                    counted.await;
                }
            }
        }
    }
    end
}

/// Notes about what an answer cost whose provider did not get to tell.
async fn estimate_usage(app: &App, answer: &mut Message, asked: Option<Asked>) {
    let Some(Asked {
        provider, fitted, ..
    }) = asked
    else {
        return;
    };
    let said = [
        answer.content.as_str(),
        answer.reasoning.as_deref().unwrap_or_default(),
    ];
    let usage = app
        .llm
        .estimate_usage(provider, &fitted.request, &said)
        .await;
    answer.set_usage(usage, true);
}

/// Notes why there is no answer, or not all of it.
fn fail(end: &mut End, failure: &Failure) {
    end.answer.status = failure.status();
    end.answer.error = Some(failure.text());
    end.answer.error_code = Some(failure.code());
    end.retry_after = failure.retry_after();
}

/// Stores how a turn ended, again if need be; returns the answer as it is then, or `None` if it was deleted.
async fn write_down(app: &App, turn: &Turn, answer: &Message) -> sqlx::Result<Option<Message>> {
    for pause in WRITE_PAUSES {
        match close(app, turn, answer).await {
            Ok(answer) => return Ok(answer),
            Err(error) => tracing::warn!(%error, "an answer could not be written down yet"),
        }
        sleep(pause).await;
    }
    close(app, turn, answer).await
}

/// Goes on trying after everybody was told that it failed: an answer is paid for and nobody can give it twice, and
/// until it has ended in the database there can be no other one in its conversation.
async fn keep_writing(app: &App, turn: &Turn, answer: &Message) {
    let written = async {
        loop {
            sleep(LONG_PAUSE).await;
            if close(app, turn, answer).await.is_ok() {
                return;
            }
        }
    };
    app.tasks.ending().run_until_cancelled(written).await;
}

async fn close(app: &App, turn: &Turn, answer: &Message) -> sqlx::Result<Option<Message>> {
    if repository::close(&app.db, turn.owner, answer).await? {
        return Ok(Some(answer.clone()));
    }
    // It was deleted; or an attempt before succeeded although we were told otherwise.
    messages::repository::find(&app.db, turn.owner, answer.id).await
}
