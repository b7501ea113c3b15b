//! What the lists of users, agents, conversations and messages have in common: sorting, narrowing, paging both ways, actions on
//! many rows, and CSV.
//!
//! A page is read on from a place in the list's order ([`place`]), so a deep one costs what the first one costs. Where what is
//! wanted is rare, a page looks through a limited number of rows only ([`Model::SCAN`]) and offers to go on, so that none takes
//! long however many rows there are. That limit also bounds how far rows are counted.

pub mod asked;
mod bulk;
mod csv;
pub mod deletion;
mod handlers;
pub mod owner;
pub mod place;
mod reading;
pub mod statements;
mod view;

use std::future::Future;

use axum::Router;
use axum::routing::get;

pub use asked::{Asked, Choice, Column, Filter, Shape, Sort};
pub use bulk::Chosen;
pub use deletion::Preview;
pub use place::Kind;
pub use statements::Statements;
pub use view::{Cell, Shown};

use super::Pages;
use super::page::Section;
use super::refusal::{Refusal, Result};
use super::staff::Staff;
use crate::app::App;
use crate::db::{Db, FromRow, Query, Tx};

/// What a list is of.
pub trait Model: Send + Sync + 'static {
    type Row: FromRow + Send + Sync;
    /// What has to be known before the list can be read.
    type Extra: Send + Sync;

    const SECTION: Section;
    /// Where the list is.
    const PATH: &'static str;
    const NAMES: Names;
    const SHAPE: Shape;
    /// What one may do to many rows, besides deleting them.
    const ACTIONS: &'static [Action] = &[];
    /// How many rows a page looks through at most, unless they cost more than usual.
    const SCAN: i64;

    /// Finds out what has to be known before the list can be read.
    fn prepare(db: &Db, asked: &Asked) -> impl Future<Output = sqlx::Result<Self::Extra>> + Send;

    /// The statements that read the list.
    fn statements(asked: &Asked, extra: &Self::Extra) -> &'static Statements;

    /// How many rows a page looks through at most; `None` if the driver leaves few enough anyway.
    fn scan(_: &Self::Extra) -> Option<i64> {
        Some(Self::SCAN)
    }

    /// Whether counting would take too long.
    fn is_costly(_: &Self::Extra) -> bool {
        false
    }

    /// Binds the parameter of the driver, `$6`, if there is one.
    fn bind_driver<'c>(_: &Asked, _: &Self::Extra, query: Query<'c>) -> Query<'c> {
        query
    }

    /// Binds the parameters of the other conditions.
    fn bind<'c>(asked: &Asked, extra: &Self::Extra, query: Query<'c>) -> Query<'c>;

    /// The columns of the list.
    fn columns(_: &Asked) -> &'static [Column] {
        Self::SHAPE.columns
    }

    /// A row as it is shown, its cells in the order of the columns.
    fn show(row: &Self::Row, asked: &Asked) -> Shown;

    /// Does one of [`Self::ACTIONS`] to an object and writes it down; `false` if nothing had to be done or it is gone.
    fn act<'a>(
        _: &'a mut Tx,
        _: &'a Staff,
        _: &'a str,
        _: Chosen,
    ) -> impl Future<Output = Result<bool>> + Send + 'a {
        async { Err(Refusal::not_found()) }
    }

    /// What deleting these objects would delete.
    fn preview(db: &Db, chosen: &[Chosen]) -> impl Future<Output = sqlx::Result<Preview>> + Send;

    /// Deletes an object and writes it down; `false` if it is gone.
    fn delete(
        app: &App,
        staff: &Staff,
        chosen: Chosen,
    ) -> impl Future<Output = Result<bool>> + Send;
}

/// What the objects of a list are called.
pub struct Names {
    pub one: &'static str,
    pub many: &'static str,
    pub heading: &'static str,
    /// What the search looks through.
    pub searched: &'static str,
    /// What the log calls the download of the list.
    pub download: &'static str,
    /// Whether those who may read contents can have them in this list.
    pub has_contents: bool,
}

/// Something that one may do to many rows.
pub struct Action {
    pub name: &'static str,
    pub label: &'static str,
    /// `Deactivated`, for `Deactivated 3 users.`
    pub done: &'static str,
}

/// Switching what has an `is_active` on and off.
pub const SWITCHES: &[Action] = &[
    Action {
        name: "activate",
        label: "Activate",
        done: "Activated",
    },
    Action {
        name: "deactivate",
        label: "Deactivate",
        done: "Deactivated",
    },
];

/// The pages of a list.
pub fn router<M: Model>() -> Router<App> {
    let page = get(handlers::show::<M>).post(handlers::act::<M>);
    let deletion = get(handlers::ask_to_delete::<M>).post(handlers::delete::<M>);
    Router::new()
        .page(M::PATH, page)
        .page(&format!("{}delete/", M::PATH), deletion)
        .page(&format!("{}csv/", M::PATH), get(handlers::download::<M>))
}
