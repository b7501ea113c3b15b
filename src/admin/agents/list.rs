//! The list of all agents.

use super::repository::{self, Listed};
use crate::admin::audit::{self, Object};
use crate::admin::lists::{
    Action, Asked, Cell, Choice, Chosen, Column, Filter, Kind, Model, Names, Preview, SWITCHES,
    Shape, Shown, Sort, Statements,
};
use crate::admin::page::Section;
use crate::admin::refusal::Result;
use crate::admin::staff::Staff;
use crate::agents;
use crate::app::App;
use crate::db::{Db, Query, Tx};
use crate::live;

/// All agents.
pub struct Agents;

static NAME: Sort = Sort::new("name", Kind::Text);
static USER: Sort = Sort::new("user", Kind::Text);
static PROVIDER: Sort = Sort::new("llm_provider", Kind::Text);
static MODEL: Sort = Sort::new("model", Kind::Text);
static IS_DEFAULT: Sort = Sort::new("is_default", Kind::Flag);
static IS_ACTIVE: Sort = Sort::new("is_active", Kind::Flag);
static CREATED_AT: Sort = Sort::new("created_at", Kind::Time);

impl Model for Agents {
    type Row = Listed;
    type Extra = ();

    const SECTION: Section = Section::Agents;
    const PATH: &'static str = "/admin/agents/";
    const NAMES: Names = Names {
        one: "agent",
        many: "agents",
        heading: "Agents",
        searched: "name, e-mail address, model and description",
        download: "agent.download",
        has_contents: false,
    };
    const SHAPE: Shape = Shape {
        columns: &[
            Column::sorted("Name", &NAME),
            Column::sorted("User", &USER),
            Column::sorted("Provider", &PROVIDER),
            Column::sorted("Model", &MODEL),
            Column::sorted("Default", &IS_DEFAULT),
            Column::sorted("Active", &IS_ACTIVE),
            Column::sorted("Created", &CREATED_AT),
        ],
        filters: &[
            Filter::new(
                "llm_provider",
                "Provider",
                Choice::Words(&["openai", "ollama"]),
            ),
            Filter::new("is_active", "Active", Choice::Flag),
            Filter::new("is_default", "Default", Choice::Flag),
            Filter::new("created_at", "Created", Choice::Period),
            Filter::new("user", "Id of the user", Choice::Reference),
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
            "name" => &repository::BY_NAME,
            "user" => &repository::BY_USER,
            "llm_provider" => &repository::BY_PROVIDER,
            "model" => &repository::BY_MODEL,
            "is_default" => &repository::BY_DEFAULT,
            "is_active" => &repository::BY_ACTIVE,
            _ => &repository::BY_CREATION,
        }
    }

    fn bind<'c>(asked: &Asked, (): &(), query: Query<'c>) -> Query<'c> {
        let created = asked.period("created_at");
        query
            .bind(asked.word("llm_provider").map(str::to_owned))
            .bind(asked.flag("is_active"))
            .bind(asked.flag("is_default"))
            .bind(created.from)
            .bind(created.to)
            .bind(asked.reference("user"))
            .bind(asked.search.clone())
    }

    fn show(agent: &Listed, _: &Asked) -> Shown {
        Shown {
            chosen: Chosen {
                owner: agent.user_id,
                id: agent.id,
            },
            cells: vec![
                Cell::Text(agent.name.clone()),
                Cell::Text(agent.email.clone()),
                Cell::Text(agent.llm_provider.clone()),
                Cell::Text(agent.model.clone()),
                Cell::Flag(agent.is_default),
                Cell::Flag(agent.is_active),
                Cell::Time(agent.created_at),
            ],
        }
    }

    async fn act(tx: &mut Tx, staff: &Staff, action: &str, chosen: Chosen) -> Result<bool> {
        let Chosen { owner, id } = chosen;
        let activates = action == "activate";
        let Some(name) = repository::set_active(tx, owner, id, activates).await? else {
            return Ok(false);
        };
        let action = if activates {
            "agent.activate"
        } else {
            "agent.deactivate"
        };
        let entry = staff.entry(action, Object::new("agent", id, name));
        audit::write(tx, entry.change("is_active", !activates, activates)).await?;
        Ok(true)
    }

    async fn preview(db: &Db, chosen: &[Chosen]) -> sqlx::Result<Preview> {
        Ok(Preview {
            labels: repository::labels(db, chosen).await?,
            with_them: repository::losses(db, chosen).await?,
            remark: "Answers that are being written by them end. Agents that fell back on them have no fallback any longer.",
        })
    }

    async fn delete(app: &App, staff: &Staff, Chosen { owner, id }: Chosen) -> Result<bool> {
        let mut tx = app.db.begin().await?;
        let Some(agent) = agents::repository::find(&mut tx, owner, id).await? else {
            return Ok(false);
        };
        if !agents::repository::delete(&mut tx, owner, id).await? {
            return Ok(false);
        }
        let entry = staff.entry("agent.delete", Object::new("agent", id, agent.name));
        audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        live::stop_deleted(&app.db, &app.live, owner).await;
        Ok(true)
    }
}
