//! Joining a turn that runs: from its beginning, or from where one was.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{ann, asked, held, more_conversations, say, stop, thoughtful, words};
use crate::support::app::run;
use crate::support::client::send;
use crate::support::events::{Event, Events, check_whole, reasoning, text};
use crate::support::model_server::{Gate, Reply, openai_answer};
use crate::support::{Kind, TestApp, eventually, on_each_database};

on_each_database! {
    a_reader_may_go_on_after_any_event,
    ids_that_are_none_of_this_turns_mean_its_beginning,
    an_id_of_another_turn_means_the_beginning,
    a_place_within_a_character_is_its_beginning,
    there_is_nothing_to_join_when_nothing_runs,
    only_its_owner_joins_a_turn,
    readers_that_join_anywhere_read_the_same,
    who_joins_at_the_end_reads_all_or_learns_that_it_is_over,
}

/// Takes 16 seconds, so once.
#[test]
fn silence_is_filled_with_comments() {
    run(Kind::Sqlite, a_silent_stream_has_comments);
}

async fn a_reader_may_go_on_after_any_event(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let (gate, thoughts) = (Gate::default(), ["Hm, ", "größer ", "🦀 "]);
    let said = words(12);
    let said: Vec<_> = said.split_inclusive(' ').collect();
    let reply = Reply::events(&thoughtful(&thoughts, &said))
        .pace(Duration::from_millis(10))
        .hold(15, &gate);
    app.model.replies([reply]);
    let mut first = ann.ask(&conversation, "Hello").await;
    let mut whole = first.until_text(words(12).len()).await;
    let mut readers = Vec::new();
    for event in &whole {
        let id = event.id.to_string();
        let by_header = ann.watching(&conversation).header("last-event-id", &id);
        readers.push((event.id, Events::open(by_header).await));
        let path = format!("/api/conversations/{conversation}/stream/?last_event_id={id}");
        readers.push((event.id, Events::open(ann.request("GET", &path)).await));
    }
    assert!(readers.len() >= 8, "{} events at once", whole.len());
    gate.open();
    whole.extend(first.rest().await);
    check_whole(&whole);
    assert_eq!(reasoning(&whole), thoughts.concat());
    for (id, mut reader) in readers {
        let rest = reader.rest().await;
        let behind: Vec<_> = whole
            .iter()
            .filter(|event| event.id > id)
            .cloned()
            .collect();
        assert_eq!(
            (reasoning(&rest), text(&rest)),
            (reasoning(&behind), text(&behind)),
            "after {id}"
        );
        assert!(
            rest.iter()
                .all(|event| event.id > id && event.name != "start")
        );
        assert!(rest.is_sorted_by(|before, after| before.id < after.id));
        let last = |events: &[Event]| -> Vec<_> {
            events[events.len() - 2..]
                .iter()
                .map(|event| (event.id, event.name.clone(), event.data.clone()))
                .collect()
        };
        assert_eq!(last(&rest), last(&whole), "after {id}");
    }
}

async fn ids_that_are_none_of_this_turns_mean_its_beginning(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    // Some time ago.
    let old = ann.ask(&conversation, "Hello").await.rest().await;
    let old_id = old.last().unwrap().id.to_string();
    let gate = Gate::default();
    app.model.replies([held("one two three", 2, &gate)]);
    let mut first = ann.ask(&conversation, "Again").await;
    let mut whole = first.until_text(8).await;
    let start = whole[0].id;
    let mut readers = Vec::new();
    for id in [
        "",
        " ",
        "nonsense",
        "0",
        "-1",
        "1.5",
        "1e3",
        "١",
        "99999999999999999999999999",
        &old_id,
        &(start - 1).to_string(),
    ] {
        let by_header = ann.watching(&conversation).header("last-event-id", id);
        readers.push((id.to_owned(), Events::open(by_header).await));
        let path = format!("/api/conversations/{conversation}/stream/");
        let by_query = ann.request("GET", &path).query(&[("last_event_id", id)]);
        readers.push((id.to_owned(), Events::open(by_query).await));
    }
    gate.open();
    whole.extend(first.rest().await);
    for (id, mut reader) in readers {
        let events = reader.rest().await;
        check_whole(&events);
        assert_eq!(text(&events), text(&whole), "{id:?}");
    }
}

/// An id that is behind all that this turn has said so far was told of another one.
async fn an_id_of_another_turn_means_the_beginning(app: TestApp) {
    let ann = app.register("ann").await;
    let conversations = more_conversations(&ann, 2).await;
    let gate = Gate::default();
    app.model.replies([
        held("one two three", 2, &gate),
        held("four five six", 2, &gate),
    ]);
    let mut first = ann.ask(&conversations[0], "Hello").await;
    first.until_text(8).await;
    // A later turn has greater ids.
    let mut second = ann.ask(&conversations[1], "Hello").await;
    let foreign = second.until_text(9).await.pop().unwrap().id;
    for id in [foreign, foreign + 1_000_000_000, 1 << 52, u64::MAX] {
        let mut reader = ann.watch_after(&conversations[0], id).await;
        let first = timeout(Duration::from_secs(10), reader.next()).await;
        let first = first.unwrap_or_else(|_| panic!("nothing is told after {id}"));
        assert_eq!(first.unwrap().name, "start", "{id}");
        assert_eq!(text(&reader.until_text(8).await), "one two ", "{id}");
    }
    gate.open();
    assert_eq!(text(&first.rest().await), "three");
}

async fn a_place_within_a_character_is_its_beginning(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let gate = Gate::default();
    app.model.replies([held("a🦀ö語 end", 1, &gate)]);
    let mut first = ann.ask(&conversation, "Hello").await;
    let read = first.until_text(11).await;
    let start = read[0].id;
    let mut readers = Vec::new();
    for (byte, behind) in [
        (0, "a🦀ö語 end"),
        (1, "🦀ö語 end"),
        (2, "🦀ö語 end"),
        (4, "🦀ö語 end"),
        (5, "ö語 end"),
        (6, "ö語 end"),
        (9, "語 end"),
        (11, "end"),
    ] {
        let reader = ann.watch_after(&conversation, start + byte).await;
        readers.push((byte, behind, reader));
    }
    gate.open();
    first.rest().await;
    for (byte, behind, mut reader) in readers {
        assert_eq!(text(&reader.rest().await), behind, "after byte {byte}");
    }
}

async fn there_is_nothing_to_join_when_nothing_runs(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let none = async || {
        let answer = send(ann.watching(&conversation)).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
        // As plain JSON clients ask.
        let path = format!("/api/conversations/{conversation}/stream");
        assert_eq!(ann.get(&path).await.status, 204);
    };
    none().await;
    let events = ann.ask(&conversation, "Hello").await.rest().await;
    none().await;
    let last = events.last().unwrap().id.to_string();
    let again = ann.watching(&conversation).header("last-event-id", last);
    assert_eq!(send(again).await.status, 204);
    ann.say(&conversation, "Again").await.expect(200);
    none().await;
    app.model.replies([Reply::silence()]);
    let running = say(&ann, &conversation, "And again");
    asked(&app, 3).await;
    let mut watching = ann.watch(&conversation).await;
    assert_eq!(watching.next().await.unwrap().name, "start");
    stop(&ann, &conversation, json!({})).await;
    none().await;
    running.await.unwrap().expect(200);
}

async fn only_its_owner_joins_a_turn(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let bob = app.register("bob").await;
    app.model.replies([Reply::silence()]);
    let running = say(&ann, &conversation, "Hello");
    asked(&app, 1).await;
    let not_found = json!({ "detail": "Not found." });
    send(bob.watching(&conversation)).await.is(404, &not_found);
    for unknown in ["00000000-0000-4000-8000-000000000000", "nonsense"] {
        send(ann.watching(unknown)).await.is(404, &not_found);
    }
    let stranger = send(app.stranger().watching(&conversation)).await;
    assert_eq!(stranger.status, 401);
    stop(&ann, &conversation, json!({})).await;
    running.await.unwrap().expect(200);
}

async fn readers_that_join_anywhere_read_the_same(app: TestApp) {
    const READERS: usize = 200;
    let (ann, conversation) = ann(&app).await;
    let reply = openai_answer(&words(150), Some((1, 2)));
    app.model.replies([reply.pace(Duration::from_millis(20))]);
    let mut first = ann.ask(&conversation, "Hello").await;
    let start = first.next().await.unwrap();
    let beginning = Instant::now();
    let readers: Vec<_> = (0..READERS)
        .map(|number| {
            // Spread over the time that the answer takes, in no order.
            let delay = Duration::from_millis((number as u64 * 7919) % 2500);
            let request = ann.watching(&conversation);
            tokio::spawn(async move {
                sleep(delay).await;
                Events::open(request).await.rest().await
            })
        })
        .collect();
    let mut whole = vec![start];
    whole.extend(first.rest().await);
    assert!(beginning.elapsed() > Duration::from_millis(2500));
    check_whole(&whole);
    assert_eq!(text(&whole), words(150));
    for reader in readers {
        let events = reader.await.unwrap();
        assert_eq!(events[0].essence(), whole[0].essence());
        check_whole(&events);
        assert_eq!(
            events.last().unwrap().essence(),
            whole.last().unwrap().essence()
        );
        assert_eq!(text(&events), text(&whole));
    }
}

async fn who_joins_at_the_end_reads_all_or_learns_that_it_is_over(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let mut joined = 0;
    for round in 0..40_u64 {
        let gate = Gate::default();
        app.model.replies([held("one two three", 2, &gate)]);
        let mut first = ann.ask(&conversation, "Hello").await;
        first.until_text(8).await;
        let joining: Vec<_> = (0..4)
            .map(|number| {
                let request = ann.watching(&conversation);
                tokio::spawn(async move {
                    sleep(Duration::from_micros(round * 100 + number * 300)).await;
                    send(request).await
                })
            })
            .collect();
        gate.open();
        let last = first.rest().await.pop().unwrap();
        assert_eq!(last.name, "finish");
        for answer in joining {
            let answer = answer.await.unwrap();
            if answer.status == 204 {
                continue;
            }
            joined += 1;
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert!(
                answer.text.starts_with(":\n\n") && answer.text.contains("event: start\n"),
                "{}",
                answer.text
            );
            let (_, end) = answer.text.rsplit_once("event: ").unwrap();
            assert_eq!(
                end,
                format!("finish\ndata: {}\n\n", last_data(&answer.text)),
                "it does not end with the end"
            );
            let told: serde_json::Value = serde_json::from_str(last_data(&answer.text)).unwrap();
            assert_eq!(told, last.data);
        }
        // Whoever was told of the end may go on at once.
        assert_eq!(send(ann.watching(&conversation)).await.status, 204);
    }
    assert!(joined > 0, "nobody came in time");
}

fn last_data(stream: &str) -> &str {
    let (_, last) = stream.rsplit_once("data: ").unwrap();
    last.trim_end()
}

async fn a_silent_stream_has_comments(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let gate = Gate::default();
    app.model.replies([held("one two three", 2, &gate)]);
    let mut first = ann.ask(&conversation, "Hello").await;
    first.until_text(8).await;
    let silence = Instant::now();
    let second = ann.watch(&conversation).await;
    let reading = [first, second]
        .map(|mut reader| tokio::spawn(async move { (reader.rest().await, reader.comments) }));
    sleep(Duration::from_millis(16_500)).await;
    gate.open();
    for reading in reading {
        let (events, comments) = reading.await.unwrap();
        assert!(text(&events).ends_with("three"));
        assert_eq!(comments.len(), 2, "{comments:?}");
        let pause = comments[1].duration_since(silence);
        assert!(
            (Duration::from_millis(14_500)..Duration::from_millis(16_500)).contains(&pause),
            "{pause:?}"
        );
    }
    eventually("it is over", async || {
        (send(ann.watching(&conversation)).await.status == 204).then_some(())
    })
    .await;
}
