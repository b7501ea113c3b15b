//! Saying and stopping over a socket.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Socket, events, joined, text};
use crate::support::client::without_text;
use crate::support::model_server::openai_answer;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    what_is_sent_is_answered_and_kept,
    refusals_have_the_words_of_plain_requests,
    nothing_begins_while_an_answer_is_written,
    sending_twice_with_one_key_asks_once,
    an_answer_can_be_stopped,
    nobody_elses_conversation_is_found,
    commands_are_read_while_an_answer_is_stopped,
    a_deactivated_agent_says_nothing,
}

async fn a_deactivated_agent_says_nothing(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({ "is_active": false })).await;
    let conversation = ann.conversation_with(&agent).await;
    let mut socket = Socket::watching(&app, &ann, &conversation).await;
    let refused = socket
        .ask(json!({ "type": "send", "conversation_id": conversation, "content": "Hello" }))
        .await;
    assert_eq!(
        (&refused["type"], &refused["code"], &refused["status"]),
        (&json!("error"), &json!("invalid"), &json!(400))
    );
    let sentence = refused["error"].as_str().unwrap();
    assert!(sentence.starts_with("This agent is deactivated."));
    assert!(ann.messages(&conversation).await.is_empty());
}

async fn what_is_sent_is_answered_and_kept(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let mut socket = Socket::of(&app, &ann).await;
    let content = "  Grüße\n\"x\" 🦀 ";
    socket
        .tell(json!({ "type": "send", "conversation_id": conversation, "content": content }))
        .await;
    let frames = socket.turn().await;
    let message = frames.last().unwrap()["message_id"].clone();
    assert_eq!(
        frames[0],
        json!({ "type": "subscribed", "conversation_id": conversation, "running": true })
    );
    let sent = frames.iter().find(|frame| frame["type"] == "sent").unwrap();
    assert_eq!(
        (&sent["conversation_id"], &sent["message_id"]),
        (&json!(conversation), &message)
    );
    let told = events(&frames);
    assert_eq!(told[0]["user_message"]["content"], content);
    let kept = ann.messages(&conversation).await;
    assert_eq!(
        without_text(&kept[1]),
        told.last().unwrap()["assistant_message"]
    );
    assert_eq!(kept[1]["content"], text(&told));
    assert_eq!(text(&told), format!("You said: {content}"));
    // A number is text, as it is in a plain request.
    socket
        .tell(json!({ "type": "send", "conversation_id": conversation, "content": 1.50 }))
        .await;
    assert_eq!(text(&socket.turn().await), "You said: 1.5");
}

async fn refusals_have_the_words_of_plain_requests(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let path = format!("/api/conversations/{conversation}/send_message/");
    let mut socket = Socket::of(&app, &ann).await;
    for body in [
        json!({}),
        json!({ "content": null }),
        json!({ "content": "" }),
        json!({ "content": " \n " }),
        json!({ "content": ["x"] }),
        json!({ "content": true }),
        json!({ "content": "a\u{0}b" }),
    ] {
        let answer = ann.post(&path, body.clone()).await;
        let mut frame = body.clone();
        frame["type"] = json!("send");
        frame["conversation_id"] = json!(conversation);
        let refusal = socket.ask(frame).await;
        assert_eq!(
            (
                &refusal["type"],
                &refusal["code"],
                &refusal["conversation_id"]
            ),
            (&json!("error"), &json!("invalid"), &json!(conversation)),
        );
        assert_eq!(refusal["status"], json!(answer.status));
        match answer.json.get("error") {
            Some(error) => assert_eq!(&refusal["error"], error),
            None => assert_eq!(refusal["fields"], answer.json),
        }
    }
    for (key, fields) in [("", Value::Null), ("a b", Value::Null), ("🦀", Value::Null)] {
        let refusal = socket
            .ask(json!({
                "type": "send", "conversation_id": conversation, "content": "x", "idempotency_key": key,
            }))
            .await;
        let text = "Idempotency-Key must be 1 to 255 visible ASCII characters";
        assert_eq!(
            (&refusal["error"], &refusal["fields"]),
            (&json!(text), &fields)
        );
        assert_eq!(refusal["idempotency_key"], key);
    }
    let refusal = socket
        .ask(json!({
            "type": "send", "conversation_id": conversation, "content": "x", "idempotency_key": 7,
        }))
        .await;
    assert_eq!(
        refusal["fields"],
        json!({ "idempotency_key": ["Not a valid string."] })
    );
    assert_eq!(app.model.server.calls(), 0);
    // Nothing of this made the socket watch.
    ann.say(&conversation, "Hello").await.expect(200);
    socket.is_quiet(Duration::from_millis(200)).await;
}

async fn nothing_begins_while_an_answer_is_written(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let mut socket = Socket::of(&app, &ann).await;
    app.model
        .replies([openai_answer("a b c d e", None).pace(Duration::from_millis(100))]);
    let send = json!({ "type": "send", "conversation_id": conversation, "content": "Hello" });
    socket.tell(send.clone()).await;
    let mut frames = Vec::new();
    while frames
        .last()
        .is_none_or(|last: &Value| last["type"] != "delta")
    {
        frames.push(socket.next().await);
    }
    socket.tell(send).await;
    frames.extend(socket.turn().await);
    let refusal = frames.iter().find(|frame| frame["code"] == "answering");
    let expected = json!({
        "type": "error", "code": "answering", "status": 409,
        "error": "An answer is being written in this conversation. Wait for it, or stop it.",
        "message_id": frames.last().unwrap()["message_id"], "conversation_id": conversation,
    });
    assert_eq!(refusal, Some(&expected));
    assert_eq!(ann.messages(&conversation).await.len(), 2);
}

async fn sending_twice_with_one_key_asks_once(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let send = |content: &str| {
        json!({
            "type": "send", "conversation_id": conversation, "content": content, "idempotency_key": "key-1",
        })
    };
    app.model
        .replies([openai_answer("a b c d e", None).delay(Duration::from_secs(2))]);
    let mut one = Socket::of(&app, &ann).await;
    let mut other = Socket::of(&app, &ann).await;
    one.tell(send("Hello")).await;
    other.tell(send("Hello")).await;
    one.tell(send("Hello")).await;
    let (first, second) = tokio::join!(one.turn(), other.turn());
    assert_eq!(joined(&events(&first)), joined(&events(&second)));
    let sent: Vec<&Value> = first
        .iter()
        .chain(&second)
        .filter(|frame| frame["type"] == "sent")
        .collect();
    assert_eq!(sent.len(), 3, "{first:?} {second:?}");
    for frame in sent {
        assert_eq!(frame["message_id"], first.last().unwrap()["message_id"]);
        assert_eq!(frame["idempotency_key"], "key-1");
        assert_eq!(frame["running"], true);
    }
    // After its end the key still names it. Who was told it is not told again, who was not is.
    let sent = one.ask(send("Hello")).await;
    assert_eq!(
        (&sent["type"], &sent["running"]),
        (&json!("sent"), &json!(false))
    );
    one.is_quiet(Duration::from_millis(200)).await;
    let mut third = Socket::of(&app, &ann).await;
    third.tell(send("Hello")).await;
    assert_eq!(
        joined(&events(&third.turn().await)),
        joined(&events(&first))
    );
    assert_eq!(app.model.server.calls(), 1);
    let refusal = third.ask(send("Something else")).await;
    assert_eq!(
        (
            &refusal["code"],
            &refusal["status"],
            &refusal["idempotency_key"]
        ),
        (&json!("key_reused"), &json!(422), &json!("key-1"))
    );
}

async fn an_answer_can_be_stopped(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let mut socket = Socket::watching(&app, &ann, &conversation).await;
    let words = "word ".repeat(200);
    app.model
        .replies([openai_answer(&words, None).pace(Duration::from_millis(20))]);
    let stop = json!({ "type": "stop", "conversation_id": conversation });
    let stopped =
        |stopped| json!({ "type": "stopped", "conversation_id": conversation, "stopped": stopped });
    assert_eq!(socket.ask(stop.clone()).await, stopped(false));
    socket
        .tell(json!({ "type": "send", "conversation_id": conversation, "content": "Hello" }))
        .await;
    let mut frames = Vec::new();
    while frames
        .last()
        .is_none_or(|last: &Value| last["type"] != "delta")
    {
        frames.push(socket.next().await);
    }
    let mut other = stop.clone();
    other["message_id"] = json!("0198c0de-0000-7000-8000-000000000000");
    socket.tell(other).await;
    while frames.last() != Some(&stopped(false)) {
        frames.push(socket.next().await);
    }
    let mut this = stop.clone();
    this["message_id"] = events(&frames)[0]["message_id"].clone();
    socket.tell(this).await;
    while frames.last().is_none_or(|last| last["type"] != "finish") {
        frames.push(socket.next().await);
    }
    let finish = frames.last().unwrap().clone();
    assert_eq!(finish["status"], "stopped");
    assert!(text(&frames).len() < words.len());
    if !frames.contains(&stopped(true)) {
        assert_eq!(socket.next().await, stopped(true));
    }
    app.model.server.client_left().await;
    let kept = ann.messages(&conversation).await[1].clone();
    assert_eq!(without_text(&kept), finish["assistant_message"]);
    assert_eq!(kept["content"], text(&frames));
    assert_eq!(socket.ask(stop).await, stopped(false));
}

async fn nobody_elses_conversation_is_found(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let conversation = ann.conversation().await;
    let unknown = "0198c0de-0000-7000-8000-000000000000";
    for foreign in [conversation.as_str(), unknown] {
        let not_found = json!({
            "type": "error", "code": "not_found", "error": "Not found.", "status": 404, "conversation_id": foreign,
        });
        let path = format!("/ws/chat/{foreign}/?token={}", bob.token());
        let (mut socket, _) = Socket::open(&app, &path, &[]).await;
        socket.is_established(&Value::Null).await;
        assert_eq!(socket.next().await, not_found);
        for frame in [
            json!({ "type": "subscribe", "conversation_id": foreign }),
            json!({ "type": "send", "conversation_id": foreign, "content": "Hello" }),
            json!({ "type": "send", "conversation_id": foreign }),
            json!({ "type": "stop", "conversation_id": foreign }),
        ] {
            assert_eq!(socket.ask(frame).await, not_found);
        }
        ann.say(&conversation, "Hello").await.expect(200);
        socket.is_quiet(Duration::from_millis(200)).await;
    }
    let path = format!("/ws/chat/?token={}&conversation=nonsense", bob.token());
    let (mut socket, _) = Socket::open(&app, &path, &[]).await;
    socket.is_established(&Value::Null).await;
    assert_eq!(socket.next().await["code"], "not_found");
    socket.lives().await;
    assert_eq!(ann.messages(&conversation).await.len(), 4);
}

async fn commands_are_read_while_an_answer_is_stopped(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let mut socket = Socket::of(&app, &ann).await;
    app.model
        .replies([openai_answer("a b c", None).delay(Duration::from_secs(5))]);
    for frame in [
        json!({ "type": "send", "conversation_id": conversation, "content": "Hello" }),
        json!({ "type": "stop", "conversation_id": conversation }),
        json!({ "type": "ping" }),
        json!({ "type": "subscribe", "conversation_id": conversation }),
        json!({ "type": "stop", "conversation_id": conversation }),
    ] {
        socket.tell(frame).await;
    }
    let mut names = Vec::new();
    while names.iter().filter(|name| *name == "stopped").count() < 2
        || !names.contains(&json!("finish"))
    {
        names.push(socket.next().await["type"].clone());
    }
    let place = |wanted: &str| names.iter().position(|name| name == wanted);
    assert!(place("subscribed") < place("sent"), "{names:?}");
    assert!(names.contains(&json!("pong")), "{names:?}");
}
