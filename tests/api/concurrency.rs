//! Requests that meet in the database.

use std::collections::BTreeMap;
use std::time::Duration;

use meggy::agents::{AgentChanges, NewAgent, repository};
use meggy::config::AgentDefaults;
use meggy::db::{self, Db, Executor, FromRow, Row};
use meggy::llm::ProviderName;
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use crate::support::app::PASSWORD;
use crate::support::client::id;
use crate::support::model_server::openai_answer;
use crate::support::{Answer, Client, TestApp, eventually, on_each_database};

on_each_database! {
    asking_for_the_default_at_once_makes_one_agent,
    of_agents_made_default_at_once_one_is_it,
    a_default_made_meanwhile_is_the_default,
    a_bruno_made_meanwhile_becomes_the_default,
    of_agents_with_one_name_one_is_made,
    of_accounts_with_one_email_one_is_made,
    of_changes_to_one_email_one_is_made,
    what_is_said_at_once_is_answered_once_at_a_time,
    logins_that_replace_a_hash_at_once_all_succeed,
    requests_that_are_broken_off_leave_nothing_locked,
    a_transaction_that_nobody_waits_for_is_not_left_open,
}

/// Runs requests side by side.
async fn at_once<F>(count: usize, request: impl Fn(usize) -> F) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let running: Vec<_> = (0..count)
        .map(|number| tokio::spawn(request(number)))
        .collect();
    let mut answers = Vec::new();
    for request in running {
        answers.push(request.await.expect("no panic"));
    }
    answers
}

fn post(
    client: &Client,
    path: &'static str,
    body: Value,
) -> impl Future<Output = Answer> + Send + use<> {
    let client = client.clone();
    async move { client.post(path, body).await }
}

/// How often each status was answered.
fn statuses(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    for answer in answers {
        *statuses.entry(answer.status).or_default() += 1;
    }
    statuses
}

async fn defaults(client: &Client) -> Vec<Value> {
    let list = client.get("/api/agents/").await.expect(200);
    list["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|agent| agent["is_default"] == true)
        .cloned()
        .collect()
}

async fn asking_for_the_default_at_once_makes_one_agent(app: TestApp) {
    for round in 0..5 {
        let ann = app.register(&format!("ann{round}")).await;
        let answers = at_once(12, |_| {
            let ann = ann.clone();
            async move { ann.get("/api/agents/default/").await }
        })
        .await;
        assert_eq!(statuses(&answers), [(200, 12)].into());
        assert!(answers.iter().all(|answer| answer.json == answers[0].json));
        assert_eq!(ann.get("/api/agents/").await.expect(200)["count"], 1);
    }
}

async fn of_agents_made_default_at_once_one_is_it(app: TestApp) {
    let ann = app.register("ann").await;
    let body = |number| json!({ "name": format!("agent {number}"), "is_default": true });
    let made = at_once(8, |number| post(&ann, "/api/agents/", body(number))).await;
    assert_eq!(statuses(&made), [(201, 8)].into());
    assert_eq!(defaults(&ann).await.len(), 1);
    let changed = at_once(8, |number| {
        let (ann, path) = (
            ann.clone(),
            format!("/api/agents/{}/", id(&made[number].json)),
        );
        async move { ann.patch(&path, json!({ "is_default": true })).await }
    })
    .await;
    assert_eq!(statuses(&changed), [(200, 8)].into());
    assert_eq!(defaults(&ann).await.len(), 1);
}

/// Somebody asks for the default while a transaction is open that makes an agent; returns the answer.
async fn asked_while_making(app: &TestApp, ann: &Client, changes: AgentChanges) -> Answer {
    let defaults = AgentDefaults {
        provider: ProviderName::OpenAi,
        model: "gpt-4".to_owned(),
    };
    let new: NewAgent = changes.into_new(&defaults);
    let mut tx = app.db.begin().await.unwrap();
    repository::create(&mut tx, Uuid::parse_str(ann.id()).unwrap(), new)
        .await
        .unwrap();
    let asking = tokio::spawn({
        let ann = ann.clone();
        async move { ann.get("/api/agents/default/").await }
    });
    // Time to see the state from before and to come to the lock. If it is too short, this tests less, not worse.
    sleep(Duration::from_millis(200)).await;
    tx.commit().await.unwrap();
    asking.await.unwrap()
}

async fn a_default_made_meanwhile_is_the_default(app: TestApp) {
    let ann = app.register("ann").await;
    let mine = AgentChanges {
        name: Some("Mine".to_owned()),
        is_default: Some(true),
        ..AgentChanges::default()
    };
    let answer = asked_while_making(&app, &ann, mine).await;
    assert_eq!(answer.expect(200)["name"], "Mine");
    assert_eq!(defaults(&ann).await.len(), 1);
}

async fn a_bruno_made_meanwhile_becomes_the_default(app: TestApp) {
    let ann = app.register("ann").await;
    let bruno = AgentChanges {
        description: Some("mine".to_owned()),
        ..AgentChanges::default()
    };
    let answer = asked_while_making(&app, &ann, bruno).await;
    assert_eq!(answer.expect(200)["description"], "mine");
    assert_eq!(defaults(&ann).await.len(), 1);
}

async fn of_agents_with_one_name_one_is_made(app: TestApp) {
    let ann = app.register("ann").await;
    let answers = at_once(10, |_| post(&ann, "/api/agents/", json!({ "name": "Zoe" }))).await;
    assert_eq!(statuses(&answers), [(201, 1), (400, 9)].into());
    let taken = json!({ "name": ["Agent with this name already exists."] });
    assert!(
        answers
            .iter()
            .filter(|answer| answer.status == 400)
            .all(|answer| answer.json == taken)
    );
    assert_eq!(ann.get("/api/agents/").await.expect(200)["count"], 1);
}

async fn of_accounts_with_one_email_one_is_made(app: TestApp) {
    let stranger = app.stranger();
    let body = |number: usize| {
        let email = if number.is_multiple_of(2) {
            "ann@example.com"
        } else {
            "Ann@Example.com"
        };
        json!({ "email": email, "name": "Ann", "password": PASSWORD })
    };
    let answers = at_once(10, |number| {
        post(&stranger, "/api/auth/register/", body(number))
    })
    .await;
    assert_eq!(statuses(&answers), [(201, 1), (400, 9)].into());
    let taken = json!({ "email": ["User with this email already exists."] });
    assert!(
        answers
            .iter()
            .filter(|answer| answer.status == 400)
            .all(|answer| answer.json == taken)
    );
    stranger
        .login("ann@example.com", PASSWORD)
        .await
        .expect(200);
}

async fn of_changes_to_one_email_one_is_made(app: TestApp) {
    let mut clients = Vec::new();
    for number in 0..6 {
        clients.push(app.register(&format!("user{number}")).await);
    }
    let answers = at_once(6, |number| {
        let client = clients[number].clone();
        async move {
            client
                .patch("/api/users/me/", json!({ "email": "new@example.com" }))
                .await
        }
    })
    .await;
    assert_eq!(statuses(&answers), [(200, 1), (400, 5)].into());
}

async fn what_is_said_at_once_is_answered_once_at_a_time(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    app.model
        .replies((0..16).map(|_| openai_answer("Yes", None).delay(Duration::from_millis(50))));
    let answers = at_once(16, |number| {
        let (ann, conversation) = (ann.clone(), conversation.clone());
        async move { ann.say(&conversation, &format!("number {number}")).await }
    })
    .await;
    let statuses = statuses(&answers);
    let answered = statuses[&200];
    assert_eq!(statuses[&409], 16 - answered);
    assert_eq!(app.model.server.calls(), answered);
    let detail = ann
        .get(&format!("/api/conversations/{conversation}/"))
        .await
        .expect(200);
    let messages = detail["messages"].as_array().unwrap();
    assert_eq!(
        (messages.len(), &detail["message_count"]),
        (2 * answered, &json!(2 * answered))
    );
    for answer in answers.iter().filter(|answer| answer.status == 409) {
        let running = answer.json["message_id"].as_str().unwrap();
        assert!(
            messages
                .iter()
                .any(|message| message["id"] == running && message["role"] == "assistant"),
            "{}",
            answer.text
        );
    }
    let roles: Vec<_> = messages.iter().map(|message| &message["role"]).collect();
    assert!(roles.chunks(2).all(|pair| pair == ["user", "assistant"]));
    let times: Vec<_> = messages
        .iter()
        .map(|message| message["created_at"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted_by(|before, after| before < after));
    let listed = ann.get("/api/conversations/").await.expect(200)["results"][0].clone();
    assert_eq!(
        listed["last_message"]["created_at"],
        json!(times.last().unwrap())
    );
}

async fn logins_that_replace_a_hash_at_once_all_succeed(app: TestApp) {
    app.register("ann").await;
    let dearer = app.another(&[("ARGON2_MEMORY_KIB", "32")]).await;
    let stranger = dearer.stranger();
    let answers = at_once(8, |_| {
        let stranger = stranger.clone();
        async move { stranger.login("ann@example.com", PASSWORD).await }
    })
    .await;
    assert_eq!(statuses(&answers), [(200, 8)].into());
    stranger
        .login("ann@example.com", PASSWORD)
        .await
        .expect(200);
}

/// Clients leave at any moment of a transaction, and what they had begun is either done or undone.
async fn requests_that_are_broken_off_leave_nothing_locked(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    for number in 0..150_u64 {
        let (ann, path) = (ann.clone(), format!("/api/conversations/{conversation}/"));
        let leaving = tokio::spawn(async move {
            match number % 3 {
                0 => {
                    ann.post(
                        "/api/agents/",
                        json!({ "name": format!("{number}"), "is_default": true }),
                    )
                    .await
                }
                1 => {
                    ann.post(
                        &format!("{path}send_message/"),
                        json!({ "content": "Hello" }),
                    )
                    .await
                }
                _ => {
                    ann.patch(&path, json!({ "title": format!("{number}") }))
                        .await
                }
            }
        });
        sleep(Duration::from_micros(number * 53 % 4000)).await;
        leaving.abort();
    }
    let answers = at_once(16, |number| {
        post(
            &ann,
            "/api/agents/",
            json!({ "name": format!("after {number}") }),
        )
    })
    .await;
    assert_eq!(statuses(&answers), [(201, 16)].into());
    assert_eq!(defaults(&ann).await.len(), 1);
    let detail = eventually("all answers are written down", async || {
        let detail = ann
            .get(&format!("/api/conversations/{conversation}/"))
            .await
            .expect(200);
        let messages = detail["messages"].as_array().unwrap();
        eprintln!(
            "{:?}",
            messages
                .iter()
                .filter(|m| m["status"] != "complete")
                .collect::<Vec<_>>()
        );
        messages
            .iter()
            .all(|message| message["status"] == "complete")
            .then_some(detail)
    })
    .await;
    assert_eq!(
        detail["message_count"],
        detail["messages"].as_array().unwrap().len()
    );
}

struct Count(i64);

impl FromRow for Count {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("count").map(Self)
    }
}

/// What the next request writes on a connection with somebody's open transaction is never committed.
async fn a_transaction_that_nobody_waits_for_is_not_left_open(app: TestApp) {
    let ann = app.register("ann").await;
    let other = db::connect(&app.database.settings()).await.unwrap();
    for round in 0..30 {
        // Asked for, and given up at each point where it has to wait.
        let mut begin = Box::pin(app.db.begin());
        for _ in 0..=round % 3 {
            if futures_util::poll!(&mut begin).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(begin);
        if let Db::Postgres(_) = other {
            let open = "SELECT COUNT(*) AS count FROM pg_stat_activity
                        WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
            eventually("the transaction is closed", async || {
                let Count(count) = other.query(open).fetch_one().await.unwrap();
                (count == 0).then_some(())
            })
            .await;
        }
        ann.agent(json!({ "name": format!("{round}") })).await;
    }
    // As another process sees it.
    let agents = "SELECT COUNT(*) AS count FROM agents";
    let Count(count) = other.query(agents).fetch_one().await.unwrap();
    assert_eq!(
        count, 30,
        "an agent was made in a transaction that nobody commits"
    );
    other.close().await;
}
