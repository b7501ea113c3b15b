//! The list of all conversations.

use super::repository::{self, Listed, Sorted};
use crate::admin::audit::{self, Object};
use crate::admin::lists::{
    Asked, Cell, Choice, Chosen, Column, Filter, Kind, Model, Names, Preview, Shape, Shown, Sort,
    Statements,
};
use crate::admin::page::Section;
use crate::admin::refusal::Result;
use crate::admin::staff::Staff;
use crate::app::App;
use crate::conversations;
use crate::db::{Db, Query};
use crate::live;

/// All conversations.
pub struct Conversations;

static TITLE: Sort = Sort::new("title", Kind::Text);
static CREATED_AT: Sort = Sort::new("created_at", Kind::Time);
static UPDATED_AT: Sort = Sort::new("updated_at", Kind::Time);

fn sorted(sort: &Sort) -> &'static Sorted {
    match sort.name {
        "title" => &repository::BY_TITLE,
        "created_at" => &repository::BY_CREATION,
        _ => &repository::BY_ACTIVITY,
    }
}

impl Model for Conversations {
    type Row = Listed;
    type Extra = ();

    const SECTION: Section = Section::Conversations;
    const PATH: &'static str = "/admin/conversations/";
    const NAMES: Names = Names {
        one: "conversation",
        many: "conversations",
        heading: "Conversations",
        searched: "title and e-mail address",
        download: "conversation.download",
        has_contents: false,
    };
    // What changes with every message has no index to sort by, except for the time.
    const SHAPE: Shape = Shape {
        columns: &[
            Column::sorted("Title", &TITLE),
            Column::unsorted("User"),
            Column::unsorted("Agent"),
            Column::unsorted("Messages"),
            Column::sorted("Created", &CREATED_AT),
            Column::sorted("Updated", &UPDATED_AT),
        ],
        filters: &[
            Filter::new("created_at", "Created", Choice::Period),
            Filter::new("updated_at", "Updated", Choice::Period),
            Filter::new("archived", "Archived", Choice::Flag),
            Filter::new("pinned", "Pinned", Choice::Flag),
            Filter::new("user", "Id of the user", Choice::Reference),
            Filter::new("agent", "Id of the agent", Choice::Reference),
        ],
        default_sort: &UPDATED_AT,
    };
    const SCAN: i64 = 25_000;

    async fn prepare(_: &Db, _: &Asked) -> sqlx::Result<()> {
        Ok(())
    }

    fn statements(asked: &Asked, (): &()) -> &'static Statements {
        let sorted = sorted(asked.sort);
        match asked.reference("user") {
            Some(_) => &sorted.user,
            None => &sorted.everybody,
        }
    }

    fn bind_driver<'c>(asked: &Asked, (): &(), query: Query<'c>) -> Query<'c> {
        match asked.reference("user") {
            Some(user) => query.bind(user),
            None => query.bind(None::<String>),
        }
    }

    fn bind<'c>(asked: &Asked, (): &(), query: Query<'c>) -> Query<'c> {
        let created = asked.period("created_at");
        let updated = asked.period("updated_at");
        query
            .bind(asked.flag("archived"))
            .bind(asked.flag("pinned"))
            .bind(created.from)
            .bind(created.to)
            .bind(updated.from)
            .bind(updated.to)
            .bind(asked.reference("agent"))
            .bind(asked.search.clone())
    }

    fn show(conversation: &Listed, _: &Asked) -> Shown {
        Shown {
            chosen: Chosen {
                owner: conversation.user_id,
                id: conversation.id,
            },
            cells: vec![
                Cell::Text(conversation.title.clone()),
                Cell::Text(conversation.email.clone()),
                Cell::Text(conversation.agent.clone()),
                Cell::Number(Some(conversation.message_count)),
                Cell::Time(conversation.created_at),
                Cell::Time(conversation.updated_at),
            ],
        }
    }

    async fn preview(db: &Db, chosen: &[Chosen]) -> sqlx::Result<Preview> {
        Ok(Preview {
            labels: repository::labels(db, chosen).await?,
            with_them: repository::losses(db, chosen).await?,
            remark: "Answers that are being written there are stopped.",
        })
    }

    async fn delete(app: &App, staff: &Staff, Chosen { owner, id }: Chosen) -> Result<bool> {
        let mut tx = app.db.begin().await?;
        let Some(title) = repository::find_title(&mut tx, owner, id).await? else {
            return Ok(false);
        };
        if !conversations::repository::delete(&mut tx, owner, id).await? {
            return Ok(false);
        }
        let what = Object::new("conversation", id, title);
        audit::write(&mut tx, staff.entry("conversation.delete", what)).await?;
        tx.commit().await?;
        live::stop_deleted(&app.db, &app.live, owner).await;
        Ok(true)
    }
}
