//! Whose an object is of which only the id is known.

use uuid::Uuid;

use crate::db::{FromRow, Row};

/// Whose something is.
pub struct Owner(pub Uuid);

impl FromRow for Owner {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("user_id").map(Self)
    }
}

/// Looks for an object among each user's: ids are indexed behind their owners'.
macro_rules! owner_of {
    ($table:literal, $db:expr, $id:expr) => {{
        use $crate::admin::lists::owner::Owner;
        use $crate::db::{Executor, Sql};
        const OWNER: Sql = Sql {
            sqlite: concat!(
                "SELECT users.id AS user_id
                 FROM users
                 CROSS JOIN ",
                $table,
                " AS found ON found.user_id = users.id AND found.id = $1
                 LIMIT 1"
            ),
            postgres: concat!(
                "SELECT users.id AS user_id
                 FROM users
                 CROSS JOIN LATERAL (SELECT 1 FROM ",
                $table,
                " WHERE user_id = users.id AND id = $1 OFFSET 0) AS found
                 LIMIT 1"
            ),
        };
        let owner: Option<Owner> = $db.query(OWNER).bind($id).fetch_optional().await?;
        Ok(owner.map(|Owner(user)| user))
    }};
}

pub(crate) use owner_of;
