//! All SQL about answers that are being written, of whatever user: their pieces, and who is alive to write them.

use serde::Deserialize;
use uuid::Uuid;
use uuid::fmt::Simple;

use super::turn::{Kind, Piece, Turn};
use crate::clock;
use crate::db::{Db, Executor, FromRow, Row, Sql};
use crate::messages::{ErrorCode, Status};

/// What an answer says that its writer did not live to end.
pub const INTERRUPTED: &str =
    "The server was stopped before the answer was complete. Send the message again.";

/// Stores pieces of answers that are still being written, those of all turns together.
pub async fn save_pieces(db: &Db, pieces: &[(&Turn, &[Piece])]) -> sqlx::Result<()> {
    // The answer's row is locked, so that nobody takes the pieces for all there are while more are coming.
    const SAVE: Sql = Sql {
        sqlite: "INSERT OR IGNORE INTO message_pieces (user_id, message_id, position, kind, text)
                 SELECT messages.user_id, messages.id, piece.value ->> 2, piece.value ->> 3, piece.value ->> 4
                 FROM json_each($1) AS piece
                 JOIN messages ON messages.user_id = unhex(piece.value ->> 0)
                              AND messages.id = unhex(piece.value ->> 1)
                 WHERE messages.status = 'pending'",
        postgres: "INSERT INTO message_pieces (user_id, message_id, position, kind, text)
                   SELECT messages.user_id, messages.id, CAST(piece ->> 2 AS BIGINT), piece ->> 3, piece ->> 4
                   FROM jsonb_array_elements(CAST($1 AS JSONB)) AS piece
                   JOIN messages ON messages.user_id = CAST(piece ->> 0 AS UUID)
                                AND messages.id = CAST(piece ->> 1 AS UUID)
                   WHERE messages.status = 'pending'
                   FOR NO KEY UPDATE OF messages
                   ON CONFLICT DO NOTHING",
    };
    let rows: Vec<_> = pieces
        .iter()
        .flat_map(|(turn, pieces)| {
            pieces.iter().map(|piece| {
                (
                    turn.owner.simple(),
                    turn.answer.id.simple(),
                    piece.position,
                    piece.kind.as_str(),
                    &piece.text,
                )
            })
        })
        .collect();
    db.query(SAVE).bind(json(&rows)?).execute().await?;
    Ok(())
}

/// A piece of some answer.
#[derive(Deserialize)]
pub struct StoredPiece {
    pub answer: Uuid,
    pub position: usize,
    kind: String,
    pub text: String,
}

impl StoredPiece {
    /// The piece as a turn takes it.
    pub fn into_piece(self) -> Piece {
        Piece {
            position: self.position,
            kind: match self.kind.as_str() {
                "reasoning" => Kind::Reasoning,
                _ => Kind::Text,
            },
            text: self.text,
        }
    }
}

/// The pieces of these answers behind what is known of each, in order.
pub async fn pieces_behind(db: &Db, turns: &[&Turn]) -> sqlx::Result<Vec<StoredPiece>> {
    const PIECES: Sql = Sql {
        sqlite: "SELECT json_group_array(json_array(lower(hex(message_id)), position, kind, text)) AS rows
                 FROM (SELECT message_id, position, kind, text
                       FROM json_each($1) AS known
                       JOIN message_pieces ON user_id = unhex(known.value ->> 0)
                                          AND message_id = unhex(known.value ->> 1)
                                          AND position >= known.value ->> 2
                       ORDER BY message_id, position)",
        postgres: "SELECT CAST(COALESCE(json_agg(json_build_array(message_id, position, kind, text)
                                                 ORDER BY message_id, position), '[]') AS TEXT) AS rows
                   FROM jsonb_array_elements(CAST($1 AS JSONB)) AS known
                   JOIN message_pieces ON user_id = CAST(known ->> 0 AS UUID)
                                      AND message_id = CAST(known ->> 1 AS UUID)
                                      AND position >= CAST(known ->> 2 AS BIGINT)",
    };
    db.query(PIECES)
        .bind(json(&keys(turns))?)
        .fetch_gathered()
        .await
}

/// How an answer stands.
#[derive(Deserialize)]
pub struct Standing {
    pub answer: Uuid,
    pub status: Status,
    pub stop_requested: bool,
}

/// How these answers stand. Those that are missing were deleted.
pub async fn standings(db: &Db, turns: &[&Turn]) -> sqlx::Result<Vec<Standing>> {
    const STANDINGS: Sql = Sql {
        sqlite: "SELECT json_group_array(json_array(
                     lower(hex(messages.id)), status, json(iif(stop_requested, 'true', 'false')))) AS rows
                 FROM json_each($1) AS known
                 JOIN messages ON messages.user_id = unhex(known.value ->> 0)
                               AND messages.id = unhex(known.value ->> 1)",
        postgres: "SELECT CAST(COALESCE(json_agg(json_build_array(id, status, stop_requested)), '[]') AS TEXT) AS rows
                   FROM jsonb_array_elements(CAST($1 AS JSONB)) AS known
                   JOIN messages ON user_id = CAST(known ->> 0 AS UUID) AND id = CAST(known ->> 1 AS UUID)",
    };
    db.query(STANDINGS)
        .bind(json(&keys(turns))?)
        .fetch_gathered()
        .await
}

/// Whether this replica is the one that writes an answer.
pub async fn is_written_by(
    db: &Db,
    owner: Uuid,
    answer: Uuid,
    replica: Uuid,
) -> sqlx::Result<bool> {
    let written: Option<Nothing> = db
        .query("SELECT id FROM messages WHERE user_id = $1 AND id = $2 AND writer = $3")
        .bind(owner)
        .bind(answer)
        .bind(replica)
        .fetch_optional()
        .await?;
    Ok(written.is_some())
}

/// Asks the replica that writes an answer to stop, whichever it is.
pub async fn request_stop(db: &Db, owner: Uuid, answer: Uuid) -> sqlx::Result<()> {
    db.query("UPDATE messages SET stop_requested = TRUE WHERE user_id = $1 AND id = $2 AND status = 'pending'")
        .bind(owner)
        .bind(answer)
        .execute()
        .await?;
    Ok(())
}

/// Promises that a replica is alive for another ten seconds, by the clock of the database.
pub async fn renew_lease(db: &Db, replica: Uuid) -> sqlx::Result<()> {
    const RENEW: Sql = Sql {
        sqlite:
            "INSERT INTO replicas (id, lease_expires_at) VALUES ($1, datetime('now', '+10 seconds'))
                 ON CONFLICT (id) DO UPDATE SET lease_expires_at = excluded.lease_expires_at",
        postgres: "INSERT INTO replicas (id, lease_expires_at)
                   VALUES ($1, clock_timestamp() + INTERVAL '10 seconds')
                   ON CONFLICT (id) DO UPDATE SET lease_expires_at = excluded.lease_expires_at",
    };
    db.query(RENEW).bind(replica).execute().await?;
    Ok(())
}

/// Takes the promise back, because the replica ends.
pub async fn end_lease(db: &Db, replica: Uuid) -> sqlx::Result<()> {
    db.query("DELETE FROM replicas WHERE id = $1")
        .bind(replica)
        .execute()
        .await?;
    Ok(())
}

/// The replicas that are alive, the oldest first.
pub async fn replicas(db: &Db) -> sqlx::Result<Vec<Uuid>> {
    const REPLICAS: Sql = Sql {
        sqlite: "SELECT id FROM replicas WHERE lease_expires_at >= datetime('now') ORDER BY id",
        postgres: "SELECT id FROM replicas WHERE lease_expires_at >= clock_timestamp() ORDER BY id",
    };
    let rows: Vec<Replica> = db.query(REPLICAS).fetch_all().await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

struct Replica(Uuid);

impl FromRow for Replica {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("id").map(Self)
    }
}

/// Ends the answers whose writers are neither this replica nor alive, with the text that there is; returns how many.
pub async fn reap(db: &Db, replica: Uuid) -> sqlx::Result<usize> {
    const REAP: Sql = Sql {
        sqlite: "BEGIN IMMEDIATE;
                 DELETE FROM replicas WHERE lease_expires_at < datetime('now');
                 UPDATE messages
                 SET status = $2, error = $3, error_code = $4, writer = NULL,
                     content = COALESCE((SELECT string_agg(text, '' ORDER BY position) FROM message_pieces
                                         WHERE message_pieces.user_id = messages.user_id AND message_id = messages.id
                                           AND kind = 'text'), ''),
                     reasoning = (SELECT string_agg(text, '' ORDER BY position) FROM message_pieces
                                  WHERE message_pieces.user_id = messages.user_id AND message_id = messages.id
                                    AND kind = 'reasoning')
                 WHERE status = 'pending' AND writer IS NOT $1
                   AND NOT EXISTS (SELECT 1 FROM replicas WHERE replicas.id = writer)
                 RETURNING id;
                 UPDATE conversations
                 SET last_message_role = answer.role, last_message_preview = substr(answer.content, 1, 100),
                     last_message_at = answer.created_at
                 FROM messages AS answer
                 WHERE answer.status = $2 AND answer.is_active AND answer.content <> ''
                   AND EXISTS (SELECT 1 FROM message_pieces
                               WHERE message_pieces.user_id = answer.user_id AND message_id = answer.id)
                   AND conversations.user_id = answer.user_id AND conversations.id = answer.conversation_id
                   AND conversations.last_message_at <= answer.created_at;
                 DELETE FROM message_pieces
                 WHERE (SELECT status FROM messages
                        WHERE messages.user_id = message_pieces.user_id AND id = message_id) <> 'pending';
                 COMMIT",
        postgres: "WITH dead AS (
                       DELETE FROM replicas WHERE lease_expires_at < clock_timestamp()),
                   lost AS (
                       SELECT user_id, id
                       FROM messages
                       WHERE status = 'pending' AND writer IS DISTINCT FROM $1
                         AND NOT EXISTS (SELECT 1 FROM replicas
                                         WHERE replicas.id = writer AND lease_expires_at >= clock_timestamp())
                       FOR NO KEY UPDATE SKIP LOCKED),
                   reaped AS (
                       UPDATE messages
                       SET status = $2, error = $3, error_code = $4, writer = NULL,
                           content = COALESCE((SELECT string_agg(text, '' ORDER BY position) FROM message_pieces AS piece
                                               WHERE piece.user_id = messages.user_id AND message_id = messages.id
                                                 AND kind = 'text'), ''),
                           reasoning = (SELECT string_agg(text, '' ORDER BY position) FROM message_pieces AS piece
                                        WHERE piece.user_id = messages.user_id AND message_id = messages.id
                                          AND kind = 'reasoning')
                       FROM lost
                       WHERE messages.user_id = lost.user_id AND messages.id = lost.id
                       RETURNING messages.user_id, messages.id, conversation_id, role, content, created_at, is_active),
                   noted AS (
                       UPDATE conversations
                       SET last_message_role = reaped.role, last_message_preview = substr(reaped.content, 1, 100),
                           last_message_at = reaped.created_at
                       FROM reaped
                       WHERE reaped.is_active AND reaped.content <> ''
                         AND conversations.user_id = reaped.user_id AND conversations.id = reaped.conversation_id
                         AND conversations.last_message_at <= reaped.created_at),
                   put_together AS (
                       DELETE FROM message_pieces USING reaped
                       WHERE message_pieces.user_id = reaped.user_id AND message_id = reaped.id)
                   SELECT id FROM reaped",
    };
    let reaped: Vec<Replica> = db
        .query(REAP)
        .bind(replica)
        .bind(Status::Interrupted.as_str())
        .bind(INTERRUPTED)
        .bind(ErrorCode::Interrupted.as_str())
        .fetch_atomically()
        .await?;
    Ok(reaped.len())
}

/// Forgets the idempotency keys of more than a day ago.
pub async fn forget_keys(db: &Db) -> sqlx::Result<()> {
    db.query("DELETE FROM idempotency_keys WHERE created_at < $1")
        .bind(clock::now() - chrono::Duration::days(1))
        .execute()
        .await?;
    Ok(())
}

/// Wakes the other replicas.
pub async fn notify(db: &Db, payload: &str) -> sqlx::Result<()> {
    if let Db::Postgres(_) = db {
        let _: Option<Nothing> = db
            .query("SELECT pg_notify('meggy', $1)")
            .bind(payload)
            .fetch_optional()
            .await?;
    }
    Ok(())
}

struct Nothing;

impl FromRow for Nothing {
    fn from_row(_: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self)
    }
}

/// Whose answers are meant, and how much of each is known.
fn keys(turns: &[&Turn]) -> Vec<(Simple, Simple, usize)> {
    turns
        .iter()
        .map(|turn| (turn.owner.simple(), turn.answer.id.simple(), turn.length()))
        .collect()
}

fn json(rows: &impl serde::Serialize) -> sqlx::Result<String> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))
}
