-- Messages form a tree: an edited question, or another answer to the same one, is a sibling. The conversation is the path of
-- the messages that are active; along it `created_at` increases.
ALTER TABLE messages ADD COLUMN parent_id UUID;
ALTER TABLE messages ADD COLUMN is_active BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE messages ADD COLUMN edited_at TIMESTAMPTZ;
-- What the user thinks of an answer: `up` or `down`.
ALTER TABLE messages ADD COLUMN feedback_rating TEXT;
ALTER TABLE messages ADD COLUMN feedback_comment TEXT;
-- Whether the model thought in between, so that the two texts do not tell in which order their pieces came.
ALTER TABLE messages ADD COLUMN is_interleaved BOOLEAN NOT NULL DEFAULT FALSE;

UPDATE messages
SET parent_id = before.id
FROM (SELECT user_id, id AS child, LAG(id) OVER (PARTITION BY user_id, conversation_id ORDER BY created_at, id) AS id
      FROM messages) AS before
WHERE messages.user_id = before.user_id AND messages.id = before.child;

DROP INDEX messages_in_conversation;
DROP INDEX messages_by_creation;
CREATE INDEX messages_in_conversation ON messages (user_id, conversation_id, created_at, id) WHERE is_active;
CREATE INDEX messages_by_creation ON messages (user_id, created_at, id) WHERE is_active;
CREATE INDEX messages_by_parent ON messages (user_id, conversation_id, parent_id);
