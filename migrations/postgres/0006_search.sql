-- A text as words are looked for in it, the first 100,000 characters: in lower case, without accents and punctuation. Letters of
-- writings that put no spaces between words (Chinese, Japanese, Korean, Thai, …) are words of their own. Postgres' own parser
-- would take hosts, paths and numbers with their signs for words, and what it takes for a letter depends on the locale.
CREATE FUNCTION search_text(text TEXT) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(
    lower(normalize(regexp_replace(normalize(left(text, 100000), NFD), '[\u0300-\u036f]', '', 'g'), NFC)),
    '([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30fa\u30fc-\u30ff\u3105-\u312f\u3400-\u9fff'
    || '\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003fffd])'
    || '|[\u0001-/:-@\[-`{-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7\u2000-\u206f\u2190-\u2bff'
    || '\u3000-\u3004\u3008-\u3020\u30fb\ufe00-\ufe0f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65'
    || '\U0001f000-\U0001faff]',
    ' \1 ', 'g');

-- What is looked for: labels, as a tsquery, and phrases, a JSON list of texts each with whether its last word is the beginning of
-- one. NULL, which nothing matches, if no phrase has a word.
CREATE FUNCTION search_query(labels TEXT, phrases TEXT) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT CAST(labels || string_agg(' & (' || words || CASE WHEN is_prefix THEN ':*' ELSE '' END || ')', '') AS tsquery)
    FROM (SELECT CAST(phraseto_tsquery('pg_catalog.simple', search_text(phrase ->> 0)) AS TEXT) AS words,
                 CAST(phrase ->> 1 AS BOOLEAN) AS is_prefix
          FROM jsonb_array_elements(CAST(phrases AS JSONB)) AS phrase) AS looked_for
    WHERE words <> '');

-- What can be found: the messages that are shown and have an end, and the titles of conversations (message_id is NULL);
-- but a title that nobody chose has no words: one that was made from a question is found by the question. `words`
-- also holds labels to filter by, above all the owner's, so that the index is never searched for other people's words.
CREATE TABLE search_documents (
    user_id UUID NOT NULL,
    number BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    conversation_id UUID NOT NULL,
    message_id UUID,
    created_at TIMESTAMPTZ NOT NULL,
    words TSVECTOR NOT NULL,
    PRIMARY KEY (user_id, number),
    UNIQUE (user_id, message_id),
    FOREIGN KEY (user_id, conversation_id) REFERENCES conversations (user_id, id) ON DELETE CASCADE,
    FOREIGN KEY (user_id, message_id) REFERENCES messages (user_id, id) ON DELETE CASCADE
);
CREATE INDEX search_documents_in_conversation ON search_documents (user_id, conversation_id);
CREATE UNIQUE INDEX search_documents_titles ON search_documents (user_id, conversation_id) WHERE message_id IS NULL;
CREATE INDEX search_documents_words ON search_documents USING gin (words);

-- What is to be indexed of a document. No word of a text begins with `@`, as labels do.
CREATE FUNCTION search_words(text TEXT, user_id UUID, conversation_id UUID, agent_id UUID, role TEXT, created_at TIMESTAMPTZ)
RETURNS tsvector
LANGUAGE sql STABLE
RETURN to_tsvector('pg_catalog.simple', search_text(text)) || array_to_tsvector(ARRAY[
    '@u' || replace(CAST(user_id AS TEXT), '-', ''),
    '@c' || replace(CAST(conversation_id AS TEXT), '-', ''),
    '@a' || replace(CAST(agent_id AS TEXT), '-', ''),
    '@' || role,
    '@y' || to_char(created_at AT TIME ZONE 'UTC', 'YYYY'),
    '@m' || to_char(created_at AT TIME ZONE 'UTC', 'YYYYMM')]);

-- What there is to find in a title.
CREATE FUNCTION search_title(title TEXT, is_makeshift BOOLEAN) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN is_makeshift OR title = 'New Conversation' THEN '' ELSE title END;

CREATE FUNCTION search_add_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO search_documents (user_id, conversation_id, message_id, created_at, words)
    SELECT user_id, id, NEW.id, NEW.created_at,
           search_words(NEW.content, user_id, id, agent_id, NEW.role, NEW.created_at)
    FROM conversations
    WHERE user_id = NEW.user_id AND id = NEW.conversation_id
    ON CONFLICT (user_id, message_id) DO UPDATE SET words = excluded.words;
    RETURN NULL;
END $$;

CREATE FUNCTION search_remove_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM search_documents WHERE user_id = NEW.user_id AND message_id = NEW.id;
    RETURN NULL;
END $$;

CREATE FUNCTION search_add_title() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO search_documents (user_id, conversation_id, message_id, created_at, words)
    VALUES (NEW.user_id, NEW.id, NULL, NEW.created_at,
            search_words(search_title(NEW.title, NEW.has_makeshift_title), NEW.user_id, NEW.id, NEW.agent_id, 'title', NEW.created_at))
    ON CONFLICT (user_id, conversation_id) WHERE message_id IS NULL DO UPDATE SET words = excluded.words;
    RETURN NULL;
END $$;

CREATE FUNCTION search_change_agent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE search_documents
    SET words = search_words(messages.content, NEW.user_id, NEW.id, NEW.agent_id, messages.role, messages.created_at)
    FROM messages
    WHERE search_documents.user_id = NEW.user_id AND search_documents.conversation_id = NEW.id
      AND messages.user_id = NEW.user_id AND messages.id = search_documents.message_id;
    RETURN NULL;
END $$;

CREATE TRIGGER search_message_inserted AFTER INSERT ON messages FOR EACH ROW
WHEN (NEW.is_active AND NEW.status <> 'pending' AND NEW.content <> '')
EXECUTE FUNCTION search_add_message();

CREATE TRIGGER search_message_updated AFTER UPDATE OF content, status, is_active ON messages FOR EACH ROW
WHEN (NEW.is_active AND NEW.status <> 'pending' AND NEW.content <> ''
      AND (OLD.content <> NEW.content OR OLD.status <> NEW.status OR OLD.is_active <> NEW.is_active))
EXECUTE FUNCTION search_add_message();

CREATE TRIGGER search_message_hidden AFTER UPDATE OF content, status, is_active ON messages FOR EACH ROW
WHEN (NOT (NEW.is_active AND NEW.status <> 'pending' AND NEW.content <> ''))
EXECUTE FUNCTION search_remove_message();

CREATE TRIGGER search_title_inserted AFTER INSERT ON conversations FOR EACH ROW
EXECUTE FUNCTION search_add_title();

CREATE TRIGGER search_title_updated AFTER UPDATE OF title, has_makeshift_title, agent_id ON conversations FOR EACH ROW
WHEN (search_title(OLD.title, OLD.has_makeshift_title) <> search_title(NEW.title, NEW.has_makeshift_title)
      OR OLD.agent_id <> NEW.agent_id)
EXECUTE FUNCTION search_add_title();

CREATE TRIGGER search_agent_updated AFTER UPDATE OF agent_id ON conversations FOR EACH ROW
WHEN (OLD.agent_id <> NEW.agent_id)
EXECUTE FUNCTION search_change_agent();

-- What was there before, in the order of time.
INSERT INTO search_documents (user_id, conversation_id, message_id, created_at, words)
SELECT user_id, conversation_id, message_id, created_at,
       search_words(text, user_id, conversation_id, agent_id, role, created_at)
FROM (SELECT user_id, id, id AS conversation_id, CAST(NULL AS UUID) AS message_id, agent_id, 'title' AS role,
             search_title(title, has_makeshift_title) AS text, created_at
      FROM conversations
      UNION ALL
      SELECT messages.user_id, messages.id, conversation_id, messages.id, agent_id, role, content, messages.created_at
      FROM messages JOIN conversations ON conversations.user_id = messages.user_id AND conversations.id = conversation_id
      WHERE is_active AND status <> 'pending' AND content <> '') AS documents
ORDER BY created_at, id;
