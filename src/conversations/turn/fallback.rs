//! Who answers when the agent's model does not.

use uuid::Uuid;

use crate::agents::{self, Agent};
use crate::db::Db;

/// Who answers when the agent's model does not. Fallbacks of fallbacks are never asked.
pub enum Fallback {
    /// The same agent with another model of its provider's.
    OtherModel(Box<Agent>),
    /// Another agent of its owner's.
    OtherAgent(Uuid),
}

impl Fallback {
    /// The agent's, if it has one.
    pub fn of(agent: &Agent) -> Option<Self> {
        let other_agent = agent.fallback_agent.map(Self::OtherAgent);
        other_agent.or_else(|| {
            let model = agent.fallback_model.clone()?;
            Some(Self::OtherModel(Box::new(Agent {
                model,
                ..agent.clone()
            })))
        })
    }

    /// The agent to ask; `None` if it is deactivated, was deleted meanwhile or cannot be read.
    pub async fn find(self, db: &Db, owner: Uuid) -> Option<Agent> {
        match self {
            Self::OtherModel(agent) => Some(*agent),
            Self::OtherAgent(id) => agents::repository::find(db, owner, id)
                .await
                .inspect_err(|error| tracing::error!(%error, "a fallback could not be read"))
                .ok()
                .flatten()
                .filter(|agent| agent.is_active),
        }
    }
}
