//! A server that is killed in the middle of an answer, and the one that comes after it.

use std::time::{Duration, Instant};

use meggy::db::{self, Executor};
use rustix::process::Signal;
use serde_json::json;

use super::keys::keyed;
use super::{pieces, words};
use crate::support::app::{Model, PASSWORD, block_on, environment};
use crate::support::client::send;
use crate::support::events::{Events, text};
use crate::support::model_server::openai_answer;
use crate::support::program::Running;
use crate::support::{Client, Database, Kind, eventually};

#[test]
fn an_answer_survives_a_kill_on_sqlite() {
    block_on(an_answer_survives_a_kill(Kind::Sqlite));
}

#[test]
fn an_answer_survives_a_kill_on_postgres() {
    block_on(an_answer_survives_a_kill(Kind::Postgres));
}

async fn an_answer_survives_a_kill(kind: Kind) {
    let Some(database) = Database::new(kind) else {
        return;
    };
    let model = Model::start().await;
    let variables = environment(&database, &model.server);
    let mut server = Running::serve(database.folder.path(), &variables);
    let ann = server
        .stranger()
        .register("ann@example.com", "Ann", PASSWORD)
        .await;
    let conversation = ann.conversation().await;
    model.replies([openai_answer(&words(200), None).pace(Duration::from_millis(80))]);
    let request = keyed(&ann, &conversation, "key", "Hello");
    let mut events = Events::open(request.header("accept", "text/event-stream")).await;
    let mut told = events.until_text(words(25).len()).await;
    let killed = Instant::now();
    server.signal(Signal::KILL);
    server.wait();
    while let Some(event) = events.next().await {
        told.push(event);
    }
    assert!(!events.ended_well, "a killed server ended its stream");
    assert!(["delta", "start"].contains(&&*told.last().unwrap().name));

    let server = Running::serve(database.folder.path(), &variables);
    let ann = Client {
        base: server.base.clone(),
        ..ann
    };
    let answer = match kind {
        // Nobody else can be at it, so it is over before anything is answered.
        Kind::Sqlite => ann.messages(&conversation).await.pop().unwrap(),
        // The dead one's promise has to run out.
        Kind::Postgres => super::ended(&ann, &conversation).await,
    };
    assert_eq!(
        (&answer["status"], &answer["error_code"]),
        (&json!("interrupted"), &json!("interrupted"))
    );
    let stored = answer["content"].as_str().unwrap();
    let due: Vec<_> = told
        .iter()
        .filter(|event| event.at + Duration::from_millis(500) < killed)
        .cloned()
        .collect();
    assert!(
        stored.starts_with(&text(&due)) && words(200).starts_with(stored),
        "{stored}"
    );
    assert!(text(&due).len() > 50, "the test is too quick to tell");

    let listed = ann.get("/api/conversations/").await.expect(200);
    let preview: String = stored.chars().take(100).collect();
    assert_eq!(listed["results"][0]["last_message"]["content"], preview);

    assert_eq!(send(ann.watching(&conversation)).await.status, 204);
    let again = send(keyed(&ann, &conversation, "key", "Hello")).await;
    assert_eq!(again.status, 503, "{}", again.text);
    assert_eq!(again.json["error"], answer["error"]);
    assert_eq!(model.server.calls(), 1);
    let db = db::connect(&database.settings()).await.unwrap();
    assert_eq!(pieces(&db).await, 0);
    // The next question is asked with what there is.
    ann.say(&conversation, "Go on").await.expect(200);
    let asked = model.last_asked().body["messages"].clone();
    assert_eq!(
        asked.as_array().unwrap()[1..],
        [
            json!({ "role": "user", "content": "Hello" }),
            json!({ "role": "assistant", "content": stored }),
            json!({ "role": "user", "content": "Go on" })
        ]
    );
    let detail = ann
        .get(&format!("/api/conversations/{conversation}/"))
        .await
        .expect(200);
    assert_eq!(detail["message_count"], 4);
    db.close().await;
}

/// Somebody waits on one server for an answer that another one wrote when it was killed.
#[test]
fn who_waits_on_another_server_is_told_of_a_kill() {
    block_on(async {
        let Some(database) = Database::new(Kind::Postgres) else {
            return;
        };
        let model = Model::start().await;
        let variables = environment(&database, &model.server);
        let mut killed = Running::serve(database.folder.path(), &variables);
        let ann = killed
            .stranger()
            .register("ann@example.com", "Ann", PASSWORD)
            .await;
        let conversation = ann.conversation().await;
        let other = Running::serve(database.folder.path(), &variables);
        let there = Client {
            base: other.base.clone(),
            ..ann.clone()
        };
        model.replies([openai_answer(&words(500), None).pace(Duration::from_millis(50))]);
        let request = keyed(&ann, &conversation, "key", "Hello");
        let mut first = Events::open(request.header("accept", "text/event-stream")).await;
        let mut watching = there.watch(&conversation).await;
        let mut told = watching.until_text(words(10).len()).await;
        let waiting = tokio::spawn(send(keyed(&there, &conversation, "key", "Hello")));
        first.until_text(words(25).len()).await;
        let start = Instant::now();
        killed.signal(Signal::KILL);
        killed.wait();
        told.extend(watching.rest().await);
        assert!(
            start.elapsed() < Duration::from_secs(25),
            "{:?}",
            start.elapsed()
        );
        let last = crate::support::events::check_whole(&told);
        assert_eq!(last.data["code"], "interrupted");
        let answer = waiting.await.unwrap();
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert_eq!(answer.json["error"], last.data["error"]);
        there.say(&conversation, "Go on").await.expect(200);
        let db = db::connect(&database.settings()).await.unwrap();
        eventually("the dead replica is forgotten", async || {
            let replicas = db.query("SELECT COUNT(*) AS count FROM replicas");
            let super::Count(count) = replicas.fetch_one().await.unwrap();
            (count == 1).then_some(())
        })
        .await;
        assert_eq!(pieces(&db).await, 0);
        db.close().await;
    });
}
