-- Reading what others write is a right of its own; superusers have every right.
ALTER TABLE users ADD COLUMN can_read_messages BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX users_superusers ON users (id) WHERE is_superuser;

-- Who is signed in to the administration. The cookie holds a secret, this table its digest; the session ends when the
-- user's tokens do.
CREATE TABLE admin_sessions (
    digest TEXT NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_generation INTEGER NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    last_seen_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX admin_sessions_of_user ON admin_sessions (user_id, created_at);

-- Links with which a user sets a new password, one for each user, by the digest of the secret in the link.
CREATE TABLE password_reset_links (
    digest TEXT NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_generation INTEGER NOT NULL,
    created_by BLOB NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL
);
CREATE UNIQUE INDEX password_reset_links_of_user ON password_reset_links (user_id);

-- What was done in the administration. Who did it and what it was done to may be gone by now.
CREATE TABLE audit_entries (
    id BLOB NOT NULL PRIMARY KEY,
    actor_id BLOB,
    actor_email TEXT NOT NULL,
    action TEXT NOT NULL,
    object_type TEXT NOT NULL,
    object_id BLOB,
    object_label TEXT NOT NULL,
    changes TEXT NOT NULL,
    address TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX audit_entries_by_actor ON audit_entries (actor_email, id);
CREATE INDEX audit_entries_by_action ON audit_entries (action, id);
CREATE INDEX audit_entries_by_type ON audit_entries (object_type, id);
CREATE INDEX audit_entries_by_object ON audit_entries (object_id, id);

-- What was counted on days that are over, in UTC.
CREATE TABLE daily_totals (
    day TEXT NOT NULL PRIMARY KEY,
    sign_ups BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    tokens BIGINT NOT NULL
);
