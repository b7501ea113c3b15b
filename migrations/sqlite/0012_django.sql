-- What `meggy import-django` has brought in, by the ids that it has here: what was deleted here since is not to come back with
-- the next run. `until` is when the last message of a conversation that was looked at was said, by the old database's clock.
CREATE TABLE django_imports (
    kind TEXT NOT NULL,
    id BLOB NOT NULL,
    until TIMESTAMP,
    PRIMARY KEY (kind, id)
);
