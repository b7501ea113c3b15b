//! All SQL about versions of system prompts. Every statement is limited to its owner's.

use uuid::Uuid;

use super::model::Prompt;
use crate::agents::Agent;
use crate::clock;
use crate::db::{Executor, Page, Slice, Tx};

/// What is read of versions, and from where.
macro_rules! select {
    ($($more:literal)?) => {
        concat!(
            "SELECT number, system_prompt, author_id, users.name AS author_name, agent_prompts.created_at",
            $($more,)?
            " FROM agent_prompts LEFT JOIN users ON users.id = author_id"
        )
    };
}

/// How many versions of an agent's prompt are kept, the newest ones.
const KEPT: i32 = 200;

/// Keeps an agent's system prompt as its newest version, unless it is that already. To be called by whatever writes one
/// to an agent, behind it in the same transaction. The author is the owner, who alone can change an agent so far.
pub async fn keep(tx: &mut Tx, owner: Uuid, agent: &Agent) -> sqlx::Result<()> {
    let newest = find_newest(&mut *tx, owner, agent.id).await?;
    if newest
        .as_ref()
        .is_some_and(|newest| newest.system_prompt == agent.system_prompt)
    {
        return Ok(());
    }
    let number = newest.map_or(1, |newest| newest.number + 1);
    tx.query(
        "INSERT INTO agent_prompts (user_id, agent_id, number, author_id, created_at, system_prompt)
         VALUES ($1, $2, $3, $1, $4, $5)",
    )
    .bind(owner)
    .bind(agent.id)
    .bind(number)
    .bind(clock::now())
    .bind(&agent.system_prompt)
    .execute()
    .await?;
    tx.query("DELETE FROM agent_prompts WHERE user_id = $1 AND agent_id = $2 AND number <= $3")
        .bind(owner)
        .bind(agent.id)
        .bind(number - KEPT)
        .execute()
        .await?;
    Ok(())
}

/// The versions of the prompt of the user's agent, newest first.
pub async fn list(
    db: impl Executor<'_>,
    owner: Uuid,
    agent: Uuid,
    slice: Slice,
) -> sqlx::Result<Page<Prompt>> {
    db.query(concat!(
        select!(
            ", (SELECT COUNT(*) FROM agent_prompts WHERE user_id = $1 AND agent_id = $2) AS total"
        ),
        " WHERE user_id = $1 AND agent_id = $2
         ORDER BY number DESC
         LIMIT $3 + 0 OFFSET $4"
    ))
    .bind(owner)
    .bind(agent)
    .bind(slice.limit)
    .bind(slice.offset)
    .fetch_page()
    .await
}

/// The version of this number.
pub async fn find(
    db: impl Executor<'_>,
    owner: Uuid,
    agent: Uuid,
    number: i32,
) -> sqlx::Result<Option<Prompt>> {
    db.query(concat!(
        select!(),
        " WHERE user_id = $1 AND agent_id = $2 AND number = $3"
    ))
    .bind(owner)
    .bind(agent)
    .bind(number)
    .fetch_optional()
    .await
}

/// The newest version.
async fn find_newest(
    db: impl Executor<'_>,
    owner: Uuid,
    agent: Uuid,
) -> sqlx::Result<Option<Prompt>> {
    db.query(concat!(
        select!(),
        " WHERE user_id = $1 AND agent_id = $2
         ORDER BY number DESC
         LIMIT 1"
    ))
    .bind(owner)
    .bind(agent)
    .fetch_optional()
    .await
}

/// The last two versions up to this number, the later one first.
pub async fn find_with_previous(
    db: impl Executor<'_>,
    owner: Uuid,
    agent: Uuid,
    number: i32,
) -> sqlx::Result<Vec<Prompt>> {
    db.query(concat!(
        select!(),
        " WHERE user_id = $1 AND agent_id = $2 AND number <= $3
         ORDER BY number DESC
         LIMIT 2"
    ))
    .bind(owner)
    .bind(agent)
    .bind(number)
    .fetch_all()
    .await
}
