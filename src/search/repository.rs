//! All SQL about searching. Every statement is limited to its owner's.

use std::collections::HashMap;

use serde::Deserialize;
use uuid::Uuid;

use super::model::{Filters, Match};
use super::query::Query;
use super::ranking::WINDOW;
use crate::db::{Db, Executor, Sql};

/// The user's newest documents that have what is looked for, the newest first, from the document `high` on: [`WINDOW`] of them,
/// and one more if there are more.
pub async fn newest_matches(
    db: &Db,
    owner: Uuid,
    query: &Query,
    filters: &Filters,
    high: i64,
) -> sqlx::Result<Vec<Match>> {
    // Postgres cannot read its index from the newest on. It looks through the newest documents first, which suffices for
    // words that are common, and asks the index only about those that are not. It is `(SELECT $1)` where it reads the rest
    // of each match, because its planner then reckons with a user like others: of one whom its statistics do not know it
    // expects a single row, and would read all of the user's once for every match.
    const MATCHES: Sql = Sql {
        sqlite: "SELECT json_group_array(json_array(
                     number, lower(hex(conversation_id)), title, iif(message_id IS NULL, NULL, lower(hex(message_id))),
                     role, created_at, text)) AS rows
                 FROM (SELECT document.number, document.conversation_id, conversations.title, document.message_id,
                              messages.role, document.created_at,
                              substr(COALESCE(messages.content, conversations.title), 1, 4000) AS text
                       FROM search_index
                       CROSS JOIN search_documents AS document ON document.user_id = $1
                                                              AND document.number = search_index.rowid
                       CROSS JOIN conversations ON conversations.user_id = $1
                                               AND conversations.id = document.conversation_id
                       LEFT JOIN messages ON messages.user_id = $1 AND messages.id = document.message_id
                       WHERE search_index MATCH $2 || 'words : (' || $3 || ')'
                         AND search_index.rowid
                             BETWEEN COALESCE((SELECT MIN(number) FROM search_documents WHERE user_id = $1), 0)
                                 AND MIN($4, COALESCE((SELECT MAX(number) FROM search_documents WHERE user_id = $1), -1))
                         AND ($5 IS NULL OR document.created_at >= $5)
                         AND ($6 IS NULL OR document.created_at < $6)
                       ORDER BY search_index.rowid DESC
                       LIMIT $7 + 0)",
        postgres: "WITH recent AS MATERIALIZED (
                       SELECT number, created_at, words
                       FROM search_documents
                       WHERE user_id = $1 AND number <= $4
                       ORDER BY number DESC
                       LIMIT 2000),
                   among_recent AS MATERIALIZED (
                       SELECT number
                       FROM recent
                       WHERE words @@ (SELECT search_query($2, $3))
                         AND (CAST($5 AS TIMESTAMPTZ) IS NULL OR created_at >= $5)
                         AND (CAST($6 AS TIMESTAMPTZ) IS NULL OR created_at < $6)
                       ORDER BY number DESC
                       LIMIT $7 + 0),
                   among_all AS (
                       SELECT number
                       FROM search_documents
                       WHERE user_id = $1 AND number < (SELECT MIN(number) FROM recent)
                         AND (SELECT COUNT(*) FROM among_recent) < $7
                         AND words @@ (SELECT search_query($2, $3))
                         AND (CAST($5 AS TIMESTAMPTZ) IS NULL OR created_at >= $5)
                         AND (CAST($6 AS TIMESTAMPTZ) IS NULL OR created_at < $6)
                       ORDER BY number DESC
                       LIMIT $7 + 0),
                   matches AS (
                       SELECT number FROM among_recent
                       UNION ALL
                       SELECT number FROM among_all
                       ORDER BY number DESC
                       LIMIT $7 + 0)
                   SELECT CAST(COALESCE(json_agg(json_build_array(
                              number, document.conversation_id, title, message_id, role, document.created_at,
                              left(COALESCE(content, title), 4000)) ORDER BY number DESC), '[]') AS TEXT) AS rows
                   FROM matches
                   JOIN search_documents AS document USING (number)
                   JOIN conversations ON conversations.user_id = (SELECT $1)
                                     AND conversations.id = document.conversation_id
                   LEFT JOIN messages ON messages.user_id = (SELECT $1) AND messages.id = message_id
                   WHERE document.user_id = (SELECT $1)",
    };
    let (labels, phrases) = match db {
        Db::Sqlite { .. } => (fts5_labels(filters), query.to_fts5()),
        Db::Postgres(_) => (postgres_labels(owner, filters), query.to_json()),
    };
    db.query(MATCHES)
        .bind(owner)
        .bind(labels)
        .bind(phrases)
        .bind(high)
        .bind(filters.after)
        .bind(filters.before)
        .bind(WINDOW as i64 + 1)
        .fetch_gathered()
        .await
}

fn fts5_labels(filters: &Filters) -> String {
    let lists = filters.labels().into_iter();
    lists
        .map(|labels| format!("labels : ({}) AND ", labels.join(" OR ")))
        .collect()
}

fn postgres_labels(owner: Uuid, filters: &Filters) -> String {
    let lists = filters.labels().into_iter().map(|labels| {
        let labels: Vec<_> = labels.iter().map(|label| format!("'@{label}'")).collect();
        format!(" & ({})", labels.join(" | "))
    });
    format!("'@u{}'{}", owner.simple(), lists.collect::<String>())
}

#[derive(Deserialize)]
struct Content(Uuid, String);

/// What the index has of each of these messages of the user's: the first 100,000 characters.
pub async fn indexed_texts(
    db: &Db,
    owner: Uuid,
    messages: &[Uuid],
) -> sqlx::Result<HashMap<Uuid, String>> {
    const TEXTS: Sql = Sql {
        sqlite: "SELECT json_group_array(json_array(lower(hex(messages.id)), substr(content, 1, 100000))) AS rows
                 FROM json_each($2) AS wanted
                 JOIN messages ON user_id = $1 AND messages.id = unhex(wanted.value)",
        postgres: "SELECT CAST(COALESCE(json_agg(json_build_array(id, left(content, 100000))), '[]') AS TEXT) AS rows
                   FROM jsonb_array_elements_text(CAST($2 AS JSONB)) AS wanted
                   JOIN messages ON user_id = (SELECT $1) AND id = CAST(wanted AS UUID)",
    };
    let messages: Vec<_> = messages.iter().map(|id| id.simple().to_string()).collect();
    let texts: Vec<Content> = db
        .query(TEXTS)
        .bind(owner)
        .bind(serde_json::Value::from(messages).to_string())
        .fetch_gathered()
        .await?;
    Ok(texts
        .into_iter()
        .map(|Content(id, text)| (id, text))
        .collect())
}
