-- A server process. Until lease_expires_at it has promised to be alive, and with it the answers that it writes.
CREATE TABLE replicas (
    id UUID NOT NULL PRIMARY KEY,
    lease_expires_at TIMESTAMPTZ NOT NULL
);

-- Answers that a server of the version before was at are cut off.
UPDATE messages
SET status = 'interrupted',
    error = 'The server was stopped before the answer was complete. Send the message again.'
WHERE status = 'pending';
DROP INDEX messages_pending;
ALTER TABLE messages DROP COLUMN lease_expires_at;

-- The replica that writes the answer, and whether it was asked to stop.
ALTER TABLE messages ADD COLUMN writer UUID;
ALTER TABLE messages ADD COLUMN stop_requested BOOLEAN NOT NULL DEFAULT FALSE;
-- What the client that sent the message calls it.
ALTER TABLE messages ADD COLUMN client_id TEXT;
ALTER TABLE messages ADD COLUMN error_code TEXT;
ALTER TABLE messages ADD COLUMN usage_estimated BOOLEAN NOT NULL DEFAULT FALSE;
-- How many older messages did not fit into the model's context.
ALTER TABLE messages ADD COLUMN left_out INTEGER;
-- One answer at a time in each conversation.
CREATE UNIQUE INDEX messages_running ON messages (user_id, conversation_id) WHERE status = 'pending';
CREATE INDEX messages_by_writer ON messages (writer) WHERE status = 'pending';

-- The text so far of answers that are being written, piece by piece; a long answer would else be written again and
-- again. `position` counts the bytes before the piece, of text and thinking together.
CREATE TABLE message_pieces (
    user_id UUID NOT NULL,
    message_id UUID NOT NULL,
    position BIGINT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (user_id, message_id, position),
    FOREIGN KEY (user_id, message_id) REFERENCES messages (user_id, id) ON DELETE CASCADE
);

-- Which turn a client's Idempotency-Key began, and a digest of what it asked for.
CREATE TABLE idempotency_keys (
    user_id UUID NOT NULL,
    key TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    message_id UUID NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, key),
    FOREIGN KEY (user_id, message_id) REFERENCES messages (user_id, id) ON DELETE CASCADE
);
CREATE INDEX idempotency_keys_by_message ON idempotency_keys (user_id, message_id);
CREATE INDEX idempotency_keys_by_creation ON idempotency_keys (created_at);

-- What the client that began the conversation calls it.
ALTER TABLE conversations ADD COLUMN client_id TEXT;
CREATE UNIQUE INDEX conversations_by_client_id ON conversations (user_id, client_id) WHERE client_id IS NOT NULL;

-- How many tokens the agent's model can take in; by default what is known of the model.
ALTER TABLE agents ADD COLUMN context_window INTEGER;
