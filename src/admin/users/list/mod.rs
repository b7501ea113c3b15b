//! The list of all accounts.

mod repository;

use axum::extract::FromRef;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::administrators;
use super::handlers::change;
use crate::admin::audit;
use crate::admin::lists::{
    Action, Asked, Cell, Choice, Chosen, Column, Filter, Kind, Model, Names, Preview, SWITCHES,
    Shape, Shown, Sort, Statements,
};
use crate::admin::page::Section;
use crate::admin::refusal::{Refusal, Result};
use crate::admin::staff::Staff;
use crate::admin::users::repository::lock;
use crate::app::App;
use crate::db::{Db, FromRow, Query, Row, Tx};
use crate::error::Error;
use crate::users::Accounts;

/// All accounts.
pub struct Users;

/// An account in the list.
pub struct User {
    id: Uuid,
    email: String,
    name: String,
    is_active: bool,
    is_staff: bool,
    created_at: DateTime<Utc>,
}

impl FromRow for User {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            email: row.get("email")?,
            name: row.get("name")?,
            is_active: row.get("is_active")?,
            is_staff: row.get("is_staff")?,
            created_at: row.get("created_at")?,
        })
    }
}

static EMAIL: Sort = Sort::new("email", Kind::Text);
static NAME: Sort = Sort::new("name", Kind::Text);
static IS_ACTIVE: Sort = Sort::new("is_active", Kind::Flag);
static IS_STAFF: Sort = Sort::new("is_staff", Kind::Flag);
static CREATED_AT: Sort = Sort::new("created_at", Kind::Time);

impl Model for Users {
    type Row = User;
    type Extra = ();

    const SECTION: Section = Section::Users;
    const PATH: &'static str = "/admin/users/";
    const NAMES: Names = Names {
        one: "user",
        many: "users",
        heading: "Users",
        searched: "e-mail address and name",
        download: "user.download",
        has_contents: false,
    };
    const SHAPE: Shape = Shape {
        columns: &[
            Column::sorted("E-mail address", &EMAIL),
            Column::sorted("Name", &NAME),
            Column::sorted("Active", &IS_ACTIVE),
            Column::sorted("Staff", &IS_STAFF),
            Column::sorted("Created", &CREATED_AT),
        ],
        filters: &[
            Filter::new("is_active", "Active", Choice::Flag),
            Filter::new("is_staff", "Staff", Choice::Flag),
            Filter::new("is_superuser", "Superuser", Choice::Flag),
            Filter::new("created_at", "Created", Choice::Period),
        ],
        default_sort: &CREATED_AT,
    };
    const ACTIONS: &'static [Action] = SWITCHES;
    const SCAN: i64 = 25_000;

    async fn prepare(_: &Db, _: &Asked) -> sqlx::Result<()> {
        Ok(())
    }

    fn statements(asked: &Asked, (): &()) -> &'static Statements {
        match asked.sort.name {
            "email" => &repository::BY_EMAIL,
            "name" => &repository::BY_NAME,
            "is_active" => &repository::BY_ACTIVE,
            "is_staff" => &repository::BY_STAFF,
            _ => &repository::BY_CREATION,
        }
    }

    fn bind<'c>(asked: &Asked, (): &(), query: Query<'c>) -> Query<'c> {
        let created = asked.period("created_at");
        query
            .bind(asked.flag("is_active"))
            .bind(asked.flag("is_staff"))
            .bind(asked.flag("is_superuser"))
            .bind(created.from)
            .bind(created.to)
            .bind(asked.search.clone())
    }

    fn show(user: &User, _: &Asked) -> Shown {
        Shown {
            chosen: Chosen {
                owner: user.id,
                id: user.id,
            },
            cells: vec![
                Cell::Text(user.email.clone()),
                Cell::Text(user.name.clone()),
                Cell::Flag(user.is_active),
                Cell::Flag(user.is_staff),
                Cell::Time(user.created_at),
            ],
        }
    }

    async fn act(tx: &mut Tx, staff: &Staff, action: &str, chosen: Chosen) -> Result<bool> {
        let opens = action == "activate";
        let action = if opens {
            "user.activate"
        } else {
            "user.deactivate"
        };
        change(tx, staff, chosen.id, action, |account| {
            account.is_active = opens;
        })
        .await
    }

    async fn preview(db: &Db, chosen: &[Chosen]) -> sqlx::Result<Preview> {
        Ok(Preview {
            labels: repository::labels(db, chosen).await?,
            with_them: repository::losses(db, chosen).await?,
            remark: "Answers that are being written for them end, and so do their sessions and tokens.",
        })
    }

    async fn delete(app: &App, staff: &Staff, chosen: Chosen) -> Result<bool> {
        let accounts = Accounts::from_ref(app);
        let staff = staff.clone();
        let id = chosen.id;
        // What has begun comes to its end even if the browser is gone, so that no file stays behind.
        let deletion = app.tasks.spawn(async move {
            let mut tx = accounts.db.begin().await?;
            let administrators = administrators::lock(&mut tx).await?;
            let Some(account) = lock(&mut tx, id).await? else {
                return Ok(false);
            };
            administrators.may_touch(&staff, &account)?;
            administrators.may_lose(&staff, id)?;
            let files = accounts.remove(&mut tx, id).await?;
            let entry = staff.entry("user.delete", account.as_object());
            audit::write(&mut tx, entry).await?;
            tx.commit().await?;
            accounts.forget(id, files).await;
            Ok(true)
        });
        deletion
            .await
            .map_err(|error| Refusal::from(Error::Internal(error.into())))?
    }
}
