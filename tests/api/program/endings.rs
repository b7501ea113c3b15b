//! How a server ends, by request and by force, and what is in the database then.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use meggy::db::{self, Db, Executor, FromRow, Row};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::World;
use crate::support::app::{PASSWORD, block_on};
use crate::support::client::{id, try_send};
use crate::support::model_server::{End, openai_answer};
use crate::support::program::Running;
use crate::support::{Kind, eventually};

macro_rules! on_each_kind {
    ($($test:ident),* $(,)?) => {
        mod on_sqlite { $(#[test] fn $test() { super::run(crate::support::Kind::Sqlite, super::$test); })* }
        mod on_postgres { $(#[test] fn $test() { super::run(crate::support::Kind::Postgres, super::$test); })* }
    };
}

on_each_kind! {
    a_request_to_stop_writes_running_answers_off_after_the_grace,
    a_server_that_is_killed_loses_nothing_that_it_answered,
}

fn run<F: Future<Output = ()>>(kind: Kind, test: impl FnOnce(World) -> F) {
    block_on(async {
        if let Some(world) = World::new(kind).await {
            test(world).await;
        }
    });
}

async fn a_request_to_stop_writes_running_answers_off_after_the_grace(world: World) {
    let variables = world.with(&[("SHUTDOWN_GRACE_SECONDS", "1")]);
    let mut server = Running::serve(world.database.folder.path(), &variables);
    let ann = server
        .stranger()
        .register("ann@example.com", "Ann", PASSWORD)
        .await;
    let conversation = ann.conversation().await;
    world.model.replies([openai_answer("one two three", None)
        .pieces(3)
        .end(End::Silence)]);
    let asking = tokio::spawn({
        let (ann, conversation) = (ann.clone(), conversation.clone());
        async move { ann.say(&conversation, "Hello").await }
    });
    eventually("the model is asked", async || {
        (world.model.server.calls() == 1).then_some(())
    })
    .await;
    let start = Instant::now();
    server.signal(Signal::TERM);
    let answer = asking.await.unwrap();
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.json["user_message"]["content"], "Hello");
    assert!(
        answer.json["error"].as_str().unwrap().contains("stopped"),
        "{}",
        answer.text
    );
    assert!(
        start.elapsed() >= Duration::from_millis(900),
        "there was no grace"
    );
    assert!(server.wait().success());

    let server = Running::serve(world.database.folder.path(), &world.variables);
    let ann = server.stranger().with_token(ann.token());
    let messages = ann.messages(&conversation).await;
    assert_eq!(
        (messages.len(), &messages[0]["content"]),
        (2, &json!("Hello"))
    );
    assert_eq!(
        (&messages[1]["status"], &messages[1]["content"]),
        (&json!("interrupted"), &json!("one two "))
    );
    ann.say(&conversation, "And now?").await.expect(200);
}

/// How many turns are under way when the server is killed, or were before.
const TURNS: usize = 300;

async fn a_server_that_is_killed_loses_nothing_that_it_answered(world: World) {
    let mut server = Running::serve(world.database.folder.path(), &world.variables);
    let ann = server
        .stranger()
        .register("ann@example.com", "Ann", PASSWORD)
        .await;
    let agent = id(&ann.get("/api/agents/default/").await.expect(200));
    let mut conversations = Vec::new();
    for _ in 0..TURNS {
        conversations.push(ann.conversation_with(&agent).await);
    }
    // Spread so that at any moment some are being asked, some answered and some written down.
    let delay = |number: usize| Duration::from_millis(number as u64 * 7 % 1500);
    world.model.replies((0..TURNS).map(|number| {
        openai_answer(&format!("answer {number}"), Some((3, 2))).delay(delay(number))
    }));
    let asking: Vec<_> = (0..TURNS)
        .map(|number| {
            let path = format!(
                "/api/conversations/{}/send_message/",
                conversations[number % conversations.len()]
            );
            let request = ann
                .request("POST", &path)
                .header("content-type", "application/json");
            let body = json!({ "content": format!("question {number}") });
            tokio::spawn(async move { try_send(request.body(body.to_string())).await })
        })
        .collect();
    eventually("a third is answered", async || {
        (asking
            .iter()
            .filter(|request| request.is_finished())
            .count()
            >= TURNS / 3)
            .then_some(())
    })
    .await;
    server.signal(Signal::KILL);
    server.wait();
    let mut answered = Vec::new();
    for request in asking {
        if let Ok(answer) = request.await.unwrap() {
            answered.push(answer.expect(200));
        }
    }
    assert!(
        (TURNS / 3..TURNS).contains(&answered.len()),
        "{} were answered",
        answered.len()
    );

    let db = db::connect(&world.database.settings())
        .await
        .expect("the database opens");
    if let Db::Sqlite { .. } = db {
        let Integrity(verdict) = db
            .query("SELECT integrity_check AS verdict FROM pragma_integrity_check")
            .fetch_one()
            .await
            .unwrap();
        assert_eq!(verdict, "ok");
    }
    // A promise to be alive outlives the one that gave it; nobody wants to wait for that here.
    db.query("DELETE FROM replicas").execute().await.unwrap();
    db.close().await;

    let server = Running::serve(world.database.folder.path(), &world.variables);
    let ann = server.stranger().with_token(ann.token());
    let stored = eventually("what was left is written off", async || {
        let mut stored = HashMap::new();
        for conversation in &conversations {
            let detail = ann
                .get(&format!("/api/conversations/{conversation}/"))
                .await
                .expect(200);
            let messages = detail["messages"].as_array().unwrap().clone();
            assert_eq!(detail["message_count"], messages.len(), "counted wrongly");
            stored.extend(messages.into_iter().map(|message| (id(&message), message)));
        }
        stored
            .values()
            .all(|message| message["status"] != "pending")
            .then_some(stored)
    })
    .await;
    for turn in &answered {
        for message in [&turn["user_message"], &turn["assistant_message"]] {
            assert_eq!(
                &stored[&id(message)],
                message,
                "an answered request is not in the database"
            );
        }
    }
    let with_status = |status: &str| {
        stored
            .values()
            .filter(|message| message["role"] == "assistant" && message["status"] == status)
            .cloned()
            .collect::<Vec<Value>>()
    };
    let (complete, interrupted) = (with_status("complete"), with_status("interrupted"));
    assert_eq!((complete.len() + interrupted.len()) * 2, stored.len());
    assert!(
        complete.len() >= answered.len() && !interrupted.is_empty(),
        "{} {}",
        complete.len(),
        interrupted.len()
    );
    assert!(complete.iter().all(
        |answer| answer["content"].as_str().unwrap().starts_with("answer ")
            && answer["tokens_used"] == 5
    ));
    for answer in interrupted {
        // What the model had said may have been saved just before the end.
        let text = answer["content"].as_str().unwrap();
        assert!(text.is_empty() || text.starts_with("answer "), "{answer}");
        assert!(
            answer["error"].as_str().unwrap().contains("stopped"),
            "{answer}"
        );
    }
    ann.say(&conversations[0], "And now?").await.expect(200);
}

struct Integrity(String);

impl FromRow for Integrity {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("verdict").map(Self)
    }
}
