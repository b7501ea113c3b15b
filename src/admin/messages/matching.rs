//! What a search among messages looks for.

use serde::Serialize;

use crate::db::Db;
use crate::search::Query;

/// What is looked for, as statements want it: JSON with these fields.
#[derive(Clone, Debug, Serialize)]
pub struct Matching {
    /// A part of a title or an e-mail address.
    pub text: String,
    /// Whole words of the content, as the index of the database wants them; `None` if contents are not looked through.
    pub words: Option<String>,
}

impl Matching {
    /// Reads what was typed.
    pub fn new(db: &Db, typed: &str, with_contents: bool) -> Self {
        let query = Query::parse(typed).filter(|_| with_contents);
        let query = query.map(Query::of_whole_words);
        Self {
            text: typed.to_owned(),
            words: query.map(|query| match db {
                Db::Sqlite { .. } => query.to_fts5(),
                Db::Postgres(_) => query.to_json(),
            }),
        }
    }
}

/// Whether the content of a message has the words that are in a parameter.
macro_rules! contains {
    (sqlite, $words:literal) => {
        concat!(
            "EXISTS (SELECT 1
                     FROM search_documents AS document
                     CROSS JOIN search_index ON search_index.rowid = document.number
                     WHERE document.user_id = messages.user_id AND document.message_id = messages.id
                       AND search_index MATCH 'words : (' || ", $words, " || ')')"
        )
    };
    // Looked up for each message, and never for all at once.
    (postgres, $words:literal) => {
        concat!(
            "(SELECT words FROM search_documents AS document
              WHERE document.user_id = messages.user_id AND document.message_id = messages.id)
             @@ (SELECT search_query('!''@title''', ", $words, "))"
        )
    };
}

pub(super) use contains;
