ALTER TABLE conversations ADD COLUMN is_pinned BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE conversations ADD COLUMN is_archived BOOLEAN NOT NULL DEFAULT FALSE;
-- A JSON list of texts, so that a list reads this table alone.
ALTER TABLE conversations ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
-- Whether the title was made from the first question, and may give way to a better one.
ALTER TABLE conversations ADD COLUMN has_makeshift_title BOOLEAN NOT NULL DEFAULT FALSE;
-- With what lists are filtered most, so that what does not match is passed over in the index.
DROP INDEX conversations_by_activity;
CREATE INDEX conversations_by_activity ON conversations (user_id, updated_at, id, is_archived, is_pinned, agent_id);

-- The model, of the same provider, that finds titles for the agent's conversations; none does if it is NULL.
ALTER TABLE agents ADD COLUMN title_model TEXT;

-- Links by which everybody who has one can read a conversation as it was when the link was made. `messages` is a JSON list.
CREATE TABLE shares (
    user_id UUID NOT NULL,
    id TEXT NOT NULL,
    conversation_id UUID NOT NULL,
    name TEXT,
    title TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    messages TEXT NOT NULL,
    PRIMARY KEY (user_id, id),
    FOREIGN KEY (user_id, conversation_id) REFERENCES conversations (user_id, id) ON DELETE CASCADE
);
CREATE INDEX shares_of_conversation ON shares (user_id, conversation_id, created_at);
-- Readers of a link do not know whose it is.
CREATE INDEX shares_by_id ON shares (id);
