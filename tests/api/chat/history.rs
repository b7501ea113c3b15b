//! A chat as a page loads it.

use serde_json::{Value, json};

use super::{CHAT, asked, endless, has_said, send, sending, stop};
use crate::support::client::id;
use crate::support::model_server::{
    Reply, openai_chunk, openai_error, openai_finish, openai_usage,
};
use crate::support::{TestApp, on_each_database};

on_each_database! {
    a_chat_is_loaded_in_the_librarys_form,
    what_is_running_or_never_came_is_not_in_it,
    a_conversation_is_shown_so_only_to_those_who_ask_for_it,
}

async fn a_chat_is_loaded_in_the_librarys_form(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    ann.say(&conversation, "one").await.expect(200);
    app.model.replies([Reply::events(&[
        openai_chunk(&json!({ "role": "assistant", "reasoning_content": "Hm." })),
        openai_chunk(&json!({ "content": "Two" })),
        openai_finish("stop"),
        openai_usage(5, 6),
    ])]);
    send(&ann, &conversation, "m2", "two").await.expect(200);
    let stored = ann.messages(&conversation).await;
    let text = |text: &str| json!({ "type": "text", "text": text, "state": "done" });
    let usage = |prompt: u32, completion: u32| {
        json!({ "promptTokens": prompt, "completionTokens": completion, "totalTokens": prompt + completion,
                "estimated": false })
    };
    let expected = json!({
        "id": conversation,
        "conversation": conversation,
        "title": "one",
        "messages": [
            { "id": stored[0]["id"], "role": "user", "parts": [text("one")],
              "metadata": { "createdAt": stored[0]["created_at"], "status": "complete" } },
            { "id": stored[1]["id"], "role": "assistant", "parts": [text("You said: one")],
              "metadata": { "createdAt": stored[1]["created_at"], "status": "complete", "model": "gpt-4",
                            "finishReason": "stop", "usage": usage(11, 7) } },
            { "id": "m2", "role": "user", "parts": [text("two")],
              "metadata": { "createdAt": stored[2]["created_at"], "status": "complete" } },
            { "id": stored[3]["id"], "role": "assistant",
              "parts": [{ "type": "reasoning", "text": "Hm.", "state": "done" }, text("Two")],
              "metadata": { "createdAt": stored[3]["created_at"], "status": "complete", "model": "gpt-4",
                            "finishReason": "stop", "usage": usage(5, 6) } },
        ],
    });
    ann.get(&format!("/api/chat/{conversation}/"))
        .await
        .is(200, &expected);
    ann.get(&format!("/api/conversations/{conversation}/?format=ui"))
        .await
        .is(200, &expected);
}

async fn what_is_running_or_never_came_is_not_in_it(app: TestApp) {
    let ann = app.register("ann").await;
    app.model.replies([
        openai_error(500, "Oh no", "server_error"),
        Reply::silence(),
        endless(),
    ]);
    send(&ann, CHAT, "m1", "one").await.expect(200);
    for (number, (name, text)) in [("m2", "two"), ("m3", "three")].into_iter().enumerate() {
        let asking = sending(&ann, CHAT, name, text);
        asked(&app, number + 2).await;
        if name == "m3" {
            has_said(&ann, "one two ").await;
        }
        let ids = super::history(&ann, CHAT).await;
        let ids: Vec<String> = ids.iter().map(id).collect();
        assert_eq!(ids, ["m1", "m2", "m3"][..number + 2]);
        stop(&ann, CHAT).await.expect(200);
        asking.await.unwrap();
    }
    let shown = super::history(&ann, CHAT).await;
    assert_eq!(shown.len(), 4);
    assert_eq!(shown[3]["metadata"]["status"], "stopped");
}

async fn a_conversation_is_shown_so_only_to_those_who_ask_for_it(app: TestApp) {
    let ann = app.register("ann").await;
    let answer = send(&ann, CHAT, "m1", "Hello").await;
    assert_eq!(answer.status, 200);
    let list = ann.get("/api/conversations/").await.expect(200);
    let path = format!("/api/conversations/{}/", id(&list["results"][0]));
    let plain = ann.get(&path).await;
    let keys: Vec<&String> = plain.json.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 10, "{keys:?}");
    for format in ["", "json", "api", "UI", "ui2"] {
        let other = ann.get(&format!("{path}?format={format}")).await;
        assert_eq!((other.status, &other.text), (200, &plain.text));
    }
    let shown = ann.get(&format!("{path}?x=1&format=ui")).await.expect(200);
    assert_eq!(shown["id"], CHAT);
    assert_eq!(shown["messages"][0]["id"], "m1");
    // Nothing else knows the page's names.
    for path in ["/api/conversations/", "/api/messages/", &*path] {
        let text = ann.get(path).await.text;
        assert!(!text.contains(CHAT) && !text.contains("\"m1\""), "{text}");
    }
    assert_eq!(plain.json.get("client_id"), None::<&Value>);
}
