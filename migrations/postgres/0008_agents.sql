-- Settings of the model beyond temperature and length: a JSON object with those that were set.
ALTER TABLE agents ADD COLUMN parameters TEXT NOT NULL DEFAULT '{}';
-- Who answers when the agent's model does not: another agent of its owner's, or another model of its provider's. Deleting
-- that agent clears the first; as a foreign key it would have to clear user_id as well.
ALTER TABLE agents ADD COLUMN fallback_agent_id UUID;
ALTER TABLE agents ADD COLUMN fallback_model TEXT;
-- The model that failed before the one that answered was asked instead.
ALTER TABLE messages ADD COLUMN fallback_from TEXT;

-- Every system prompt that an agent has had, numbered from 1; the last one is the agent's. The author may be gone.
CREATE TABLE agent_prompts (
    user_id UUID NOT NULL,
    agent_id UUID NOT NULL,
    number INTEGER NOT NULL,
    author_id UUID NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    system_prompt TEXT NOT NULL,
    PRIMARY KEY (user_id, agent_id, number),
    FOREIGN KEY (user_id, agent_id) REFERENCES agents (user_id, id) ON DELETE CASCADE
);
INSERT INTO agent_prompts (user_id, agent_id, number, author_id, created_at, system_prompt)
SELECT user_id, id, 1, user_id, updated_at, system_prompt FROM agents;
