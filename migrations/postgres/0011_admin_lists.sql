-- For lists of everybody's rows, which are read on from a place in their order. Texts are in the order of their bytes, which
-- does not depend on the locale.
CREATE INDEX users_in_order ON users (created_at, id);
CREATE INDEX users_by_email ON users (email_key COLLATE "C", id);
CREATE INDEX users_by_name ON users (lower(name) COLLATE "C", id);
CREATE INDEX agents_in_order ON agents (created_at, id);
CREATE INDEX conversations_in_order ON conversations (created_at, id);
CREATE INDEX conversations_in_order_of_activity ON conversations (updated_at, id);
CREATE INDEX conversations_by_title
    ON conversations (lower(CASE WHEN has_makeshift_title THEN 'New Conversation' ELSE title END) COLLATE "C", id);
-- Each of these is written to with every message, so there is one; the others only have rows that are not usual, or answers.
CREATE INDEX messages_in_order ON messages (created_at, id);
CREATE INDEX messages_by_model ON messages (model, created_at, id) WHERE model <> '';
CREATE INDEX messages_by_status ON messages (status, created_at, id) WHERE status IN ('stopped', 'failed', 'interrupted');
