//! Servers that come and go while answers are being written.

use std::time::{Duration, Instant};

use meggy::db::Executor;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::keys::keyed;
use super::replicas::deafen;
use super::{ann, asked, at, count, ended, held, on_postgres, paced, pieces, say, words};
use crate::support::client::send;
use crate::support::events::{Events, check_whole, text};
use crate::support::model_server::{Gate, openai_answer};
use crate::support::{TestApp, eventually};

on_postgres! {
    a_server_that_ends_at_once_leaves_its_text_to_the_other,
    a_server_that_ends_in_time_loses_no_turn,
    readers_of_another_servers_turn_are_sent_there,
    a_lost_connection_leaves_no_gap,
    a_replica_that_is_taken_for_dead_ends_its_answer_all_the_same,
    a_question_that_arrives_during_the_end_is_answered_or_refused,
    a_question_that_is_being_stored_as_the_end_begins_is_answered,
}

async fn a_server_that_ends_at_once_leaves_its_text_to_the_other(app: TestApp) {
    let stopping = app.another(&[("SHUTDOWN_GRACE_SECONDS", "0")]).await;
    let (ann, conversation) = ann(&stopping).await;
    let there = at(&app, &ann);
    let gate = Gate::default();
    app.model.replies([held("größer 🦀 three", 2, &gate)]);
    let request = keyed(&ann, &conversation, "key", "Hello").header("accept", "text/event-stream");
    let mut first = Events::open(request).await;
    let mut here = first.until_text("größer 🦀 ".len()).await;
    let mut watching = there.watch(&conversation).await;
    let mut elsewhere = watching.until_text("größer 🦀 ".len()).await;
    let waiting = tokio::spawn(send(keyed(&there, &conversation, "key", "Hello")));
    stopping.ask_to_stop();
    here.extend(first.rest().await);
    elsewhere.extend(watching.rest().await);
    stopping.stop().await;
    for events in [&here, &elsewhere] {
        let last = check_whole(events);
        assert_eq!(
            (&*last.name, &last.data["code"], &last.data["status"]),
            ("error", &json!("interrupted"), &json!(503))
        );
        assert_eq!(text(events), "größer 🦀 ");
    }
    assert_eq!(
        elsewhere.last().unwrap().essence(),
        here.last().unwrap().essence()
    );
    let answer = waiting.await.unwrap();
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.json["error"], here.last().unwrap().data["error"]);
    there.say(&conversation, "And now?").await.expect(200);
    assert_eq!(pieces(&app.db).await, 0);
}

async fn a_server_that_ends_in_time_loses_no_turn(app: TestApp) {
    let stopping = app.another(&[("SHUTDOWN_GRACE_SECONDS", "30")]).await;
    let (ann, conversation) = ann(&stopping).await;
    let there = at(&app, &ann);
    app.model.replies([paced(30, Duration::from_millis(60))]);
    let waiting = say(&ann, &conversation, "Hello");
    asked(&app, 1).await;
    let mut first = ann.watch(&conversation).await;
    let mut here = first.until_text(words(3).len()).await;
    let mut watching = there.watch(&conversation).await;
    stopping.ask_to_stop();
    sleep(Duration::from_millis(300)).await;
    // It runs on, and is still the only one.
    let busy = there.say(&conversation, "More").await;
    assert_eq!(busy.status, 409, "{}", busy.text);
    let ((), elsewhere) = tokio::join!(async { here.extend(first.rest().await) }, watching.rest());
    stopping.stop().await;
    for events in [&here, &elsewhere] {
        let last = check_whole(events);
        assert_eq!(last.data["status"], "complete");
        assert_eq!(text(events), words(30).trim_end());
    }
    let turn = waiting.await.unwrap().expect(200);
    assert_eq!(
        turn["assistant_message"],
        check_whole(&here).data["assistant_message"]
    );
    assert_eq!(pieces(&app.db).await, 0);
    there.say(&conversation, "And now?").await.expect(200);
}

async fn readers_of_another_servers_turn_are_sent_there(app: TestApp) {
    let stopping = app.another(&[]).await;
    let (ann, conversation) = ann(&app).await;
    let there = at(&stopping, &ann);
    let gate = Gate::default();
    app.model.replies([held("größer 🦀 three", 2, &gate)]);
    let mut first = ann.ask(&conversation, "Hello").await;
    let mut whole = first.until_text("größer 🦀 ".len()).await;
    let mut watching = there.watch(&conversation).await;
    let mut read = watching.until_text("größer 🦀 ".len()).await;
    let asking = Instant::now();
    stopping.ask_to_stop();
    let closing = watching.rest().await;
    assert_eq!(closing.len(), 1, "{closing:?}");
    assert_eq!(
        (&*closing[0].name, &closing[0].data),
        ("closing", &json!({}))
    );
    // Long before the turn ends or the grace is over.
    stopping.stop().await;
    assert!(
        asking.elapsed() < Duration::from_secs(10),
        "{:?}",
        asking.elapsed()
    );
    let mut again = ann.watch_after(&conversation, closing[0].id).await;
    gate.open();
    read.extend(again.rest().await);
    whole.extend(first.rest().await);
    assert_eq!(check_whole(&read).essence(), check_whole(&whole).essence());
    assert_eq!(text(&read), "größer 🦀 three");
}

async fn a_lost_connection_leaves_no_gap(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let other = app.another(&[]).await;
    let there = at(&other, &ann);
    app.model.replies([paced(60, Duration::from_millis(50))]);
    let mut first = ann.ask(&conversation, "Hello").await;
    let mut watching = there.watch(&conversation).await;
    let cutting = async {
        let mut cut = 0;
        for _ in 0..6 {
            sleep(Duration::from_millis(400)).await;
            cut += deafen(&app).await;
        }
        cut
    };
    let (here, elsewhere, cut) = tokio::join!(first.rest(), watching.rest(), cutting);
    assert!(cut >= 2, "only {cut} connections were cut");
    assert_eq!(
        check_whole(&elsewhere).essence(),
        check_whole(&here).essence()
    );
    assert_eq!(text(&elsewhere), words(60).trim_end());
    // And they hear each other again.
    eventually("somebody listens again", async || {
        (deafen(&app).await > 0).then_some(())
    })
    .await;
}

/// A replica that was held up for so long that the others took it for dead comes back and puts things right.
async fn a_replica_that_is_taken_for_dead_ends_its_answer_all_the_same(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let gate = Gate::default();
    app.model.replies([held("one two three", 2, &gate)]);
    let mut first = ann.ask(&conversation, "Hello").await;
    let mut whole = first.until_text(8).await;
    eventually("some of it is stored", async || {
        (pieces(&app.db).await > 0).then_some(())
    })
    .await;
    app.db
        .query("DELETE FROM replicas")
        .execute()
        .await
        .unwrap();
    // Whoever comes first thing looks for what dead ones left behind.
    let other = app.another(&[]).await;
    let there = at(&other, &ann);
    let taken = ended(&there, &conversation).await;
    assert_eq!(
        (&taken["status"], &taken["content"]),
        (&json!("interrupted"), &json!("one two "))
    );
    gate.open();
    whole.extend(first.rest().await);
    let last = check_whole(&whole);
    assert_eq!(
        (
            &last.data["status"],
            &last.data["assistant_message"]["content"]
        ),
        (&json!("complete"), &json!("one two three"))
    );
    let stored = there.messages(&conversation).await.pop().unwrap();
    assert_eq!(stored, last.data["assistant_message"]);
    assert_eq!(stored["error"], json!(null));
    assert_eq!(pieces(&app.db).await, 0);
    there.say(&conversation, "And now?").await.expect(200);
}

/// The head of a request came before the server was asked to stop, its body after.
async fn a_question_that_arrives_during_the_end_is_answered_or_refused(app: TestApp) {
    let stopping = app.another(&[("SHUTDOWN_GRACE_SECONDS", "30")]).await;
    let (ann, conversation) = ann(&stopping).await;
    let there = at(&app, &ann);
    app.model
        .replies([openai_answer(&words(60), None).pace(Duration::from_millis(100))]);
    let address = stopping.base.trim_start_matches("http://").to_owned();
    let mut connection = TcpStream::connect(&address).await.unwrap();
    let body = r#"{"content": "Hello"}"#;
    let head = format!(
        "POST /api/conversations/{conversation}/send_message/ HTTP/1.1\r\nhost: {address}\r\n\
         authorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        ann.token(),
        body.len()
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    sleep(Duration::from_millis(300)).await;
    stopping.ask_to_stop();
    sleep(Duration::from_millis(500)).await;
    connection.write_all(body.as_bytes()).await.unwrap();
    let answering = tokio::spawn(async move {
        let mut answer = String::new();
        let read = timeout(
            Duration::from_secs(40),
            connection.read_to_string(&mut answer),
        );
        let _ = read.await.expect("an end");
        answer
    });
    let mut statuses = Vec::new();
    while !answering.is_finished() {
        if let Some(last) = there.messages(&conversation).await.pop() {
            statuses.push(last["status"].as_str().unwrap().to_owned());
        }
        sleep(Duration::from_millis(100)).await;
    }
    let answer = answering.await.unwrap();
    stopping.stop().await;
    statuses.dedup();
    if answer.starts_with("HTTP/1.1 503") {
        assert!(statuses.is_empty(), "refused, but {statuses:?}");
        there.say(&conversation, "Hello").await.expect(200);
    } else {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(
            !statuses.contains(&"interrupted".to_owned()),
            "the other server wrote a running answer off: {statuses:?}"
        );
        assert_eq!(ended(&there, &conversation).await["status"], "complete");
    }
}

/// The server is asked to stop while the question is on its way into the database.
async fn a_question_that_is_being_stored_as_the_end_begins_is_answered(app: TestApp) {
    let stopping = app.another(&[("SHUTDOWN_GRACE_SECONDS", "30")]).await;
    let (ann, conversation) = ann(&stopping).await;
    // Longer than it takes the other server to look for what dead ones left behind.
    app.model
        .replies([openai_answer("late", None).delay(Duration::from_secs(5))]);
    let mut lock = app.db.begin().await.unwrap();
    let statement = "LOCK TABLE messages IN SHARE ROW EXCLUSIVE MODE";
    lock.query(statement).execute().await.unwrap();
    let waiting = say(&ann, &conversation, "Hello");
    eventually("the question is being stored", async || {
        let statement = "SELECT COUNT(*) AS count FROM pg_stat_activity
                         WHERE datname = current_database() AND wait_event_type = 'Lock'
                           AND query LIKE '%INSERT INTO messages%'";
        (count(&app.db, statement).await > 0).then_some(())
    })
    .await;
    stopping.ask_to_stop();
    sleep(Duration::from_millis(500)).await;
    lock.commit().await.unwrap();
    let mut was_written_off = false;
    while !waiting.is_finished() {
        let statement = "SELECT COUNT(*) AS count FROM messages WHERE status = 'interrupted'";
        was_written_off |= count(&app.db, statement).await > 0;
        sleep(Duration::from_millis(50)).await;
    }
    let turn = waiting.await.unwrap().expect(200);
    stopping.stop().await;
    assert_eq!(turn["assistant_message"]["content"], "late");
    assert!(!was_written_off, "a running answer was written off");
}
