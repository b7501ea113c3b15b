-- Exports read whole conversations, other versions included, in the order of time. Those on the selected path have
-- `messages_in_conversation`.
CREATE INDEX messages_of_other_versions ON messages (user_id, conversation_id, created_at, id) WHERE NOT is_active;
