//! Two servers on one database: what runs on one is there on the other.

use std::time::Duration;

use meggy::db::Executor;
use tokio::time::{sleep, timeout};

use super::{ann, at, held, on_postgres, paced, pieces, thoughtful, words};
use crate::support::client::send;
use crate::support::events::{Event, Events, check_whole, names, reasoning, text};
use crate::support::model_server::{End, Gate, Reply, openai_answer, openai_error};
use crate::support::{Client, TestApp, eventually};

on_postgres! {
    a_turn_is_read_on_either,
    a_place_on_one_is_a_place_on_the_other,
    a_place_in_another_turn_is_none_on_the_other_either,
    readers_anywhere_on_either_read_the_same,
    a_failure_is_told_on_either,
    who_joins_reads_the_turn_that_runs_now,
}

/// The same person at another server beside this one.
pub async fn beside(app: &TestApp, client: &Client) -> (TestApp, Client) {
    let other = app.another(&[]).await;
    let there = at(&other, client);
    (other, there)
}

async fn a_turn_is_read_on_either(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let (_other, there) = beside(&app, &ann).await;
    let mut steps = 0;
    for round in 0.. {
        let thoughts = ["Hm, ", "größer, ", "🦀. "];
        let said = words(20);
        let said: Vec<_> = said.split_inclusive(' ').collect();
        let reply = Reply::events(&thoughtful(&thoughts, &said));
        app.model.replies([reply.pace(Duration::from_millis(60))]);
        let mut first = ann.ask(&conversation, "Hello").await;
        let mut watching = there.watch(&conversation).await;
        let (here, elsewhere) = tokio::join!(first.rest(), watching.rest());
        for events in [&here, &elsewhere] {
            check_whole(events);
            assert_eq!(
                names(events),
                ["start", "reasoning", "delta", "usage", "finish"]
            );
        }
        assert_eq!(elsewhere[0].essence(), here[0].essence());
        assert_eq!(text(&elsewhere), words(20));
        assert_eq!(reasoning(&elsewhere), thoughts.concat());
        for number in 1..=2 {
            assert_eq!(
                elsewhere[elsewhere.len() - number].essence(),
                here[here.len() - number].essence()
            );
        }
        assert_eq!(send(there.watching(&conversation)).await.status, 204);
        // It came as it was written, not at its end, once the servers know of each other.
        let deltas = elsewhere.iter().filter(|event| event.name == "delta");
        steps = steps.max(deltas.count());
        if steps >= 4 {
            return;
        }
        assert!(round < 8, "it came in {steps} steps at best");
    }
}

async fn a_place_on_one_is_a_place_on_the_other(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let (_other, there) = beside(&app, &ann).await;
    let gate = Gate::default();
    let said = words(12);
    let said: Vec<_> = said.split_inclusive(' ').collect();
    let reply = Reply::events(&thoughtful(&["Hm, ", "größer 🦀 "], &said));
    app.model
        .replies([reply.pace(Duration::from_millis(10)).hold(14, &gate)]);
    let mut first = ann.ask(&conversation, "Hello").await;
    let mut whole = first.until_text(words(12).len()).await;
    // Before the other has any of it, after all that it will have, and in any case before the end.
    let mut readers: Vec<(u64, Events)> = Vec::new();
    for event in &whole {
        readers.push((event.id, there.watch_after(&conversation, event.id).await));
    }
    sleep(Duration::from_millis(400)).await;
    let mut watching = there.watch(&conversation).await;
    let mut elsewhere = watching.until_text(words(12).len()).await;
    for event in &elsewhere {
        readers.push((event.id, ann.watch_after(&conversation, event.id).await));
        readers.push((event.id, there.watch_after(&conversation, event.id).await));
    }
    gate.open();
    whole.extend(first.rest().await);
    elsewhere.extend(watching.rest().await);
    check_whole(&whole);
    check_whole(&elsewhere);
    assert_eq!(text(&whole), text(&elsewhere));
    let all = |events: &[Event]| reasoning(events) + &text(events);
    let start = whole[0].id;
    for (id, mut reader) in readers {
        let rest = reader.rest().await;
        let place = usize::try_from(id - start).unwrap();
        assert_eq!(all(&rest), all(&whole)[place..], "after {id}");
        assert_eq!(
            rest.last().unwrap().essence(),
            whole.last().unwrap().essence()
        );
    }
}

/// No reader anywhere can have read so much more than is known here.
async fn a_place_in_another_turn_is_none_on_the_other_either(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let (_other, there) = beside(&app, &ann).await;
    let gate = Gate::default();
    app.model.replies([held("one two three", 2, &gate)]);
    let mut first = ann.ask(&conversation, "Hello").await;
    let start = first.until_text(8).await[0].id;
    // As of a turn that began a minute later.
    for id in [start + 60_000_000, 1 << 52, u64::MAX] {
        let mut reader = there.watch_after(&conversation, id).await;
        let event = timeout(Duration::from_secs(10), reader.next()).await;
        let event = event.unwrap_or_else(|_| panic!("nothing is told after {id}"));
        assert_eq!(event.unwrap().name, "start", "{id}");
    }
    gate.open();
    first.rest().await;
}

async fn readers_anywhere_on_either_read_the_same(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let (_other, there) = beside(&app, &ann).await;
    app.model.replies([paced(100, Duration::from_millis(25))]);
    let mut first = ann.ask(&conversation, "Hello").await;
    let start = first.next().await.unwrap();
    let readers: Vec<_> = (0..60_u64)
        .map(|number| {
            let client = if number % 3 == 0 { &ann } else { &there };
            let request = client.watching(&conversation);
            tokio::spawn(async move {
                sleep(Duration::from_millis(number * 7919 % 2200)).await;
                Events::open(request).await.rest().await
            })
        })
        .collect();
    let rest = first.rest().await;
    let end = rest.last().unwrap();
    for reader in readers {
        let events = reader.await.unwrap();
        check_whole(&events);
        assert_eq!(events.last().unwrap().essence(), end.essence());
        assert_eq!(events[0].essence(), start.essence());
        assert_eq!(text(&events), words(100).trim_end());
    }
    assert_eq!(pieces(&app.db).await, 0);
}

async fn a_failure_is_told_on_either(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let (_other, there) = beside(&app, &ann).await;
    let cut = openai_answer("one two three", None).pieces(3);
    let late = Duration::from_millis(300);
    for reply in [
        openai_error(429, "Slow down", "rate_limit_exceeded").delay(late),
        cut.pace(late).end(End::Reset),
    ] {
        app.model.replies([reply]);
        let mut first = ann.ask(&conversation, "Hello").await;
        let mut watching = there.watch(&conversation).await;
        let (here, elsewhere) = tokio::join!(first.rest(), watching.rest());
        assert_eq!(
            check_whole(&elsewhere).essence(),
            check_whole(&here).essence()
        );
        assert_eq!(here.last().unwrap().name, "error");
    }
}

/// Cuts the connections on which the servers hear each other; returns how many there were.
pub async fn deafen(app: &TestApp) -> usize {
    struct Gone;
    impl meggy::db::FromRow for Gone {
        fn from_row(_: &meggy::db::Row<'_>) -> sqlx::Result<Self> {
            Ok(Self)
        }
    }
    let listening = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND query LIKE 'LISTEN%' AND pid <> pg_backend_pid()";
    let gone: Vec<Gone> = app.db.query(listening).fetch_all().await.unwrap();
    gone.len()
}

/// Also when somebody on this server has yet to be told that the turn before is over.
async fn who_joins_reads_the_turn_that_runs_now(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let (_other, there) = beside(&app, &ann).await;
    let mut lingering = Vec::new();
    for round in 0..12 {
        let gate = Gate::default();
        app.model.replies([held("one two three", 2, &gate)]);
        let mut first = ann.ask(&conversation, &format!("{round}")).await;
        let start = first.next().await.unwrap();
        let mut watching = there.watch(&conversation).await;
        let joined = watching.next().await.unwrap();
        assert_eq!(
            joined.data["assistant_message"]["id"], start.data["assistant_message"]["id"],
            "round {round}: it reads the turn before"
        );
        lingering.push(tokio::spawn(async move { watching.rest().await }));
        gate.open();
        assert_eq!(first.rest().await.pop().unwrap().name, "finish");
    }
    for reader in lingering {
        let events = reader.await.unwrap();
        assert_eq!(events.last().unwrap().name, "finish");
        assert_eq!(text(&events), "one two three");
    }
    eventually("nobody is left behind", async || {
        (send(there.watching(&conversation)).await.status == 204).then_some(())
    })
    .await;
}
