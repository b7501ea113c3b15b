//! The work of a turn: ask the model, listen, write down.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::time::sleep;

use super::failure::Failure;
use super::{alternation, repository};
use crate::agents::Agent;
use crate::app::App;
use crate::live::{End, Kind, Turn, deleted};
use crate::llm::{
    self, ChatMessage, ErrorKind, Event, Fitted, ProviderName, Request, Role, StopReason, Usage,
};
use crate::messages::{self, Message, Status};

/// How long to wait before an answer that could not be written down is tried again.
const WRITE_PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
];

/// How long to wait after that.
const LONG_PAUSE: Duration = Duration::from_secs(5);

/// How the model's part of a turn ended.
enum Outcome {
    Complete(StopReason, Option<Usage>),
    Stopped,
    Failed(Failure),
}

/// What a model was asked.
struct Asked {
    provider: ProviderName,
    fitted: Fitted,
}

/// Runs a turn to its end, whatever that is.
pub async fn run(app: &App, turn: &Turn, agent: Agent) {
    let mut asked = None;
    let outcome = tokio::select! {
        said = ask(app, turn, agent, &mut asked) => match said {
            Ok((reason, usage)) => Outcome::Complete(reason, usage),
            Err(failure) => Outcome::Failed(failure),
        },
        () = turn.stop().cancelled() => Outcome::Stopped,
        () = app.tasks.ending().cancelled() => Outcome::Failed(Failure::Interrupted),
    };
    // Boxed, as all that takes memory but little time, so that a turn that listens is small.
    Box::pin(write_end(app, turn, asked, outcome)).await;
}

/// Ends a turn: in the database, and then for its readers.
async fn write_end(app: &App, turn: &Turn, asked: Option<Asked>, outcome: Outcome) {
    let mut end = end(app, turn, asked, &outcome).await;
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

/// Asks the agent's model and listens until it is done. What it was asked last is left in `asked`.
async fn ask(
    app: &App,
    turn: &Turn,
    agent: Agent,
    asked: &mut Option<Asked>,
) -> Result<(StopReason, Option<Usage>), Failure> {
    let provider: ProviderName = agent
        .llm_provider
        .parse()
        .map_err(|_| Failure::UnknownProvider(agent.llm_provider.clone()))?;
    let mut fitted = Box::pin(prepare(app, turn, provider, agent)).await?;
    let (mut may_trim, mut may_join) = (true, true);
    loop {
        *asked = Some(Asked {
            provider,
            fitted: fitted.clone(),
        });
        let answer = app.llm.chat(provider, Arc::clone(&fitted.request));
        let error = match listen(turn, answer).await {
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
            alternation::join_neighbours(&fitted)
        } else {
            None
        };
        fitted = otherwise.ok_or(error)?;
    }
}

/// Puts together what to ask.
async fn prepare(
    app: &App,
    turn: &Turn,
    provider: ProviderName,
    agent: Agent,
) -> Result<Fitted, Failure> {
    // Read once the turn is open, so that no other one can add to it. The question is the last of it.
    let history = messages::repository::history(&app.db, turn.owner, turn.conversation())
        .await
        .map_err(|error| {
            tracing::error!(%error, conversation = %turn.conversation(), "a conversation could not be read");
            Failure::NotRead
        })?;
    Ok(app.llm.fit(provider, request(&agent, history)).await?)
}

/// What to ask an agent's model about what was said.
pub fn request(agent: &Agent, said: Vec<ChatMessage>) -> Request {
    let prompt = Some(agent.system_prompt.clone()).filter(|prompt| !prompt.is_empty());
    let prompt = prompt.map(|content| ChatMessage {
        role: Role::System,
        content,
    });
    Request {
        model: agent.model.clone(),
        messages: prompt.into_iter().chain(said).collect(),
        temperature: agent.temperature,
        max_tokens: u32::try_from(agent.max_tokens).unwrap_or(1),
        context_window: agent
            .context_window
            .and_then(|window| window.try_into().ok()),
        parameters: llm::Parameters::default(),
    }
}

/// Passes on an answer as it comes, until it is done.
async fn listen(
    turn: &Turn,
    mut events: BoxStream<'static, Result<Event, llm::Error>>,
) -> Result<(StopReason, Option<Usage>), llm::Error> {
    // The stream always ends with `Done` or an error.
    let mut done = (StopReason::Stop, None);
    while let Some(event) = events.next().await {
        match event? {
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
            ..turn.answer.clone()
        },
        retry_after: None,
    };
    if let Some(Asked { fitted, .. }) = &asked
        && fitted.left_out > 0
    {
        end.answer.left_out = Some(i32::try_from(fitted.left_out).unwrap_or(i32::MAX));
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
                    detail = error.detail(),
                    conversation = %turn.conversation(),
                    message = %turn.answer.id,
                    "no answer"
                );
            }
            fail(&mut end, failure);
            if turn.length() > 0 {
                estimate_usage(app, &mut end.answer, asked).await;
            }
        }
    }
    end
}

/// Notes about what an answer cost whose provider did not get to tell.
async fn estimate_usage(app: &App, answer: &mut Message, asked: Option<Asked>) {
    let Some(Asked { provider, fitted }) = asked else {
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
