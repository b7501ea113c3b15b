//! The chunks of an answer, from the question, from coming back, and at each kind of end.

use serde_json::{Value, json};

use super::{
    CHAT, asked, chunks, endless, has_said, history, joining, send, sending, stop, told, types,
};
use crate::support::app::run;
use crate::support::client::{self, id};
use crate::support::model_server::{
    End, Reply, openai_answer, openai_chunk, openai_error, openai_finish, openai_usage,
};
use crate::support::{Client, Kind, TestApp, eventually, on_each_database};

on_each_database! {
    a_turn_is_told_in_the_librarys_chunks,
    whoever_comes_back_is_told_all_from_the_beginning,
    where_nothing_runs_there_is_nothing_to_join,
    a_stopped_answer_ends_without_an_error,
    an_answer_stopped_before_its_first_word_ends_all_the_same,
    only_the_answer_that_was_meant_is_stopped,
    an_answer_that_breaks_off_ends_with_an_error,
    an_answer_that_never_came_ends_with_an_error,
    a_server_that_ends_says_so,
    a_conversation_deleted_meanwhile_ends_with_an_error,
}

async fn a_turn_is_told_in_the_librarys_chunks(app: TestApp) {
    let ann = app.register("ann").await;
    app.model.replies([Reply::events(&[
        openai_chunk(&json!({ "role": "assistant", "reasoning_content": "Hm, \"hm\"." })),
        openai_chunk(&json!({ "content": "One " })),
        openai_chunk(&json!({ "content": "two.\n\n🦀" })),
        openai_chunk(&json!({ "reasoning_content": "Wait." })),
        openai_chunk(&json!({ "content": "Three." })),
        openai_finish("length"),
        openai_usage(5, 6),
    ])]);
    let answer = send(&ann, CHAT, "m1", "Hello").await;
    let chunks = chunks(&answer);
    let id = chunks[0]["messageId"].clone();
    let conversation = ann.get("/api/conversations/").await.expect(200)["results"][0]["id"].clone();
    let stored = ann.messages(conversation.as_str().unwrap()).await;
    assert_eq!(stored[1]["id"], id);
    let expected = json!([
        { "type": "start", "messageId": id,
          "messageMetadata": { "createdAt": stored[1]["created_at"], "model": "gpt-4" } },
        { "type": "start-step" },
        { "type": "reasoning-start", "id": "reasoning-0" },
        { "type": "reasoning-delta", "id": "reasoning-0", "delta": "Hm, \"hm\"." },
        { "type": "reasoning-end", "id": "reasoning-0" },
        { "type": "text-start", "id": "text-1" },
        { "type": "text-delta", "id": "text-1", "delta": "One two.\n\n🦀" },
        { "type": "text-end", "id": "text-1" },
        { "type": "reasoning-start", "id": "reasoning-2" },
        { "type": "reasoning-delta", "id": "reasoning-2", "delta": "Wait." },
        { "type": "reasoning-end", "id": "reasoning-2" },
        { "type": "text-start", "id": "text-3" },
        { "type": "text-delta", "id": "text-3", "delta": "Three." },
        { "type": "text-end", "id": "text-3" },
        { "type": "finish-step" },
        { "type": "finish", "messageMetadata": {
            "status": "complete", "model": "gpt-4", "finishReason": "length",
            "usage": { "promptTokens": 5, "completionTokens": 6, "totalTokens": 11, "estimated": false },
        } },
    ]);
    assert_eq!(Value::Array(chunks), expected);
}

async fn whoever_comes_back_is_told_all_from_the_beginning(app: TestApp) {
    let ann = app.register("ann").await;
    app.model.replies([endless()]);
    let first = sending(&ann, CHAT, "m1", "Hello");
    asked(&app, 1).await;
    has_said(&ann, "one two ").await;
    let conversation = history_id(&ann).await;
    // By either name, with a cursor or without.
    let readers = [joining(&ann, CHAT), joining(&ann, &conversation), {
        let request = ann
            .request("GET", &format!("/api/chat/{CHAT}/stream/"))
            .header("last-event-id", "99999999999999999")
            .header("accept", "text/event-stream");
        tokio::spawn(client::send(request))
    }];
    // What runs is not in the history: the page is told it by the stream.
    assert_eq!(history(&ann, CHAT).await.len(), 1);
    let refused = send(&ann, CHAT, "m2", "And?").await;
    assert_eq!(refused.status, 409);
    for reader in &readers {
        assert!(!reader.is_finished());
    }
    stop(&ann, CHAT).await.expect(200);
    let first = chunks(&first.await.unwrap());
    assert_eq!(refused.json["message_id"], first[0]["messageId"]);
    for reader in readers {
        assert_eq!(chunks(&reader.await.unwrap()), first);
    }
}

async fn history_id(client: &Client) -> String {
    let list = client.get("/api/conversations/").await.expect(200);
    id(&list["results"][0])
}

async fn where_nothing_runs_there_is_nothing_to_join(app: TestApp) {
    let ann = app.register("ann").await;
    send(&ann, CHAT, "m1", "Hello").await.expect(200);
    let nobodys = "0191b2c3-4d5e-7f60-8123-456789abcdef";
    for chat in [CHAT, &history_id(&ann).await, "never-heard-of", nobodys] {
        let answer = ann.get(&format!("/api/chat/{chat}/stream")).await;
        assert_eq!((answer.status, &*answer.text), (204, ""), "{chat}");
    }
    // What can be no chat is not found.
    for chat in ["a%20b", "a.b", &"x".repeat(65)] {
        ann.get(&format!("/api/chat/{chat}/stream"))
            .await
            .is(404, &json!({ "detail": "Not found." }));
    }
    assert_eq!(
        ann.get("/api/conversations/").await.expect(200)["count"],
        1,
        "asking makes no chats"
    );
}

async fn a_stopped_answer_ends_without_an_error(app: TestApp) {
    let ann = app.register("ann").await;
    app.model.replies([endless()]);
    let asking = sending(&ann, CHAT, "m1", "Hello");
    asked(&app, 1).await;
    has_said(&ann, "one two ").await;
    let stopped = stop(&ann, CHAT).await.expect(200);
    app.model.server.client_left().await;
    let chunks = chunks(&asking.await.unwrap());
    let mut end = json!({ "status": "stopped", "model": "gpt-4" });
    let metadata = chunks[6]["messageMetadata"].clone();
    // Counts are our own where the provider gave none.
    if let Some(usage) = metadata.get("usage") {
        assert_eq!(usage["estimated"], true);
        end["usage"] = usage.clone();
    }
    assert_eq!(
        chunks[2..],
        [
            json!({ "type": "text-start", "id": "text-0" }),
            json!({ "type": "text-delta", "id": "text-0", "delta": "one two " }),
            json!({ "type": "text-end", "id": "text-0" }),
            json!({ "type": "finish-step" }),
            json!({ "type": "message-metadata", "messageMetadata": end }),
            json!({ "type": "abort" }),
        ]
    );
    assert_eq!(
        (&stopped["stopped"], &stopped["message"]["content"]),
        (&json!(true), &json!("one two "))
    );
    assert_eq!(stopped["message"]["id"], chunks[0]["messageId"]);
    // There is nothing left to stop.
    stop(&ann, CHAT)
        .await
        .is(200, &json!({ "stopped": false, "message": null }));
    let stored = &history(&ann, CHAT).await[1];
    assert_eq!(stored["metadata"]["status"], "stopped");
    assert_eq!(super::text_of(stored), "one two ");
}

async fn an_answer_stopped_before_its_first_word_ends_all_the_same(app: TestApp) {
    let ann = app.register("ann").await;
    app.model.replies([Reply::silence()]);
    let asking = sending(&ann, CHAT, "m1", "Hello");
    asked(&app, 1).await;
    stop(&ann, CHAT).await.expect(200);
    assert_eq!(
        types(&asking.await.unwrap()),
        [
            "start",
            "start-step",
            "finish-step",
            "message-metadata",
            "abort"
        ]
    );
    assert_eq!(history(&ann, CHAT).await.len(), 1);
}

async fn only_the_answer_that_was_meant_is_stopped(app: TestApp) {
    let ann = app.register("ann").await;
    let (older, _) = told(&send(&ann, CHAT, "m1", "Hello").await);
    app.model.replies([endless()]);
    let asking = sending(&ann, CHAT, "m2", "And?");
    asked(&app, 2).await;
    let path = format!("/api/chat/{CHAT}/stop/");
    let nothing = json!({ "stopped": false, "message": null });
    ann.post(&path, json!({ "message_id": older }))
        .await
        .is(200, &nothing);
    ann.post(&path, json!({ "message_id": "x" }))
        .await
        .expect(400);
    ann.post("/api/chat/never-heard-of/stop/", json!({}))
        .await
        .expect(404);
    assert!(!asking.is_finished());
    let running = ann.messages(&history_id(&ann).await).await[3]["id"].clone();
    let stopped = ann.post(&path, json!({ "message_id": running })).await;
    assert_eq!(stopped.expect(200)["stopped"], true);
    asking.await.unwrap();
}

async fn an_answer_that_breaks_off_ends_with_an_error(app: TestApp) {
    let ann = app.register("ann").await;
    let reply = openai_answer("one two three", None).pieces(3);
    app.model.replies([reply.end(End::Close)]);
    let chunks = chunks(&send(&ann, CHAT, "m1", "Hello").await);
    let stored = &history(&ann, CHAT).await[1];
    assert_eq!(
        chunks[2..],
        [
            json!({ "type": "text-start", "id": "text-0" }),
            json!({ "type": "text-delta", "id": "text-0", "delta": "one two " }),
            json!({ "type": "error", "errorText": stored["metadata"]["error"] }),
        ]
    );
    assert_eq!(stored["metadata"]["status"], "failed");
    assert_eq!(super::text_of(stored), "one two ");
}

async fn an_answer_that_never_came_ends_with_an_error(app: TestApp) {
    let ann = app.register("ann").await;
    let refusal = openai_error(401, "Incorrect API key provided", "invalid_api_key");
    app.model.replies([refusal]);
    let answer = send(&ann, CHAT, "m1", "Hello").await;
    assert_eq!(types(&answer), ["start", "start-step", "error"]);
    let error = chunks(&answer)[2]["errorText"].clone();
    assert!(error.as_str().unwrap().ends_with('.'), "{error}");
    // The question stands last, and can be asked again.
    assert_eq!(history(&ann, CHAT).await.len(), 1);
    let (_, text) = told(&super::regenerate(&ann, CHAT, None).await);
    assert_eq!(text, "You said: Hello");
}

async fn a_server_that_ends_says_so(app: TestApp) {
    let stopping = app.another(&[("SHUTDOWN_GRACE_SECONDS", "0")]).await;
    let ann = stopping.register("ann").await;
    app.model.replies([endless()]);
    let asking = sending(&ann, CHAT, "m1", "Hello");
    asked(&app, 1).await;
    has_said(&ann, "one two ").await;
    stopping.stop().await;
    let answer = asking.await.unwrap();
    assert_eq!(types(&answer).last().unwrap(), "error");
    let ann = app.stranger().with_token(ann.token());
    let stored = &history(&ann, CHAT).await[1];
    assert_eq!(stored["metadata"]["status"], "interrupted");
    assert_eq!(
        chunks(&answer).last().unwrap()["errorText"],
        stored["metadata"]["error"]
    );
}

/// A SQLite file has one server.
#[test]
fn a_server_that_only_passed_the_answer_on_says_that_it_goes_on() {
    run(Kind::Postgres, passed_on);
}

async fn passed_on(app: TestApp) {
    let other = app.another(&[]).await;
    let ann = app.register("ann").await;
    app.model.replies([endless()]);
    let asking = sending(&ann, CHAT, "m1", "Hello");
    asked(&app, 1).await;
    has_said(&ann, "one two ").await;
    let elsewhere = Client {
        base: other.base.clone(),
        ..ann.clone()
    };
    let joined = joining(&elsewhere, CHAT);
    // A message of another page is refused there as it is here.
    let refused = send(&elsewhere, CHAT, "m2", "And?").await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    eventually("the other server knows the answer so far", async || {
        let request = elsewhere.request("GET", &format!("/api/chat/{CHAT}/stream"));
        let mut response = request.send().await.unwrap();
        let mut text = String::new();
        while !text.contains("two ") {
            text.push_str(std::str::from_utf8(&response.chunk().await.unwrap()?).unwrap());
        }
        Some(())
    })
    .await;
    other.stop().await;
    let chunks = chunks(&joined.await.unwrap());
    assert_eq!(
        *chunks.last().unwrap(),
        json!({ "type": "error", "errorText": "The server is restarting. Reload to go on." })
    );
    assert!(!asking.is_finished());
    stop(&ann, CHAT).await.expect(200);
    asking.await.unwrap();
}

async fn a_conversation_deleted_meanwhile_ends_with_an_error(app: TestApp) {
    let ann = app.register("ann").await;
    app.model.replies([endless()]);
    let asking = sending(&ann, CHAT, "m1", "Hello");
    asked(&app, 1).await;
    let conversation = history_id(&ann).await;
    ann.delete(&format!("/api/conversations/{conversation}/"))
        .await
        .expect(204);
    let chunks = chunks(&asking.await.unwrap());
    assert_eq!(
        *chunks.last().unwrap(),
        json!({ "type": "error", "errorText": "The conversation was deleted." })
    );
    ann.get(&format!("/api/chat/{CHAT}/")).await.expect(404);
    // Its name is free again.
    let (_, text) = told(&send(&ann, CHAT, "m1", "Hello again").await);
    assert_eq!(text, "You said: Hello again");
}
