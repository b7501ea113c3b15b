-- Counts the changes of the password. A token carries the number it was issued under, and is good only under that one; without
-- a number it is from before the first change.
ALTER TABLE users ADD COLUMN token_generation INTEGER NOT NULL DEFAULT 0;
-- A name of the IANA's time zone database.
ALTER TABLE users ADD COLUMN time_zone TEXT;
-- A JSON object, whatever the client wants kept.
ALTER TABLE users ADD COLUMN preferences TEXT NOT NULL DEFAULT '{}';
