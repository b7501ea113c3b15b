//! What deleting objects would delete.

use super::Chosen;
use crate::db::{Db, Executor, FromRow, Row, Sql};

/// What deleting some objects would delete.
pub struct Preview {
    /// What the objects are called.
    pub labels: Vec<String>,
    pub with_them: Losses,
    /// What is to be known about it besides.
    pub remark: &'static str,
}

/// How much goes with objects that are deleted.
pub struct Losses {
    pub agents: i64,
    pub conversations: i64,
    pub messages: i64,
    /// Public links to conversations.
    pub shares: i64,
    /// Uploaded pictures.
    pub files: i64,
}

impl FromRow for Losses {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            agents: row.get("agents")?,
            conversations: row.get("conversations")?,
            messages: row.get("messages")?,
            shares: row.get("shares")?,
            files: row.get("files")?,
        })
    }
}

impl Losses {
    /// Each kind and its number, without those of which nothing is lost.
    pub fn lines(&self) -> Vec<(&'static str, i64)> {
        let lines = [
            ("Agents", self.agents),
            ("Conversations", self.conversations),
            ("Messages, other versions included", self.messages),
            ("Public links", self.shares),
            ("Uploaded pictures", self.files),
        ];
        lines.into_iter().filter(|line| line.1 > 0).collect()
    }
}

/// What an object is called.
pub struct Label(pub String);

impl FromRow for Label {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("label").map(Self)
    }
}

/// What the chosen objects are called, which are the parameter of `statement`.
pub async fn labels(db: &Db, statement: Sql, chosen: &[Chosen]) -> sqlx::Result<Vec<String>> {
    let labels: Vec<Label> = db
        .query(statement)
        .bind(Chosen::json(chosen))
        .fetch_all()
        .await?;
    Ok(labels.into_iter().map(|Label(label)| label).collect())
}

/// What goes with the chosen objects, which are the parameter of `statement`.
pub async fn losses(db: &Db, statement: Sql, chosen: &[Chosen]) -> sqlx::Result<Losses> {
    db.query(statement)
        .bind(Chosen::json(chosen))
        .fetch_one()
        .await
}

/// The owners, or the ids, of the chosen objects that are a statement's `$1`.
macro_rules! chosen {
    (sqlite, $place:literal) => {
        concat!(
            "(SELECT unhex(value ->> ",
            $place,
            ", '-') FROM json_each($1))"
        )
    };
    (postgres, $place:literal) => {
        concat!(
            "(SELECT CAST(value ->> ",
            $place,
            " AS UUID) FROM json_array_elements(CAST($1 AS JSON)))"
        )
    };
}

/// The same as pairs.
macro_rules! chosen_pairs {
    (sqlite) => {
        "(SELECT unhex(value ->> 0, '-'), unhex(value ->> 1, '-') FROM json_each($1))"
    };
    (postgres) => {
        "(SELECT CAST(value ->> 0 AS UUID), CAST(value ->> 1 AS UUID) FROM json_array_elements(CAST($1 AS JSON)))"
    };
}

pub(crate) use {chosen, chosen_pairs};
