//! The list of all messages.

use axum::http::StatusCode;

use super::matching::Matching;
use super::repository::{self, Listed};
use crate::admin::audit::{self, Object};
use crate::admin::lists::{
    Asked, Cell, Choice, Chosen, Column, Filter, Kind, Model, Names, Preview, Shape, Shown, Sort,
    Statements,
};
use crate::admin::page::Section;
use crate::admin::refusal::{Refusal, Result};
use crate::admin::staff::Staff;
use crate::app::App;
use crate::db::{Db, Query};
use crate::error::Error;
use crate::messages::{self, tree};

/// All messages.
pub struct Messages;

static CREATED_AT: Sort = Sort::new("created_at", Kind::Time);

/// The statuses that few messages have, for which there is an index.
const UNUSUAL: [&str; 3] = ["stopped", "failed", "interrupted"];

/// Up to how many messages a search may find to be read from those.
const FEW: i64 = 10_000;

/// The same of a search for words: to find whose each is costs more.
const FEW_WITH_WORDS: i64 = 4000;

/// Up to how many found messages are counted exactly.
const COUNTED: i64 = 1000;

/// How many messages a page looks through if each is asked about its words.
const WORDY_SCAN: i64 = 1000;

/// By which condition the list is read; the others are looked at on the way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Driver {
    Recent,
    User,
    Model,
    Status,
    Found,
}

/// What is looked for, and how the list is best read.
pub struct Plan {
    driver: Driver,
    matching: Option<Matching>,
    /// Whether counting takes long.
    is_costly: bool,
}

impl Model for Messages {
    type Row = Listed;
    type Extra = Plan;

    const SECTION: Section = Section::Messages;
    const PATH: &'static str = "/admin/messages/";
    const NAMES: Names = Names {
        one: "message",
        many: "messages",
        heading: "Messages",
        searched: "title and e-mail address",
        download: "message.download",
        has_contents: true,
    };
    // An index for another order would cost every turn of every chat.
    const SHAPE: Shape = Shape {
        columns: &[
            Column::unsorted("Conversation"),
            Column::unsorted("User"),
            Column::unsorted("Role"),
            Column::unsorted("Model"),
            Column::unsorted("Tokens"),
            Column::unsorted("Status"),
            Column::sorted("Created", &CREATED_AT),
        ],
        filters: &[
            Filter::new(
                "role",
                "Role",
                Choice::Words(&["user", "assistant", "system"]),
            ),
            Filter::new(
                "status",
                "Status",
                Choice::Words(&["complete", "pending", "stopped", "failed", "interrupted"]),
            ),
            Filter::new("model", "Model", Choice::Free),
            Filter::new("created_at", "Created", Choice::Period),
            Filter::new("user", "Id of the user", Choice::Reference),
        ],
        default_sort: &CREATED_AT,
    };
    const SCAN: i64 = FEW;

    async fn prepare(db: &Db, asked: &Asked) -> sqlx::Result<Plan> {
        let search = asked.search.as_deref();
        let matching = search.map(|typed| Matching::new(db, typed, asked.with_contents));
        let number = match &matching {
            Some(matching) if asked.reference("user").is_none() => find_few(db, matching).await?,
            _ => None,
        };
        let driver = if asked.reference("user").is_some() {
            Driver::User
        } else if number.is_some() {
            Driver::Found
        } else if asked
            .word("status")
            .is_some_and(|word| UNUSUAL.contains(&word))
        {
            Driver::Status
        } else if asked.word("model").is_some() {
            Driver::Model
        } else {
            Driver::Recent
        };
        let is_costly = match driver {
            Driver::Found => number.is_none_or(|number| number > COUNTED),
            _ => matching.is_some(),
        };
        Ok(Plan {
            driver,
            matching,
            is_costly,
        })
    }

    fn statements(_: &Asked, plan: &Plan) -> &'static Statements {
        match plan.driver {
            Driver::Recent => &repository::RECENT,
            Driver::User => &repository::OF_USER,
            Driver::Model => &repository::OF_MODEL,
            Driver::Status => &repository::OF_STATUS,
            Driver::Found => &repository::FOUND,
        }
    }

    fn scan(plan: &Plan) -> Option<i64> {
        match (&plan.matching, plan.driver) {
            (_, Driver::Found) => None,
            (Some(Matching { words: Some(_), .. }), _) => Some(WORDY_SCAN),
            _ => Some(Self::SCAN),
        }
    }

    fn is_costly(plan: &Plan) -> bool {
        plan.is_costly
    }

    fn bind_driver<'c>(asked: &Asked, plan: &Plan, query: Query<'c>) -> Query<'c> {
        let word = |name: &str| asked.word(name).map(str::to_owned);
        match plan.driver {
            Driver::Recent => query.bind(None::<String>),
            Driver::User => query.bind(asked.reference("user")),
            Driver::Model => query.bind(word("model")),
            Driver::Status => query.bind(word("status")),
            Driver::Found => {
                let matching = plan.matching.as_ref();
                query.bind(matching.and_then(|matching| serde_json::to_string(matching).ok()))
            }
        }
    }

    fn bind<'c>(asked: &Asked, plan: &Plan, query: Query<'c>) -> Query<'c> {
        let word = |name: &str| asked.word(name).map(str::to_owned);
        let created = asked.period("created_at");
        let matching = plan
            .matching
            .as_ref()
            .filter(|_| plan.driver != Driver::Found);
        query
            .bind(word("role"))
            .bind(word("status"))
            .bind(word("model"))
            .bind(created.from)
            .bind(created.to)
            .bind(asked.reference("user"))
            .bind(matching.map(|matching| matching.text.clone()))
            .bind(matching.and_then(|matching| matching.words.clone()))
    }

    fn columns(asked: &Asked) -> &'static [Column] {
        const WITH_CONTENTS: &[Column] = &[
            Column::unsorted("Conversation"),
            Column::unsorted("User"),
            Column::unsorted("Role"),
            Column::unsorted("Model"),
            Column::unsorted("Tokens"),
            Column::unsorted("Status"),
            Column::sorted("Created", &CREATED_AT),
            Column::unsorted("Beginning"),
        ];
        if asked.with_contents {
            WITH_CONTENTS
        } else {
            Self::SHAPE.columns
        }
    }

    fn show(message: &Listed, asked: &Asked) -> Shown {
        let mut cells = vec![
            Cell::Text(message.title.clone()),
            Cell::Text(message.email.clone()),
            Cell::Text(message.role.clone()),
            Cell::Text(message.model.clone()),
            Cell::Number(message.tokens_used),
            Cell::Text(message.status.clone()),
            Cell::Time(message.created_at),
        ];
        if asked.with_contents {
            cells.push(Cell::Text(message.beginning.clone()));
        }
        Shown {
            chosen: Chosen {
                owner: message.user_id,
                id: message.id,
            },
            cells,
        }
    }

    async fn preview(db: &Db, chosen: &[Chosen]) -> sqlx::Result<Preview> {
        Ok(Preview {
            labels: repository::labels(db, chosen).await?,
            with_them: repository::losses(db, chosen).await?,
            remark: "A question goes together with all answers to it. What followed stays, and follows what was before. Links \
                     that were shared keep showing the conversation as it was.",
        })
    }

    async fn delete(app: &App, staff: &Staff, Chosen { owner, id }: Chosen) -> Result<bool> {
        let Some(message) = messages::repository::find(&app.db, owner, id).await? else {
            return Ok(false);
        };
        let conversation = message.conversation_id;
        let (mut tx, at) = tree::begin(&app.db, owner, conversation)
            .await
            .map_err(told)?;
        tree::remove(&mut tx, owner, conversation, id, at)
            .await
            .map_err(told)?;
        let what = Object::new("message", id, message.role.as_str());
        let entry = staff.entry("message.delete", what);
        audit::write(
            &mut tx,
            entry.fact("conversation", conversation.to_string()),
        )
        .await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// How many messages are found, roughly, if they are few.
async fn find_few(db: &Db, matching: &Matching) -> sqlx::Result<Option<i64>> {
    let limit = FEW_WITH_WORDS + 1;
    let by_content = repository::count_by_content(db, matching, limit).await?;
    if by_content >= limit {
        return Ok(None);
    }
    let number = by_content + repository::count_by_conversation(db, matching).await?;
    Ok((number <= FEW).then_some(number))
}

/// Why a message cannot be deleted.
fn told(error: Error) -> Refusal {
    match error {
        Error::Answering(_) => Refusal::new(
            StatusCode::CONFLICT,
            "An answer is being written in this conversation. Wait until it is there.",
        ),
        other => other.into(),
    }
}
