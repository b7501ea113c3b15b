-- What can be found: the messages that are shown and have an end, and the titles of conversations (message_id is NULL);
-- but a title that nobody chose has no words: one that was made from a question is found by the question.
-- A user's documents are numbered in a row, apart from everybody else's, so that a search reads one stretch of the index.
CREATE TABLE search_documents (
    user_id BLOB NOT NULL,
    number BIGINT NOT NULL,
    conversation_id BLOB NOT NULL,
    message_id BLOB,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (user_id, number),
    UNIQUE (user_id, message_id),
    FOREIGN KEY (user_id, conversation_id) REFERENCES conversations (user_id, id) ON DELETE CASCADE,
    FOREIGN KEY (user_id, message_id) REFERENCES messages (user_id, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX search_documents_in_conversation ON search_documents (user_id, conversation_id);
CREATE UNIQUE INDEX search_documents_titles ON search_documents (user_id, conversation_id) WHERE message_id IS NULL;

-- The words of each document and labels to filter by; the rowid is the document's number. It keeps no text. Beginnings of two to
-- six letters have an index of their own; for longer ones everybody's matches are gathered before the user's are read.
CREATE VIRTUAL TABLE search_index USING fts5 (
    words, labels, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3 4 5 6'
);

-- What is to be indexed of a document: the first 100,000 characters. Letters of writings that put no spaces between words
-- (Chinese, Japanese, Korean, Thai, …) are words of their own.
CREATE VIEW search_texts AS
SELECT user_id, number,
       CASE WHEN text GLOB '*' || unspaced || '*' THEN
           (WITH RECURSIVE
                places (place) AS (VALUES (1) UNION ALL SELECT place + 1 FROM places WHERE place < 200),
                pieces (number, piece, rest) AS (
                    VALUES (0, '', text)
                    UNION ALL
                    SELECT number + 1, substr(rest, 1, 200), substr(rest, 201) FROM pieces WHERE rest <> ''),
                letters (number, place, letter) AS (
                    SELECT number, place, substr(piece, place, 1)
                    FROM pieces JOIN places ON place <= length(piece))
            SELECT string_agg(CASE WHEN letter GLOB unspaced THEN ' ' || letter || ' ' ELSE letter END, ''
                              ORDER BY number, place)
            FROM letters)
       ELSE text END AS words,
       concat_ws(' ', 'c' || lower(hex(conversation_id)), 'a' || lower(hex(agent_id)), role,
                 'y' || substr(created_at, 1, 4), 'm' || substr(created_at, 1, 4) || substr(created_at, 6, 2)) AS labels
FROM (SELECT search_documents.user_id, search_documents.number, search_documents.conversation_id,
             search_documents.created_at, conversations.agent_id, messages.role,
             substr(COALESCE(messages.content, iif(conversations.has_makeshift_title OR conversations.title = 'New Conversation', '',
                                                     conversations.title)), 1, 100000)
                 AS text,
             unistr('[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u3105-\u312f\u3400-\u9fff'
                    || '\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003fffd]') AS unspaced
      FROM search_documents
      JOIN conversations ON conversations.user_id = search_documents.user_id
                        AND conversations.id = search_documents.conversation_id
      LEFT JOIN messages ON messages.user_id = search_documents.user_id AND messages.id = search_documents.message_id);

-- The number of each user's next document: after the user's last, or at the beginning of a stretch of 2^32 behind all.
CREATE VIEW search_numbers AS
SELECT id AS user_id,
       COALESCE((SELECT MAX(number) FROM search_documents WHERE search_documents.user_id = users.id),
                COALESCE((SELECT rowid FROM search_index ORDER BY rowid DESC LIMIT 1), 0) | 4294967295) + 1 AS number
FROM users;

CREATE TRIGGER search_documents_inserted AFTER INSERT ON search_documents
BEGIN
    INSERT INTO search_index (rowid, words, labels)
    SELECT number, words, labels FROM search_texts WHERE user_id = new.user_id AND number = new.number;
END;

CREATE TRIGGER search_documents_updated AFTER UPDATE ON search_documents
BEGIN
    DELETE FROM search_index WHERE rowid = old.number;
    INSERT INTO search_index (rowid, words, labels)
    SELECT number, words, labels FROM search_texts WHERE user_id = new.user_id AND number = new.number;
END;

CREATE TRIGGER search_documents_deleted AFTER DELETE ON search_documents
BEGIN
    DELETE FROM search_index WHERE rowid = old.number;
END;

CREATE TRIGGER search_message_inserted AFTER INSERT ON messages
WHEN new.is_active AND new.status <> 'pending' AND new.content <> ''
BEGIN
    INSERT INTO search_documents (user_id, number, conversation_id, message_id, created_at)
    SELECT user_id, number, new.conversation_id, new.id, new.created_at
    FROM search_numbers
    WHERE user_id = new.user_id;
END;

-- A document that is there keeps its number; writing it again indexes it anew.
CREATE TRIGGER search_message_updated AFTER UPDATE OF content, status, is_active ON messages
WHEN old.content <> new.content OR old.status <> new.status OR old.is_active <> new.is_active
BEGIN
    DELETE FROM search_documents
    WHERE user_id = new.user_id AND message_id = new.id
      AND NOT (new.is_active AND new.status <> 'pending' AND new.content <> '');
    INSERT INTO search_documents (user_id, number, conversation_id, message_id, created_at)
    SELECT user_id, number, new.conversation_id, new.id, new.created_at
    FROM search_numbers
    WHERE user_id = new.user_id AND new.is_active AND new.status <> 'pending' AND new.content <> ''
    ON CONFLICT (user_id, message_id) DO UPDATE SET number = search_documents.number;
END;

CREATE TRIGGER search_conversation_inserted AFTER INSERT ON conversations
BEGIN
    INSERT INTO search_documents (user_id, number, conversation_id, message_id, created_at)
    SELECT user_id, number, new.id, NULL, new.created_at
    FROM search_numbers
    WHERE user_id = new.user_id;
END;

CREATE TRIGGER search_title_updated AFTER UPDATE OF title, has_makeshift_title ON conversations
WHEN iif(old.has_makeshift_title OR old.title = 'New Conversation', '', old.title)
     <> iif(new.has_makeshift_title OR new.title = 'New Conversation', '', new.title)
BEGIN
    UPDATE search_documents
    SET number = number
    WHERE user_id = new.user_id AND conversation_id = new.id AND message_id IS NULL;
END;

CREATE TRIGGER search_agent_updated AFTER UPDATE OF agent_id ON conversations
WHEN old.agent_id <> new.agent_id
BEGIN
    UPDATE search_documents SET number = number WHERE user_id = new.user_id AND conversation_id = new.id;
END;

-- What was there before.
INSERT INTO search_documents (user_id, number, conversation_id, message_id, created_at)
SELECT user_id, (DENSE_RANK() OVER (ORDER BY user_id) << 32) + ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY created_at, id),
       conversation_id, message_id, created_at
FROM (SELECT user_id, id, id AS conversation_id, NULL AS message_id, created_at FROM conversations
      UNION ALL
      SELECT user_id, id, conversation_id, id, created_at FROM messages
      WHERE is_active AND status <> 'pending' AND content <> '');
