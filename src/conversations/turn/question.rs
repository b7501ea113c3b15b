//! What a model is asked: the agent's instructions and what was said.

use super::failure::Failure;
use super::fallback::Fallback;
use crate::agents::Agent;
use crate::agents::variables::{self, Variables};
use crate::app::App;
use crate::clock;
use crate::live::Turn;
use crate::llm::{ChatMessage, Fitted, ProviderName, Request, Role};
use crate::{messages, users};

/// What a model is asked.
#[derive(Clone)]
pub struct Asked {
    pub provider: ProviderName,
    pub fitted: Fitted,
    /// The model that failed before, if this one is its fallback.
    pub fallback_from: Option<String>,
}

/// What a model is told of what was said.
#[derive(Clone, Copy)]
pub enum Memory {
    /// All of the conversation. The question is the last of it.
    Conversation,
    /// The question alone.
    Question,
}

/// Puts together what to ask an agent's model.
pub async fn prepare(
    app: &App,
    turn: &Turn,
    mut agent: Agent,
    memory: Memory,
) -> Result<Asked, Failure> {
    let provider: ProviderName = agent
        .llm_provider
        .parse()
        .map_err(|_| Failure::UnknownProvider(agent.llm_provider.clone()))?;
    let not_read = |error| {
        tracing::error!(%error, conversation = %turn.conversation(), "a conversation could not be read");
        Failure::NotRead
    };
    // Read once the turn is open, so that no other one can add to it.
    let said = match memory {
        Memory::Conversation => {
            messages::repository::history(&app.db, turn.owner, turn.conversation())
                .await
                .map_err(not_read)?
        }
        Memory::Question => vec![ChatMessage {
            role: Role::User,
            content: turn.question.content.clone(),
        }],
    };
    if variables::are_in(&agent.system_prompt) {
        let user = users::repository::find(&app.db, turn.owner)
            .await
            .map_err(not_read)?;
        let preferences = users::repository::find_preferences(&app.db, turn.owner)
            .await
            .map_err(not_read)?;
        let now = clock::now();
        let variables = Variables {
            user_name: user.as_ref().map_or("", |user| &user.name),
            agent: &agent,
            now: preferences.map_or(now.fixed_offset(), |preferences| preferences.local(now)),
        };
        agent.system_prompt = variables.expand();
    }
    Ok(Asked {
        provider,
        fitted: app.llm.fit(provider, request(&agent, said)).await?,
        fallback_from: None,
    })
}

/// Puts together what to ask the fallback of a model that failed. `None` if there is nobody who could be asked.
pub async fn prepare_fallback(
    app: &App,
    turn: &Turn,
    fallback: Fallback,
    memory: Memory,
    failure: &Failure,
) -> Option<Asked> {
    let agent = fallback.find(&app.db, turn.owner).await?;
    let question = prepare(app, turn, agent, memory).await.ok()?;
    tracing::warn!(
        failure = failure.text(),
        detail = failure.detail(),
        conversation = %turn.conversation(),
        model = question.fitted.request.model,
        "asking the fallback"
    );
    Some(Asked {
        fallback_from: Some(turn.answer.model.clone()),
        ..question
    })
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
        parameters: agent.parameters.clone(),
    }
}
