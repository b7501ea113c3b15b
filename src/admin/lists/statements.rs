//! The statements of a list, put together from what is particular to it.

use crate::db::Sql;

/// The statements of a list in one order, read upwards and downwards.
pub struct Statements {
    pub up: Way,
    pub down: Way,
}

/// The statements that read a list in one direction. `$1` and `$2` are the place behind which they begin, `$3` and `$4` the
/// last place, `$5` a number of rows; behind them are the list's own parameters.
pub struct Way {
    /// The first `$5` rows that are wanted.
    pub page: Sql,
    /// The place that is `$5` rows further on, wanted or not. It has only the parameters of the driver.
    pub horizon: Sql,
    /// How many rows are wanted, at most `$5`.
    pub count: Sql,
}

/// Makes [`Statements`] of: the columns; the table that has the order, and what else the columns need; the driver,
/// which is a condition that an index makes cheap, and the other conditions, both beginning with `AND`; the value that the list
/// is sorted by; the id. What is in a pair is for SQLite and for Postgres.
macro_rules! statements {
    (columns: $columns:expr, base: ($base:expr, $pg_base:expr), joins: $joins:expr, driver: $driver:expr,
     wanted: ($wanted:expr, $pg_wanted:expr), key: ($key:expr, $pg_key:expr), id: $id:expr) => {
        $crate::admin::lists::Statements {
            up: $crate::admin::lists::statements::way!(
                [$columns, $base, $joins, $driver, $wanted, $key, $id],
                [
                    $columns, $pg_base, $joins, $driver, $pg_wanted, $pg_key, $id
                ],
                " > ",
                " <= ",
                ""
            ),
            down: $crate::admin::lists::statements::way!(
                [$columns, $base, $joins, $driver, $wanted, $key, $id],
                [
                    $columns, $pg_base, $joins, $driver, $pg_wanted, $pg_key, $id
                ],
                " < ",
                " >= ",
                " DESC"
            ),
        }
    };
}

macro_rules! way {
    ($sqlite:tt, $postgres:tt, $beyond:literal, $until:literal, $order:literal) => {
        $crate::admin::lists::statements::Way {
            page: $crate::db::Sql {
                sqlite: $crate::admin::lists::statements::text!(page $sqlite $beyond, $until, $order),
                postgres: $crate::admin::lists::statements::text!(page $postgres $beyond, $until, $order),
            },
            horizon: $crate::db::Sql {
                sqlite: $crate::admin::lists::statements::text!(horizon $sqlite $beyond, $until, $order),
                postgres: $crate::admin::lists::statements::text!(horizon $postgres $beyond, $until, $order),
            },
            count: $crate::db::Sql {
                sqlite: $crate::admin::lists::statements::text!(count $sqlite $beyond, $until, $order),
                postgres: $crate::admin::lists::statements::text!(count $postgres $beyond, $until, $order),
            },
        }
    };
}

/// The condition that a row is behind the first place and not behind the last one.
macro_rules! stretch {
    ([$key:expr, $id:expr] $beyond:literal, $until:literal) => {
        concat!(
            "(",
            $key,
            ", ",
            $id,
            ")",
            $beyond,
            "($1, $2) AND (",
            $key,
            ", ",
            $id,
            ")",
            $until,
            "($3, $4)"
        )
    };
}

macro_rules! text {
    (page [$columns:expr, $base:expr, $joins:expr, $driver:expr, $wanted:expr, $key:expr, $id:expr]
     $beyond:literal, $until:literal, $order:literal) => {
        concat!(
            "SELECT ",
            $columns,
            ", ",
            $key,
            " AS sort_key FROM ",
            $base,
            " ",
            $joins,
            " WHERE ",
            $crate::admin::lists::statements::stretch!([$key, $id] $beyond, $until),
            " ",
            $driver,
            " ",
            $wanted,
            " ORDER BY ",
            $key,
            $order,
            ", ",
            $id,
            $order,
            " LIMIT $5 + 0"
        )
    };
    (horizon [$columns:expr, $base:expr, $joins:expr, $driver:expr, $wanted:expr, $key:expr, $id:expr]
     $beyond:literal, $until:literal, $order:literal) => {
        concat!(
            "SELECT ",
            $id,
            " AS id, ",
            $key,
            " AS sort_key FROM ",
            $base,
            " WHERE ",
            $crate::admin::lists::statements::stretch!([$key, $id] $beyond, $until),
            " ",
            $driver,
            " ORDER BY ",
            $key,
            $order,
            ", ",
            $id,
            $order,
            " LIMIT 1 OFFSET $5 + 0"
        )
    };
    (count [$columns:expr, $base:expr, $joins:expr, $driver:expr, $wanted:expr, $key:expr, $id:expr]
     $beyond:literal, $until:literal, $order:literal) => {
        concat!(
            "SELECT COUNT(*) AS count FROM (SELECT 1 FROM ",
            $base,
            " WHERE ",
            $crate::admin::lists::statements::stretch!([$key, $id] $beyond, $until),
            " ",
            $driver,
            " ",
            $wanted,
            " LIMIT $5 + 0) AS found"
        )
    };
}

pub(crate) use {statements, stretch, text, way};
