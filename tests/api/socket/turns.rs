//! Which events a socket is told.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Socket, events, joined, say_streaming, text, text_of};
use crate::support::client::{id, without_text};
use crate::support::model_server::{
    End, Reply, openai_answer, openai_chunk, openai_finish, openai_usage,
};
use crate::support::{Kind, TestApp, on_each_database};

on_each_database! {
    events_are_those_of_the_event_stream,
    a_failed_turn_is_told_as_an_event,
    what_is_said_in_one_tab_is_seen_in_another,
    a_conversation_can_be_named_in_the_address,
    whoever_comes_late_is_told_from_the_beginning,
    whoever_comes_back_is_told_the_rest,
    a_turn_that_ended_meanwhile_is_told_to_whoever_comes_back,
    turns_that_nobody_waited_for_are_all_told_in_order,
    several_conversations_are_told_side_by_side,
    nothing_is_told_of_what_is_watched_no_more,
    turns_of_another_replica_are_told,
}

fn thoughtful(pace: u64) -> Reply {
    let mut chunks = vec![openai_chunk(&json!({ "role": "assistant", "content": "" }))];
    for word in ["Let ", "me ", "see."] {
        chunks.push(openai_chunk(&json!({ "reasoning_content": word })));
    }
    for word in ["Grüße, ", "🦀 ", "and ", "\"bye\"\n"] {
        chunks.push(openai_chunk(&json!({ "content": word })));
    }
    chunks.push(openai_finish("stop"));
    chunks.push(openai_usage(11, 7));
    Reply::events(&chunks).pace(Duration::from_millis(pace))
}

/// A hundred words at 100 a second.
fn long_answer() -> (String, Reply) {
    let words: String = (0..100).map(|number| format!("word-{number} ")).collect();
    let reply = openai_answer(&words, Some((1, 100))).pace(Duration::from_millis(10));
    (words, reply)
}

async fn events_are_those_of_the_event_stream(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let mut socket = Socket::watching(&app, &ann, &conversation).await;
    app.model.replies([thoughtful(30)]);
    let (streamed, frames) =
        tokio::join!(say_streaming(&ann, &conversation, "Hello"), socket.turn());
    assert_eq!(joined(&frames), joined(&streamed));
    let names: Vec<&Value> = frames.iter().map(|frame| &frame["type"]).collect();
    assert_eq!(names[0], "start");
    assert_eq!(names[names.len() - 2..], ["usage", "finish"]);
    assert!(frames.len() > 6, "{frames:?}");
    assert_eq!(text(&frames), "Grüße, 🦀 and \"bye\"\n");
    assert_eq!(text_of(&frames, "reasoning"), "Let me see.");
    let usage = &frames[frames.len() - 2];
    assert_eq!(
        (
            &usage["prompt_tokens"],
            &usage["tokens_used"],
            &usage["estimated"]
        ),
        (&json!(11), &json!(18), &json!(false))
    );
    let last = frames.last().unwrap();
    assert_eq!(
        (&last["status"], &last["finish_reason"]),
        (&json!("complete"), &json!("stop"))
    );
    let kept = ann.messages(&conversation).await;
    assert_eq!(kept[0], frames[0]["user_message"]);
    assert_eq!(without_text(&kept[1]), last["assistant_message"]);
    let ids: Vec<u64> = frames
        .iter()
        .map(|frame| frame["id"].as_u64().unwrap())
        .collect();
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    socket.lives().await;
}

async fn a_failed_turn_is_told_as_an_event(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let mut socket = Socket::watching(&app, &ann, &conversation).await;
    let cut = openai_answer("So far and no further", None)
        .up_to("further", 0)
        .end(End::Close);
    app.model.replies([cut]);
    socket
        .tell(json!({ "type": "send", "conversation_id": conversation, "content": "Hello" }))
        .await;
    let told = events(&socket.turn().await);
    let error = told.last().unwrap();
    assert_eq!(
        (&error["type"], &error["code"], &error["status"]),
        (&json!("error"), &json!("provider_failed"), &json!(502))
    );
    assert_eq!(error["assistant_message"]["status"], "failed");
    assert_eq!(error["error"], error["assistant_message"]["error"]);
    assert_eq!(ann.messages(&conversation).await[1]["content"], text(&told));
    socket.lives().await;
}

async fn what_is_said_in_one_tab_is_seen_in_another(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let mut one = Socket::of(&app, &ann).await;
    let mut other = Socket::watching(&app, &ann, &conversation).await;
    app.model.replies([thoughtful(20)]);
    one.tell(json!({ "type": "send", "conversation_id": conversation, "content": "Hello" }))
        .await;
    let (said, seen) = tokio::join!(one.turn(), other.turn());
    assert_eq!(joined(&events(&said)), joined(&events(&seen)));
    // What is said by a plain request is seen in both.
    ann.say(&conversation, "Again").await.expect(200);
    let (said, seen) = tokio::join!(one.turn(), other.turn());
    assert_eq!(joined(&said), joined(&seen));
    assert_eq!(text(&seen), "You said: Again");
}

async fn a_conversation_can_be_named_in_the_address(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let token = ann.token();
    for path in [
        format!("/ws/chat/{conversation}/?token={token}"),
        format!("/ws/chat/{conversation}?token={token}"),
        format!("/ws/chat/?token={token}&conversation_id={conversation}"),
        format!(
            "/ws/chat/?conversation={}&token={token}",
            conversation.to_uppercase()
        ),
    ] {
        let (mut socket, _) = Socket::open(&app, &path, &[]).await;
        socket.is_established(&json!(conversation)).await;
        let subscribed =
            json!({ "type": "subscribed", "conversation_id": conversation, "running": false });
        assert_eq!(socket.next().await, subscribed);
        ann.say(&conversation, "Hello").await.expect(200);
        assert_eq!(text(&socket.turn().await), "You said: Hello");
    }
}

async fn whoever_comes_late_is_told_from_the_beginning(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    ann.say(&conversation, "Before").await.expect(200);
    let (words, reply) = long_answer();
    app.model.replies([reply]);
    let mut first = Socket::of(&app, &ann).await;
    first
        .tell(json!({ "type": "send", "conversation_id": conversation, "content": "Hello" }))
        .await;
    while first.next().await["text"] != "word-20 " {}
    let mut late = Socket::of(&app, &ann).await;
    let subscribed = late.subscribe(&conversation).await;
    assert_eq!(subscribed["running"], true);
    let told = late.turn().await;
    assert_eq!(told[0]["type"], "start");
    assert_eq!(told[0]["user_message"]["content"], "Hello");
    assert_eq!(text(&told), words);
    // Once more does not tell anything twice.
    let subscribed = late.subscribe(&conversation).await;
    assert_eq!(
        subscribed,
        json!({ "type": "subscribed", "conversation_id": conversation, "running": false })
    );
    late.is_quiet(Duration::from_millis(300)).await;
}

async fn whoever_comes_back_is_told_the_rest(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let (words, reply) = long_answer();
    app.model.replies([reply]);
    let mut first = Socket::of(&app, &ann).await;
    first
        .tell(json!({ "type": "send", "conversation_id": conversation, "content": "Hello" }))
        .await;
    let mut known = Vec::new();
    while known
        .last()
        .is_none_or(|last: &Value| last["text"] != "word-20 ")
    {
        known.push(first.next().await);
    }
    drop(first);
    let last = known.last().unwrap()["id"].clone();
    let mut back = Socket::of(&app, &ann).await;
    let subscribed = back
        .ask(json!({
            "type": "subscribe", "conversation_id": conversation, "last_event_id": last.to_string(),
        }))
        .await;
    assert_eq!(subscribed["running"], true);
    let rest = back.turn().await;
    assert_eq!(rest[0]["type"], "delta");
    assert!(rest[0]["id"].as_u64() > last.as_u64());
    assert_eq!(text(&known) + &text(&rest), words);
}

async fn a_turn_that_ended_meanwhile_is_told_to_whoever_comes_back(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let mut socket = Socket::watching(&app, &ann, &conversation).await;
    app.model.replies([thoughtful(0)]);
    ann.say(&conversation, "Hello").await.expect(200);
    let whole = joined(&socket.turn().await);
    ann.say(&conversation, "Again").await.expect(200);
    let next = joined(&socket.turn().await);
    // Whatever it was that came last, the rest comes, and what was said after it.
    for (place, last) in whole.iter().enumerate() {
        let token = ann.token();
        let path = format!(
            "/ws/chat/{conversation}/?token={token}&last_event_id={}",
            last["id"]
        );
        let (mut back, _) = Socket::open(&app, &path, &[]).await;
        back.is_established(&json!(conversation)).await;
        assert_eq!(back.next().await["running"], false);
        if place + 1 < whole.len() {
            assert_eq!(joined(&back.turn().await), whole[place + 1..]);
        }
        assert_eq!(joined(&back.turn().await), next);
        back.lives().await;
    }
    // Ids of no turn stand for none.
    for last in [
        json!(0),
        json!(1),
        json!(u64::MAX),
        json!(next.last().unwrap()["id"].as_u64().unwrap() + 1),
    ] {
        let mut socket = Socket::of(&app, &ann).await;
        socket
            .ask(json!({ "type": "subscribe", "conversation_id": conversation, "last_event_id": last }))
            .await;
        socket.is_quiet(Duration::from_millis(150)).await;
    }
}

async fn turns_that_nobody_waited_for_are_all_told_in_order(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let mut socket = Socket::watching(&app, &ann, &conversation).await;
    // The socket is not read meanwhile, and the turns are over in no time.
    for number in 0..20 {
        ann.say(&conversation, &number.to_string())
            .await
            .expect(200);
    }
    let mut last = 0;
    for number in 0..20 {
        let told = socket.turn().await;
        assert_eq!(told[0]["type"], "start");
        assert_eq!(text(&told), format!("You said: {number}"));
        for event in &told {
            let id = event["id"].as_u64().unwrap();
            assert!(id > last, "{event}");
            last = id;
        }
    }
    socket.is_quiet(Duration::from_millis(200)).await;
}

async fn several_conversations_are_told_side_by_side(app: TestApp) {
    let ann = app.register("ann").await;
    let mut socket = Socket::of(&app, &ann).await;
    let mut conversations = Vec::new();
    for _ in 0..5 {
        conversations.push(ann.conversation().await);
    }
    app.model.replies((0..5).map(|_| thoughtful(20)));
    for conversation in &conversations {
        socket
            .tell(json!({ "type": "send", "conversation_id": conversation, "content": "Hello" }))
            .await;
    }
    let mut frames = Vec::new();
    for _ in 0..5 {
        frames.extend(socket.turn().await);
    }
    for conversation in &conversations {
        let own: Vec<Value> = frames
            .iter()
            .filter(|frame| frame["conversation_id"] == json!(conversation))
            .cloned()
            .collect();
        assert_eq!(text(&own), "Grüße, 🦀 and \"bye\"\n");
        let own = events(&own);
        assert_eq!(
            (&own[0]["type"], &own.last().unwrap()["type"]),
            (&json!("start"), &json!("finish"))
        );
    }
    // They ran at the same time.
    let first_end = frames
        .iter()
        .position(|frame| frame["type"] == "finish")
        .unwrap();
    let starts = frames[..first_end]
        .iter()
        .filter(|frame| frame["type"] == "start");
    assert!(starts.count() > 1);
}

async fn nothing_is_told_of_what_is_watched_no_more(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let mut socket = Socket::of(&app, &ann).await;
    let (words, reply) = long_answer();
    app.model.replies([reply]);
    socket
        .tell(json!({ "type": "send", "conversation_id": conversation, "content": "Hello" }))
        .await;
    while socket.next().await["text"] != "word-10 " {}
    let unsubscribe = json!({ "type": "unsubscribe", "conversation_id": conversation });
    socket.tell(unsubscribe.clone()).await;
    let unsubscribed = json!({ "type": "unsubscribed", "conversation_id": conversation });
    while socket.next().await != unsubscribed {}
    socket.is_quiet(Duration::from_millis(300)).await;
    assert_eq!(socket.ask(unsubscribe).await, unsubscribed);
    // The turn goes on, and can be watched again.
    assert_eq!(socket.subscribe(&conversation).await["running"], true);
    assert_eq!(text(&socket.turn().await), words);
}

async fn turns_of_another_replica_are_told(app: TestApp) {
    if app.database.kind == Kind::Sqlite {
        return;
    }
    let other = app.another(&[]).await;
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let mut near = Socket::watching(&app, &ann, &conversation).await;
    let mut far = Socket::watching(&other, &ann, &conversation).await;
    // The first replica knows of the second one within a few seconds; until then it does not tell it anything.
    tokio::time::sleep(Duration::from_millis(3500)).await;
    let (words, reply) = long_answer();
    app.model.replies([reply]);
    near.tell(json!({ "type": "send", "conversation_id": conversation, "content": "Hello" }))
        .await;
    let (here, there) = tokio::join!(near.turn(), far.turn());
    assert_eq!(text(&there), words);
    assert_eq!(joined(&events(&here)), joined(&events(&there)));
    // Too short for anybody elsewhere to see them run.
    for number in 0..5 {
        ann.say(&conversation, &number.to_string())
            .await
            .expect(200);
    }
    for number in 0..5 {
        assert_eq!(text(&far.turn().await), format!("You said: {number}"));
    }
    // Said there, seen here, and stopped from here.
    let (_, reply) = long_answer();
    app.model.replies([reply]);
    let there = ann.clone();
    let there = crate::support::Client {
        base: other.base.clone(),
        ..there
    };
    let path = conversation.clone();
    let saying = tokio::spawn(async move { there.say(&path, "Hello").await.expect(200) });
    for number in 0..5 {
        assert_eq!(text(&near.turn().await), format!("You said: {number}"));
    }
    while near.next().await["type"] != "delta" {}
    near.tell(json!({ "type": "stop", "conversation_id": conversation }))
        .await;
    let mut frames = near.turn().await;
    let finish = frames.last().unwrap().clone();
    assert_eq!(finish["status"], "stopped");
    let answer = saying.await.unwrap();
    assert_eq!(
        id(&answer["assistant_message"]),
        finish["message_id"].as_str().unwrap()
    );
    let stopped = json!({ "type": "stopped", "conversation_id": conversation, "stopped": true });
    if !frames.contains(&stopped) {
        frames.push(near.next().await);
    }
    assert!(frames.contains(&stopped), "{frames:?}");
}
