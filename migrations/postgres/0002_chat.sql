-- Everything of a user's carries user_id, first in every key: a look-up by owner is one step in an index, a row
-- cannot belong to one user and point to another's, and the tables can be distributed by user_id.
CREATE TABLE agents (
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    llm_provider TEXT NOT NULL,
    model TEXT NOT NULL,
    temperature DOUBLE PRECISION NOT NULL,
    max_tokens INTEGER NOT NULL,
    system_prompt TEXT NOT NULL,
    is_default BOOLEAN NOT NULL,
    is_active BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, id),
    UNIQUE (user_id, name)
);
CREATE UNIQUE INDEX agents_one_default ON agents (user_id) WHERE is_default;
CREATE INDEX agents_by_creation ON agents (user_id, created_at, id);

-- The last message is repeated here, and messages are counted here, so that a list reads this table alone.
CREATE TABLE conversations (
    user_id UUID NOT NULL,
    id UUID NOT NULL,
    agent_id UUID NOT NULL,
    title TEXT NOT NULL,
    message_count INTEGER NOT NULL,
    last_message_role TEXT,
    last_message_preview TEXT,
    last_message_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, id),
    FOREIGN KEY (user_id, agent_id) REFERENCES agents (user_id, id) ON DELETE CASCADE
);
-- An agent's conversations, which only deleting it asks for, are looked for among its owner's by the primary key.
CREATE INDEX conversations_by_activity ON conversations (user_id, updated_at, id);

-- An answer is `pending` while the model writes it; lease_expires_at says until when its writer has promised to live.
CREATE TABLE messages (
    user_id UUID NOT NULL,
    id UUID NOT NULL,
    conversation_id UUID NOT NULL,
    role TEXT NOT NULL,
    status TEXT NOT NULL,
    model TEXT NOT NULL,
    finish_reason TEXT,
    error TEXT,
    tokens_used INTEGER,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    lease_expires_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    content TEXT NOT NULL,
    reasoning TEXT,
    PRIMARY KEY (user_id, id),
    FOREIGN KEY (user_id, conversation_id) REFERENCES conversations (user_id, id) ON DELETE CASCADE
);
CREATE INDEX messages_in_conversation ON messages (user_id, conversation_id, created_at, id);
CREATE INDEX messages_by_creation ON messages (user_id, created_at, id);
CREATE INDEX messages_pending ON messages (lease_expires_at) WHERE status = 'pending';
