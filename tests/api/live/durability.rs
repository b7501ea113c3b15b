//! What of an answer is in the database while it is being written, and after.

use std::time::{Duration, Instant};

use meggy::db::{Db, Executor, Sql};
use serde_json::json;
use tokio::time::sleep;

use super::{ann, asked, ended, held, paced, pieces, say, stop, thoughtful, words};
use crate::support::client::send;
use crate::support::events::{check_whole, text};
use crate::support::model_server::{End, Gate, Reply, openai_answer, openai_error};
use crate::support::{TestApp, eventually, on_each_database};

on_each_database! {
    an_answer_in_the_making_is_half_a_second_behind_at_most,
    thinking_is_kept_as_it_comes_too,
    pieces_are_gone_when_the_answer_is_whole,
    text_that_cannot_be_stored_yet_is_stored_later,
    an_answer_that_cannot_be_written_down_does_not_lock_its_conversation,
    a_server_that_stops_tells_its_readers_what_there_is,
}

async fn an_answer_in_the_making_is_half_a_second_behind_at_most(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    app.model.replies([paced(100, Duration::from_millis(30))]);
    let mut events = ann.ask(&conversation, "Hello").await;
    let reading = tokio::spawn(async move { events.rest().await });
    asked(&app, 1).await;
    let mut seen = Vec::new();
    for _ in 0..20 {
        sleep(Duration::from_millis(100)).await;
        let before = Instant::now();
        let answer = ann.messages(&conversation).await.pop().unwrap();
        assert_eq!(answer["status"], "pending");
        seen.push((before, answer["content"].as_str().unwrap().to_owned()));
        let shown = ann.get("/api/messages/").await.expect(200)["results"][1].clone();
        assert!(shown["content"].as_str() >= answer["content"].as_str());
    }
    let events = reading.await.unwrap();
    check_whole(&events);
    let behind = |age: Duration| {
        seen.iter()
            .filter(|(before, stored)| {
                let told: Vec<_> = events
                    .iter()
                    .filter(|event| event.at + age < *before)
                    .cloned()
                    .collect();
                !stored.starts_with(&text(&told))
            })
            .count()
    };
    assert!(
        seen.iter()
            .all(|(_, stored)| words(100).starts_with(stored))
    );
    // A machine that is busy with other tests may be late now and then.
    assert!(
        behind(Duration::from_millis(500)) <= 3 && behind(Duration::from_secs(2)) == 0,
        "{} of 20 are too far behind",
        behind(Duration::from_millis(500))
    );
    assert!(seen.last().unwrap().1.len() > 50);
}

async fn thinking_is_kept_as_it_comes_too(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let gate = Gate::default();
    let chunks = thoughtful(&["Hm, ", "größer. "], &["Good ", "day."]);
    app.model.replies([Reply::events(&chunks).hold(3, &gate)]);
    let running = say(&ann, &conversation, "Hello");
    let answer = eventually("some of it is stored", async || {
        let last = ann.messages(&conversation).await.pop()?;
        (last["content"] != "").then_some(last)
    })
    .await;
    assert_eq!(
        (&answer["status"], &answer["content"], &answer["reasoning"]),
        (&json!("pending"), &json!("Good "), &json!("Hm, größer. "))
    );
    let path = format!("/api/messages/{}/", answer["id"].as_str().unwrap());
    ann.get(&path).await.is(200, &answer);
    gate.open();
    let turn = running.await.unwrap().expect(200);
    assert_eq!(turn["assistant_message"]["content"], "Good day.");
    assert_eq!(turn["assistant_message"]["reasoning"], "Hm, größer. ");
}

async fn pieces_are_gone_when_the_answer_is_whole(app: TestApp) {
    let app = app.another(&[("LLM_IDLE_TIMEOUT_SECONDS", "1")]).await;
    let (ann, conversation) = ann(&app).await;
    let paced = || openai_answer("one two three four", None).pace(Duration::from_millis(150));
    let failed = || openai_error(500, "Oh no", "server_error");
    for (status, reply) in [
        ("complete", paced()),
        ("failed", failed()),
        ("failed", paced().pieces(4).end(End::Reset)),
        ("failed", paced().pieces(4).end(End::Silence)),
        ("stopped", paced().pieces(4).end(End::Silence)),
    ] {
        app.model.replies([reply]);
        let running = say(&ann, &conversation, "Hello");
        if status == "stopped" {
            eventually("some of it is stored", async || {
                (pieces(&app.db).await > 0).then_some(())
            })
            .await;
            stop(&ann, &conversation, json!({})).await;
        }
        running.await.unwrap();
        assert_eq!(ended(&ann, &conversation).await["status"], status);
        assert_eq!(pieces(&app.db).await, 0, "{status}");
    }
    // Nothing comes late either.
    sleep(Duration::from_millis(500)).await;
    assert_eq!(pieces(&app.db).await, 0);
}

/// Makes the database refuse what a test wants it to refuse.
async fn refuse(db: &Db, sqlite: &'static str, postgres: &'static str) {
    if let Db::Postgres(_) = db {
        let function = "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
                        AS $$ BEGIN RAISE EXCEPTION 'refused by the test'; END $$";
        db.query(function).execute().await.unwrap();
    }
    db.query(Sql { sqlite, postgres }).execute().await.unwrap();
}

async fn text_that_cannot_be_stored_yet_is_stored_later(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    refuse(
        &app.db,
        "CREATE TRIGGER refuses BEFORE INSERT ON message_pieces
         BEGIN SELECT RAISE(ABORT, 'refused by the test'); END",
        "CREATE TRIGGER refuses BEFORE INSERT ON message_pieces FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await;
    let gate = Gate::default();
    app.model.replies([held("one two three", 2, &gate)]);
    let mut events = ann.ask(&conversation, "Hello").await;
    events.until_text(8).await;
    sleep(Duration::from_millis(700)).await;
    let answer = ann.messages(&conversation).await.pop().unwrap();
    assert_eq!(answer["content"], "", "the test refuses nothing");
    let sql = Sql {
        sqlite: "DROP TRIGGER refuses",
        postgres: "DROP TRIGGER refuses ON message_pieces",
    };
    app.db.query(sql).execute().await.unwrap();
    eventually("what could not be stored is stored", async || {
        let answer = ann.messages(&conversation).await.pop()?;
        (answer["content"] == "one two ").then_some(())
    })
    .await;
    gate.open();
    assert_eq!(
        events.rest().await.pop().unwrap().data["status"],
        "complete"
    );
    assert_eq!(pieces(&app.db).await, 0);
}

async fn an_answer_that_cannot_be_written_down_does_not_lock_its_conversation(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    refuse(
        &app.db,
        "CREATE TRIGGER refuses BEFORE UPDATE ON messages WHEN OLD.status = 'pending'
         BEGIN SELECT RAISE(ABORT, 'refused by the test'); END",
        "CREATE TRIGGER refuses BEFORE UPDATE ON messages FOR EACH ROW
         WHEN (OLD.status = 'pending') EXECUTE FUNCTION refuse()",
    )
    .await;
    let mut events = ann.ask(&conversation, "Hello").await;
    let events = events.rest().await;
    let last = check_whole(&events);
    assert_eq!(
        (&*last.name, &last.data["code"], &last.data["status"]),
        ("error", &json!("storage_failed"), &json!(503))
    );
    assert_eq!(text(&events), "You said: Hello");
    let sql = Sql {
        sqlite: "DROP TRIGGER refuses",
        postgres: "DROP TRIGGER refuses ON messages",
    };
    app.db.query(sql).execute().await.unwrap();
    // The database is well again, and so shall be the conversation.
    let answer = ended(&ann, &conversation).await;
    assert_eq!(answer["content"], "You said: Hello");
    ann.say(&conversation, "And now?").await.expect(200);
    assert_eq!(pieces(&app.db).await, 0);
}

async fn a_server_that_stops_tells_its_readers_what_there_is(app: TestApp) {
    let stopping = app.another(&[("SHUTDOWN_GRACE_SECONDS", "0")]).await;
    let (ann, conversation) = ann(&stopping).await;
    let gate = Gate::default();
    app.model.replies([held("one two three", 2, &gate)]);
    let mut asking = ann.ask(&conversation, "Hello").await;
    let mut watching = ann.watch(&conversation).await;
    let mut readers = [Vec::new(), Vec::new()];
    readers[0] = asking.until_text(8).await;
    readers[1] = watching.until_text(8).await;
    stopping.ask_to_stop();
    readers[0].extend(asking.rest().await);
    readers[1].extend(watching.rest().await);
    stopping.stop().await;
    for events in &readers {
        let last = check_whole(events);
        assert_eq!(
            (&*last.name, &last.data["code"], &last.data["status"]),
            ("error", &json!("interrupted"), &json!(503))
        );
        assert_eq!(last.data["assistant_message"]["content"], "one two ");
        assert_eq!(last.data["assistant_message"]["status"], "interrupted");
    }
    let ann = super::at(&app, &ann);
    assert_eq!(send(ann.watching(&conversation)).await.status, 204);
    let stored = ann.messages(&conversation).await.pop().unwrap();
    assert_eq!(stored, check_whole(&readers[0]).data["assistant_message"]);
    assert_eq!(pieces(&app.db).await, 0);
    app.model.server.client_left().await;
    ann.say(&conversation, "And now?").await.expect(200);
}
