//! Two servers on one database: what is done on one goes for the other.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::keys::keyed;
use super::replicas::{beside, deafen};
use super::{ann, asked, held, on_postgres, pieces, say, stop};
use crate::support::client::send;
use crate::support::events::{Events, check_whole};
use crate::support::model_server::{End, Gate, Reply, openai_answer};
use crate::support::{Client, TestApp};

on_postgres! {
    an_answer_is_stopped_from_the_other,
    a_stop_gets_through_without_notifications,
    a_second_question_is_refused_on_the_other,
    a_second_question_with_a_key_is_refused_on_the_other,
    a_key_finds_its_turn_on_the_other,
    twenty_at_once_on_both_are_one_turn,
    questions_at_once_on_both_are_answered_one_at_a_time,
    what_is_deleted_on_one_ends_its_turns_on_the_other_at_once,
}

async fn an_answer_is_stopped_from_the_other(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let (_other, there) = beside(&app, &ann).await;
    let mut times = Vec::new();
    for round in 1..=4 {
        let silent = openai_answer("one two three", None).pieces(3);
        let said = if round % 2 == 0 { "" } else { "one two " };
        app.model.replies([if said.is_empty() {
            Reply::silence()
        } else {
            silent.end(End::Silence)
        }]);
        let running = say(&ann, &conversation, "Hello");
        asked(&app, round).await;
        let mut here = ann.watch(&conversation).await;
        let mut events = here.until_text(said.len()).await;
        let nobody = json!({ "message_id": "00000000-0000-4000-8000-000000000000" });
        assert_eq!(stop(&there, &conversation, nobody).await["stopped"], false);
        let start = Instant::now();
        let (stopped, ()) = tokio::join!(
            stop(&there, &conversation, json!({})),
            app.model.server.clients_left(round)
        );
        times.push(start.elapsed());
        assert_eq!(stopped["stopped"], true);
        assert_eq!(stopped["message"]["content"], said);
        assert_eq!(stopped["message"]["status"], "stopped");
        events.extend(here.rest().await);
        let turn = running.await.unwrap().expect(200);
        assert_eq!(turn["assistant_message"], stopped["message"]);
        let again = stop(&there, &conversation, json!({})).await;
        assert_eq!(again, json!({ "stopped": false, "message": null }));
    }
    // By a notification, not because somebody looks every now and then.
    assert!(
        times.iter().any(|time| *time < Duration::from_millis(800)),
        "{times:?}"
    );
}

async fn a_stop_gets_through_without_notifications(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let (_other, there) = beside(&app, &ann).await;
    app.model.replies([Reply::silence()]);
    let running = say(&ann, &conversation, "Hello");
    asked(&app, 1).await;
    // Again and again, so that it comes to nobody's ears.
    let deafening = async {
        let mut cut = 0;
        loop {
            cut += deafen(&app).await;
            if !app.model.server.nobody_left() {
                return cut;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let start = Instant::now();
    let (stopped, cut) = tokio::join!(stop(&there, &conversation, json!({})), deafening);
    assert!(cut > 0, "nobody listened");
    assert_eq!(stopped["message"]["status"], "stopped");
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    running.await.unwrap().expect(200);
}

async fn a_second_question_is_refused_on_the_other(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let (_other, there) = beside(&app, &ann).await;
    app.model.replies([Reply::silence()]);
    let mut events = ann.ask(&conversation, "Hello").await;
    let answer = events.next().await.unwrap().data["assistant_message"]["id"].clone();
    for request in [
        there.asking(&conversation, "More"),
        there
            .asking(&conversation, "More")
            .header("accept", "application/json"),
    ] {
        let refused = send(request).await;
        assert_eq!(refused.status, 409, "{}", refused.text);
        assert_eq!(refused.json["message_id"], answer);
    }
    stop(&there, &conversation, json!({})).await;
    there.say(&conversation, "And now?").await.expect(200);
}

async fn a_second_question_with_a_key_is_refused_on_the_other(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let (_other, there) = beside(&app, &ann).await;
    app.model.replies([Reply::silence()]);
    let mut events = ann.ask(&conversation, "Hello").await;
    let answer = events.next().await.unwrap().data["assistant_message"]["id"].clone();
    let refused = send(keyed(&there, &conversation, "key", "More")).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert_eq!(refused.json["message_id"], answer);
}

async fn a_key_finds_its_turn_on_the_other(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let (_other, there) = beside(&app, &ann).await;
    let gate = Gate::default();
    app.model.replies([held("one two three", 2, &gate)]);
    let ask = |client: &Client| {
        keyed(client, &conversation, "key", "Hello").header("accept", "text/event-stream")
    };
    let mut first = Events::open(ask(&ann)).await;
    let mut here = first.until_text(8).await;
    let mut second = Events::open(ask(&there)).await;
    let mut elsewhere = second.until_text(8).await;
    let waiting = tokio::spawn(send(keyed(&there, &conversation, "key", "Hello")));
    let other = send(keyed(&there, &conversation, "key", "Bye")).await;
    assert_eq!(other.status, 422, "{}", other.text);
    gate.open();
    here.extend(first.rest().await);
    elsewhere.extend(second.rest().await);
    let end = check_whole(&here);
    assert_eq!(check_whole(&elsewhere).essence(), end.essence());
    let turn = waiting.await.unwrap().expect(200);
    assert_eq!(turn["assistant_message"], end.data["assistant_message"]);
    assert_eq!(app.model.server.calls(), 1);
    // It is over, and still the same.
    let again = send(keyed(&there, &conversation, "key", "Hello")).await;
    again.is(200, &turn);
}

async fn twenty_at_once_on_both_are_one_turn(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let (_other, there) = beside(&app, &ann).await;
    for round in 1..=6 {
        let key = format!("key-{round}");
        let asking: Vec<_> = (0..20)
            .map(|number| {
                let client = if number % 2 == 0 { &ann } else { &there };
                tokio::spawn(send(keyed(client, &conversation, &key, "Hello")))
            })
            .collect();
        let mut turns: Vec<Value> = Vec::new();
        for asking in asking {
            turns.push(asking.await.unwrap().expect(200));
        }
        assert!(turns.iter().all(|turn| *turn == turns[0]), "{turns:?}");
        assert_eq!(turns[0]["assistant_message"]["status"], "complete");
        assert_eq!(app.model.server.calls(), round);
    }
}

async fn questions_at_once_on_both_are_answered_one_at_a_time(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let (_other, there) = beside(&app, &ann).await;
    let mut answered = 0;
    for round in 0..5 {
        app.model
            .replies((0..12).map(|_| openai_answer("Yes", None).delay(Duration::from_millis(100))));
        let asking: Vec<_> = (0..12)
            .map(|number| {
                let client = if number % 2 == 0 { &ann } else { &there };
                say(client, &conversation, &format!("{round} {number}"))
            })
            .collect();
        for asking in asking {
            let answer = asking.await.unwrap();
            assert!([200, 409].contains(&answer.status), "{}", answer.text);
            answered += usize::from(answer.status == 200);
        }
        app.model.forget_replies();
    }
    assert!(answered >= 5);
    assert_eq!(app.model.server.calls(), answered);
    assert_eq!(ann.messages(&conversation).await.len(), 2 * answered);
}

async fn what_is_deleted_on_one_ends_its_turns_on_the_other_at_once(app: TestApp) {
    let ann = app.register("ann").await;
    let (_other, there) = beside(&app, &ann).await;
    for (turn, room) in (1..).zip(["conversations", "agents", "users"]) {
        let agent = ann.agent(json!({ "name": room })).await;
        let conversation = ann.conversation_with(&agent).await;
        app.model.replies([openai_answer("one two three", None)
            .pieces(3)
            .end(End::Silence)]);
        let running = say(&ann, &conversation, "Hello");
        asked(&app, turn).await;
        let mut here = ann.watch(&conversation).await;
        let mut elsewhere = there.watch(&conversation).await;
        elsewhere.until_text(8).await;
        let id = match room {
            "conversations" => conversation,
            "agents" => agent,
            _ => ann.id().to_owned(),
        };
        let start = Instant::now();
        there
            .delete(&format!("/api/{room}/{id}/"))
            .await
            .expect(204);
        app.model.server.clients_left(turn).await;
        assert!(
            start.elapsed() < Duration::from_millis(1500),
            "{room}: {:?}",
            start.elapsed()
        );
        for reader in [&mut here, &mut elsewhere] {
            let last = reader.rest().await.pop().unwrap();
            assert_eq!(
                (&*last.name, &last.data["code"]),
                ("error", &json!("deleted"))
            );
        }
        let not_found = json!({ "detail": "Not found." });
        running.await.unwrap().is(404, &not_found);
        assert_eq!(pieces(&app.db).await, 0);
    }
}
