//! Stopping an answer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{ann, asked, held, pieces, say, stop};
use crate::support::client::id;
use crate::support::events::{check_whole, names, text};
use crate::support::model_server::{End, Gate, Reply, ollama_answer, openai_answer};
use crate::support::{TestApp, on_each_database};

on_each_database! {
    an_answer_is_stopped_before_its_first_word,
    an_answer_is_stopped_in_the_middle_and_its_text_kept,
    the_provider_learns_of_a_stop_at_once,
    ollama_learns_of_a_stop_too,
    there_is_nothing_to_stop_when_nothing_runs,
    a_stop_that_was_meant_for_an_older_answer_stops_nothing,
    who_stops_at_once_is_told_the_same,
    a_stop_as_the_answer_ends_tells_how_it_ended,
    only_its_owner_stops_a_turn,
    a_bad_request_to_stop_is_refused,
}

/// What somebody is told who stops nothing.
fn nothing() -> Value {
    json!({ "stopped": false, "message": null })
}

async fn an_answer_is_stopped_before_its_first_word(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    app.model.replies([Reply::silence()]);
    let running = say(&ann, &conversation, "Hello");
    asked(&app, 1).await;
    let mut watching = ann.watch(&conversation).await;
    let stopped = stop(&ann, &conversation, json!({})).await;
    let answer = &stopped["message"];
    assert_eq!(stopped, json!({ "stopped": true, "message": answer }));
    assert_eq!(
        (&answer["status"], &answer["content"]),
        (&json!("stopped"), &json!(""))
    );
    assert_eq!(
        (&answer["error"], &answer["error_code"]),
        (&Value::Null, &Value::Null)
    );
    let turn = running.await.unwrap().expect(200);
    assert_eq!(turn["assistant_message"], *answer);
    let events = watching.rest().await;
    let last = check_whole(&events);
    assert_eq!(
        (&*last.name, &last.data["status"]),
        ("finish", &json!("stopped"))
    );
    assert_eq!(last.data["assistant_message"], *answer);
    assert_eq!(ann.messages(&conversation).await[1], *answer);
    app.model.server.client_left().await;
    // The next question is asked without it.
    ann.say(&conversation, "And now?").await.expect(200);
    let told = app.model.last_asked().body["messages"].clone();
    assert_eq!(
        told.as_array().unwrap()[1..],
        [
            json!({ "role": "user", "content": "Hello" }),
            json!({ "role": "user", "content": "And now?" })
        ]
    );
}

async fn an_answer_is_stopped_in_the_middle_and_its_text_kept(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let gate = Gate::default();
    app.model.replies([held("größer 🦀 never", 2, &gate)]);
    let running = say(&ann, &conversation, "Hello");
    asked(&app, 1).await;
    let mut watching = ann.watch(&conversation).await;
    let mut events = watching.until_text("größer 🦀 ".len()).await;
    let meant = events[0].data["assistant_message"]["id"].clone();
    let stopped = stop(&ann, &conversation, json!({ "message_id": meant })).await;
    assert_eq!(stopped["stopped"], true);
    let answer = &stopped["message"];
    assert_eq!(
        (&answer["status"], &answer["content"], &answer["id"]),
        (&json!("stopped"), &json!("größer 🦀 "), &meant)
    );
    events.extend(watching.rest().await);
    assert_eq!(check_whole(&events).data["assistant_message"], *answer);
    // The provider did not get to tell what it cost.
    assert_eq!(names(&events), ["start", "delta", "usage", "finish"]);
    assert_eq!(
        (&answer["usage_estimated"], &events[events.len() - 2].data),
        (
            &json!(true),
            &json!({
                "prompt_tokens": answer["prompt_tokens"], "completion_tokens": answer["completion_tokens"],
                "tokens_used": answer["tokens_used"], "estimated": true,
            })
        )
    );
    assert!(answer["completion_tokens"].as_i64().unwrap() > 0);
    let turn = running.await.unwrap().expect(200);
    assert_eq!(turn["assistant_message"], *answer);
    app.model.server.client_left().await;
    assert_eq!(pieces(&app.db).await, 0);
    ann.say(&conversation, "Go on").await.expect(200);
    let told = app.model.last_asked().body["messages"].clone();
    assert_eq!(
        told.as_array().unwrap()[1..],
        [
            json!({ "role": "user", "content": "Hello" }),
            json!({ "role": "assistant", "content": "größer 🦀 " }),
            json!({ "role": "user", "content": "Go on" })
        ]
    );
    let listed = ann.get("/api/conversations/").await.expect(200)["results"][0].clone();
    assert_eq!(listed["message_count"], 4);
}

/// Within 200 ms, of which the machine may be too busy for now and then, but not always.
async fn the_provider_learns_of_a_stop_at_once(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let mut times = Vec::new();
    for round in 1..=6 {
        let silent = openai_answer("one two three", None).pieces(3);
        let is_early = round % 2 == 0;
        app.model.replies([if is_early {
            Reply::silence()
        } else {
            silent.end(End::Silence)
        }]);
        let mut events = ann.ask(&conversation, "Hello").await;
        asked(&app, round).await;
        if !is_early {
            events.until_text(8).await;
        }
        let start = Instant::now();
        let (stopped, ()) = tokio::join!(
            stop(&ann, &conversation, json!({})),
            app.model.server.clients_left(round)
        );
        times.push((is_early, start.elapsed()));
        assert_eq!(stopped["stopped"], true);
        events.rest().await;
    }
    for early in [true, false] {
        let mut of_kind = times.iter().filter(|(is_early, _)| *is_early == early);
        assert!(
            of_kind.any(|(_, time)| *time < Duration::from_millis(200)),
            "{times:?}"
        );
    }
}

async fn ollama_learns_of_a_stop_too(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({ "llm_provider": "ollama" })).await;
    let conversation = ann.conversation_with(&agent).await;
    let silent = ollama_answer("one two three", None).pieces(2);
    for (round, reply) in [Reply::silence(), silent.end(End::Silence)]
        .into_iter()
        .enumerate()
    {
        app.model.replies([reply]);
        let mut events = ann.ask(&conversation, "Hello").await;
        asked(&app, round + 1).await;
        let said = if round == 0 { "" } else { "one two " };
        events.until_text(said.len()).await;
        let stopped = stop(&ann, &conversation, json!({})).await;
        assert_eq!(stopped["message"]["content"], said);
        app.model.server.clients_left(round + 1).await;
    }
}

async fn there_is_nothing_to_stop_when_nothing_runs(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    assert_eq!(stop(&ann, &conversation, json!({})).await, nothing());
    let turn = ann.say(&conversation, "Hello").await.expect(200);
    let answer = &turn["assistant_message"];
    assert_eq!(stop(&ann, &conversation, json!({})).await, nothing());
    let meant = json!({ "message_id": answer["id"] });
    let told = stop(&ann, &conversation, meant).await;
    assert_eq!(told["stopped"], false);
    assert_eq!(ann.messages(&conversation).await[1], *answer);
    assert!(app.model.server.nobody_left());
}

async fn a_stop_that_was_meant_for_an_older_answer_stops_nothing(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let first = ann.say(&conversation, "Hello").await.expect(200);
    let gate = Gate::default();
    app.model.replies([held("one two three", 1, &gate)]);
    let running = say(&ann, &conversation, "Again");
    asked(&app, 2).await;
    for meant in [
        first["assistant_message"]["id"].clone(),
        first["user_message"]["id"].clone(),
        json!("00000000-0000-4000-8000-000000000000"),
    ] {
        let told = stop(&ann, &conversation, json!({ "message_id": meant })).await;
        assert_eq!(told["stopped"], false, "{told}");
    }
    gate.open();
    let turn = running.await.unwrap().expect(200);
    assert_eq!(
        (
            &turn["assistant_message"]["status"],
            &turn["assistant_message"]["content"]
        ),
        (&json!("complete"), &json!("one two three"))
    );
}

async fn who_stops_at_once_is_told_the_same(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let gate = Gate::default();
    app.model.replies([held("one two three", 1, &gate)]);
    let mut reading = ann.ask(&conversation, "Hello").await;
    let mut events = reading.until_text(4).await;
    let stopping: Vec<_> = (0..8)
        .map(|_| {
            let (ann, conversation) = (ann.clone(), conversation.clone());
            tokio::spawn(async move { stop(&ann, &conversation, json!({})).await })
        })
        .collect();
    events.extend(reading.rest().await);
    let last = check_whole(&events);
    let expected = json!({ "stopped": true, "message": last.data["assistant_message"] });
    let mut stopped = 0;
    for told in stopping {
        let told = told.await.unwrap();
        if told["stopped"] == true {
            stopped += 1;
            assert_eq!(told, expected);
        } else {
            assert_eq!(told, nothing());
        }
    }
    assert!(stopped > 0);
    assert_eq!(stop(&ann, &conversation, json!({})).await, nothing());
    assert_eq!(
        text(&ann.ask(&conversation, "On").await.rest().await),
        "You said: On"
    );
}

/// `stopped` never stands beside an answer that came to its own end.
async fn a_stop_as_the_answer_ends_tells_how_it_ended(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    for round in 0..60_u64 {
        let gate = Gate::default();
        app.model.replies([held("one two three", 2, &gate)]);
        let mut reading = ann.ask(&conversation, "Hello").await;
        let mut events = reading.until_text(8).await;
        gate.open();
        // About as long as the end takes.
        tokio::time::sleep(Duration::from_micros(round * 150)).await;
        let told = stop(&ann, &conversation, json!({})).await;
        events.extend(reading.rest().await);
        let last = check_whole(&events);
        assert_eq!(last.name, "finish");
        let was_stopped = last.data["status"] == "stopped";
        if was_stopped {
            let expected = json!({ "stopped": true, "message": last.data["assistant_message"] });
            assert_eq!(told, expected);
        } else {
            assert_eq!(told["stopped"], false, "it was complete: {told}");
        }
        let stored = ann.messages(&conversation).await.pop().unwrap();
        assert_eq!(stored, last.data["assistant_message"]);
    }
}

async fn only_its_owner_stops_a_turn(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let bob = app.register("bob").await;
    let gate = Gate::default();
    app.model.replies([held("one two three", 1, &gate)]);
    let running = say(&ann, &conversation, "Hello");
    asked(&app, 1).await;
    let not_found = json!({ "detail": "Not found." });
    let path = format!("/api/conversations/{conversation}/stop/");
    bob.post(&path, json!({})).await.is(404, &not_found);
    let stranger = app.stranger().post(&path, json!({})).await;
    assert_eq!(stranger.status, 401);
    for unknown in ["00000000-0000-4000-8000-000000000000", "nonsense"] {
        let path = format!("/api/conversations/{unknown}/stop/");
        ann.post(&path, json!({})).await.is(404, &not_found);
    }
    gate.open();
    let turn = running.await.unwrap().expect(200);
    assert_eq!(turn["assistant_message"]["status"], "complete");
}

async fn a_bad_request_to_stop_is_refused(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    app.model.replies([Reply::silence()]);
    let running = say(&ann, &conversation, "Hello");
    asked(&app, 1).await;
    let path = format!("/api/conversations/{conversation}/stop/");
    for body in [
        r#"{"message_id": "nonsense"}"#,
        r#"{"message_id": []}"#,
        "[]",
        "{",
    ] {
        let answer = ann.post_as(&path, "application/json", body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
    }
    assert!(app.model.server.nobody_left());
    // No body at all will do, and so will no slash.
    let answer = ann.send("POST", path.trim_end_matches('/'), None).await;
    let stopped = answer.expect(200);
    assert_eq!(stopped["stopped"], true);
    let turn = running.await.unwrap().expect(200);
    assert_eq!(id(&turn["assistant_message"]), id(&stopped["message"]));
}
