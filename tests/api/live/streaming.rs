//! What an event stream says, and how.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{ann, asked, more_conversations, paced, say, stop, thoughtful, words};
use crate::support::client::send;
use crate::support::events::{Events, check_whole, names, reasoning, text};
use crate::support::model_server::{Reply, openai_answer};
use crate::support::{TestApp, on_each_database};

on_each_database! {
    a_turn_is_told_from_start_to_finish,
    a_stream_is_one_that_proxies_let_through,
    a_stream_begins_before_the_model_does,
    streams_are_asked_for_by_header_or_by_body,
    refusals_before_the_stream_are_json,
    words_are_passed_on_as_the_model_says_them,
    whatever_characters_a_model_sends_arrive,
    other_methods_are_answered_as_everywhere,
    many_answers_at_once_are_each_whole,
}

async fn a_turn_is_told_from_start_to_finish(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let chunks = thoughtful(&["Hm, ", "a greeting."], &["Good ", "day, ", "größte 🦀."]);
    app.model.replies([Reply::events(&chunks)]);
    let events = ann.ask(&conversation, "Hello").await.rest().await;
    let last = check_whole(&events);
    assert_eq!(
        names(&events),
        ["start", "reasoning", "delta", "usage", "finish"]
    );
    assert_eq!(text(&events), "Good day, größte 🦀.");
    assert_eq!(reasoning(&events), "Hm, a greeting.");
    let messages = ann.messages(&conversation).await;

    let start = &events[0].data;
    assert_eq!(start.as_object().unwrap().len(), 2);
    assert_eq!(start["user_message"], messages[0]);
    let mut pending = messages[1].clone();
    for field in [
        "tokens_used",
        "prompt_tokens",
        "completion_tokens",
        "finish_reason",
        "reasoning",
        "left_out",
    ] {
        pending[field] = Value::Null;
    }
    (pending["status"], pending["content"]) = (json!("pending"), json!(""));
    let mut told = start["assistant_message"].clone();
    // Whether something was left out may be known before the model answers.
    told["left_out"] = Value::Null;
    assert_eq!(told, pending);

    let usage = &events[events.len() - 2];
    assert_eq!(
        usage.data,
        json!({ "prompt_tokens": 5, "completion_tokens": 6, "tokens_used": 11, "estimated": false })
    );
    assert_eq!(
        last.data,
        json!({ "status": "complete", "finish_reason": "stop", "assistant_message": messages[1] })
    );
    assert_eq!(messages[1]["reasoning"], "Hm, a greeting.");
    assert!(events.iter().all(|event| event.id < 1 << 53));
    assert!(
        events[1..events.len() - 2]
            .iter()
            .all(|event| event.data.as_object().unwrap().len() == 1)
    );
}

async fn a_stream_is_one_that_proxies_let_through(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    app.model.replies([paced(5, Duration::from_millis(100))]);
    let mut asking = Events::open(
        ann.asking(&conversation, "Hello")
            .header("accept-encoding", "gzip, br, deflate"),
    )
    .await;
    let watching = ann.watch(&conversation).await;
    for stream in [&asking, &watching] {
        for (name, value) in [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-cache, no-transform"),
            ("x-accel-buffering", "no"),
        ] {
            assert_eq!(stream.headers[name], value);
        }
        for name in ["content-length", "content-encoding"] {
            assert_eq!(stream.headers.get(name), None);
        }
    }
    assert_eq!(text(&asking.rest().await), words(5).trim_end());
}

async fn a_stream_begins_before_the_model_does(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    app.model.replies([Reply::silence()]);
    let mut events = ann.ask(&conversation, "Hello").await;
    let start = events.next().await.unwrap();
    assert_eq!((start.name.as_str(), events.comments.len()), ("start", 1));
    // It is in the database by then.
    let messages = ann.messages(&conversation).await;
    assert_eq!(start.data["user_message"], messages[0]);
    assert_eq!(start.data["assistant_message"]["id"], messages[1]["id"]);
    let mut watching = ann.watch(&conversation).await;
    assert_eq!(
        watching.next().await.unwrap().essence(),
        start.essence(),
        "another reader is told something else"
    );
    assert_eq!(watching.comments.len(), 1);
}

async fn streams_are_asked_for_by_header_or_by_body(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let path = format!("/api/conversations/{conversation}/send_message/");
    let json = "application/json";
    for (accept, body, streams) in [
        (Some("text/event-stream"), json!({}), true),
        (Some("TEXT/Event-Stream;q=0.9"), json!({}), true),
        (Some("application/json, text/event-stream"), json!({}), true),
        (Some("text/event-stream"), json!({ "stream": false }), false),
        (Some("text/event-stream"), json!({ "stream": true }), true),
        (Some(json), json!({ "stream": true }), true),
        (None, json!({ "stream": true }), true),
        (None, json!({ "stream": "true" }), true),
        (None, json!({ "stream": false }), false),
        (Some("*/*"), json!({}), false),
        (Some(json), json!({}), false),
        (None, json!({}), false),
    ] {
        let mut sent = body.clone();
        sent["content"] = json!("Hello");
        for path in [&*path, path.trim_end_matches('/')] {
            let request = ann
                .request("POST", path)
                .header("content-type", json)
                .body(sent.to_string());
            let answer = send(match accept {
                Some(accept) => request.header("accept", accept),
                None => request,
            })
            .await;
            assert_eq!(answer.status, 200, "{accept:?} {body}: {}", answer.text);
            let expected = if streams { "text/event-stream" } else { json };
            assert_eq!(
                answer.header("content-type"),
                Some(expected),
                "{accept:?} {body}"
            );
        }
    }
    let neither = ann.request("POST", &path).header("accept", "text/html");
    assert_eq!(send(neither).await.status, 406);
    let bad = ann
        .post(&path, json!({ "content": "Hello", "stream": "maybe" }))
        .await;
    bad.is(400, &json!({ "stream": ["Must be a valid boolean."] }));
}

async fn refusals_before_the_stream_are_json(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let busy = super::more_conversations(&ann, 1).await.remove(0);
    app.model.replies([Reply::silence()]);
    let running = say(&ann, &busy, "Hello");
    asked(&app, 1).await;
    let nobody = "00000000-0000-4000-8000-000000000000";
    let (path, long_key) = (
        format!("/api/conversations/{conversation}/"),
        "x".repeat(256),
    );
    let request = |client: &crate::support::Client, conversation: &str, body: &'static str| {
        client
            .request(
                "POST",
                &format!("/api/conversations/{conversation}/send_message/"),
            )
            .header("accept", "text/event-stream")
            .header("content-type", "application/json")
            .body(body)
    };
    let good = r#"{"content": "Hello", "stream": true}"#;
    for (status, request) in [
        (401, request(&app.stranger(), &conversation, good)),
        (
            401,
            request(&ann.with_token("nonsense"), &conversation, good),
        ),
        (404, request(&ann, nobody, good)),
        (404, request(&ann, "nonsense", good)),
        (400, request(&ann, &conversation, "{}")),
        (400, request(&ann, &conversation, r#"{"content": " "}"#)),
        (400, request(&ann, &conversation, "{ broken")),
        (
            400,
            request(&ann, &conversation, good).header("idempotency-key", &long_key),
        ),
        (
            415,
            ann.request("POST", &format!("{path}send_message/"))
                .header("accept", "text/event-stream")
                .header("content-type", "text/plain")
                .body("Hello"),
        ),
        (409, request(&ann, &busy, good)),
    ] {
        let answer = send(request).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(answer.json.is_object(), "{}", answer.text);
    }
    assert_eq!(app.model.server.calls(), 1);
    assert!(ann.messages(&conversation).await.is_empty());
    stop(&ann, &busy, json!({})).await;
    running.await.unwrap().expect(200);
}

async fn words_are_passed_on_as_the_model_says_them(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let pace = Duration::from_millis(100);
    app.model.replies([paced(8, pace)]);
    let events = ann.ask(&conversation, "Hello").await.rest().await;
    check_whole(&events);
    let deltas: Vec<_> = events
        .iter()
        .filter(|event| event.name == "delta")
        .collect();
    // On a busy machine two words may come together, but most do not.
    assert!(deltas.len() >= 5, "{} deltas of 8 words", deltas.len());
    let times: Vec<_> = deltas
        .windows(2)
        .map(|pair| pair[1].at - pair[0].at)
        .collect();
    let apart = times.iter().filter(|time| **time > pace / 4).count();
    assert!(apart >= 4, "{times:?}");
    assert!(events.last().unwrap().at - deltas[0].at > pace * 5);
}

async fn whatever_characters_a_model_sends_arrive(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let said = "line\nline\r\nline\r\u{2028}\u{85}\"quoted\" \\ \ndata: no event\n\n: no comment\nid: 7\n\n🦀\u{200d}\u{feff} end\n";
    app.model.replies([openai_answer(said, None).cut(3)]);
    let events = ann.ask(&conversation, "Hello").await.rest().await;
    check_whole(&events);
    assert_eq!(text(&events), said);
    assert_eq!(ann.messages(&conversation).await[1]["content"], said);
    app.model.replies([openai_answer("nul \0 here", None)]);
    let events = ann.ask(&conversation, "Hello").await.rest().await;
    check_whole(&events);
    assert_eq!(text(&events), "nul \u{fffd} here");
}

async fn other_methods_are_answered_as_everywhere(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    for (room, method, allow) in [
        ("send_message", "POST", ["OPTIONS", "POST"].as_slice()),
        ("stop", "POST", &["OPTIONS", "POST"]),
        ("stream", "GET", &["GET", "HEAD", "OPTIONS"]),
    ] {
        let path = format!("/api/conversations/{conversation}/{room}/");
        let options = ann.send("OPTIONS", &path, None).await;
        assert_eq!(options.status, 200, "{room}: {}", options.text);
        assert_eq!(options.list("allow"), allow);
        for other in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if other != method {
                let answer = ann.send(other, &path, None).await;
                assert_eq!(answer.status, 405, "{other} {room}: {}", answer.text);
                assert_eq!(answer.list("allow"), allow);
            }
        }
    }
    let head = |room: &str| {
        let path = format!("/api/conversations/{conversation}/{room}/");
        ann.request("HEAD", &path)
            .header("accept", "text/event-stream")
    };
    assert_eq!(send(head("send_message")).await.status, 405);
    assert_eq!(send(head("stop")).await.status, 406);
    assert_eq!(send(head("stream")).await.status, 204);
    app.model.replies([Reply::silence()]);
    let running = say(&ann, &conversation, "Hello");
    asked(&app, 1).await;
    // The head alone, at once, although the answer goes on.
    let start = Instant::now();
    let answer = send(head("stream")).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert!(start.elapsed() < Duration::from_secs(10));
    stop(&ann, &conversation, json!({})).await;
    running.await.unwrap().expect(200);
}

async fn many_answers_at_once_are_each_whole(app: TestApp) {
    const STREAMS: usize = 120;
    let ann = app.register("ann").await;
    let conversations = more_conversations(&ann, STREAMS).await;
    app.model
        .replies((0..STREAMS).map(|_| paced(20, Duration::from_millis(20))));
    let reading: Vec<_> = conversations
        .iter()
        .map(|conversation| {
            let request = ann.asking(conversation, "Hello");
            tokio::spawn(async move { Events::open(request).await.rest().await })
        })
        .collect();
    for reading in reading {
        let events = reading.await.unwrap();
        let last = check_whole(&events);
        assert_eq!(last.data["status"], "complete");
        assert_eq!(text(&events), words(20).trim_end());
    }
    assert_eq!(super::pieces(&app.db).await, 0);
}
