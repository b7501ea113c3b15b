//! Who answers when an agent's model does not.

use serde_json::{Value, json};

use super::{AGENTS, at};
use crate::support::client::id;
use crate::support::events::Events;
use crate::support::model_server::{
    End, Reply, ollama_answer, openai_answer, openai_chunk, openai_error,
};
use crate::support::{Client, TestApp, eventually, on_each_database};

on_each_database! {
    another_model_answers_when_the_first_fails,
    another_agent_answers_with_its_own_prompt_and_provider,
    readers_are_told_who_answers,
    an_answer_that_began_is_not_begun_again,
    a_stopped_answer_is_not_asked_for_elsewhere,
    if_both_fail_the_fallback_is_told,
    fallbacks_of_fallbacks_are_not_asked,
    a_fallback_that_cannot_answer_is_as_none,
    a_deleted_agent_is_nobodys_fallback,
    fallbacks_that_cannot_be_are_refused,
}

fn down() -> Reply {
    openai_error(500, "It is down.", "server_error")
}

/// An agent with this fallback, and a conversation with it.
async fn with(client: &Client, fallback: Value) -> (String, String) {
    let mut body = json!({ "name": "First", "model": "first", "system_prompt": "I am the first." });
    for (field, value) in fallback.as_object().unwrap() {
        body[field] = value.clone();
    }
    let agent = client.agent(body).await;
    let conversation = client.conversation_with(&agent).await;
    (agent, conversation)
}

async fn another_model_answers_when_the_first_fails(app: TestApp) {
    let ann = app.register("ann").await;
    let (_, conversation) = with(&ann, json!({ "fallback_model": "second" })).await;
    app.model
        .replies([down(), openai_answer("Here I am.", Some((3, 4)))]);
    let turn = ann.say(&conversation, "Hello").await.expect(200);
    let answer = &turn["assistant_message"];
    assert_eq!(
        (
            &answer["content"],
            &answer["model"],
            &answer["fallback_from"]
        ),
        (&json!("Here I am."), &json!("second"), &json!("first"))
    );
    assert_eq!(
        (&answer["status"], &answer["error"]),
        (&json!("complete"), &Value::Null)
    );
    let asked = app.model.server.asked();
    let models: Vec<&str> = asked.iter().map(|asked| asked.model()).collect();
    assert_eq!(models, ["first", "second"]);
    assert_eq!(asked[0].body["messages"], asked[1].body["messages"]);
    // It is stored so, and so is that another one was not needed.
    let messages = ann.messages(&conversation).await;
    assert_eq!(&messages[1], answer);
    let list = ann.get("/api/messages/").await.expect(200);
    assert_eq!(&list["results"][1], answer);
    let turn = ann.say(&conversation, "Again").await.expect(200);
    let answer = &turn["assistant_message"];
    assert_eq!(
        (&answer["model"], &answer["fallback_from"]),
        (&json!("first"), &Value::Null)
    );
}

async fn another_agent_answers_with_its_own_prompt_and_provider(app: TestApp) {
    let ann = app.register("ann").await;
    let second = ann
        .agent(json!({
            "name": "Second", "llm_provider": "ollama", "model": "second", "system_prompt": "I am {{agent_name}}.",
            "top_p": 0.5,
        }))
        .await;
    let (_, conversation) = with(&ann, json!({ "fallback_agent": second })).await;
    app.model
        .replies([down(), ollama_answer("Here I am.", None)]);
    let turn = ann.say(&conversation, "Hello").await.expect(200);
    assert_eq!(turn["assistant_message"]["fallback_from"], "first");
    let asked = app.model.last_asked();
    assert_eq!(
        (asked.path.as_str(), asked.model()),
        ("/api/chat", "second")
    );
    assert_eq!(asked.body["messages"][0]["content"], "I am Second.");
    assert_eq!(asked.body["messages"][1]["content"], "Hello");
    assert_eq!(asked.body["options"]["top_p"], 0.5);
}

async fn readers_are_told_who_answers(app: TestApp) {
    let ann = app.register("ann").await;
    let (_, conversation) = with(&ann, json!({ "fallback_model": "second" })).await;
    app.model.replies([down()]);
    let path = format!("/api/conversations/{conversation}/send_message/");
    let request = ann
        .request("POST", &path)
        .header("accept", "text/event-stream")
        .header("content-type", "application/json")
        .body(r#"{"content": "Hello"}"#);
    let events = Events::open(request).await.rest().await;
    let finish = events.last().unwrap();
    let told = &finish.data["assistant_message"];
    assert_eq!(
        (finish.name.as_str(), &told["model"], &told["fallback_from"]),
        ("finish", &json!("second"), &json!("first"))
    );
    // And by the AI SDK's stream and history.
    app.model.replies([down()]);
    let message = json!({ "role": "user", "parts": [{ "type": "text", "text": "Again" }] });
    let body = json!({ "id": conversation, "message": message });
    let stream = ann.post("/api/chat/", body).await;
    let finish = stream.text.lines().rev().find_map(|line| {
        let chunk: Value = serde_json::from_str(line.strip_prefix("data: ")?).ok()?;
        (chunk["type"] == "finish").then_some(chunk)
    });
    let metadata = &finish.expect("an end")["messageMetadata"];
    assert_eq!(
        (&metadata["model"], &metadata["fallbackFrom"]),
        (&json!("second"), &json!("first"))
    );
    let history = ann
        .get(&format!("/api/chat/{conversation}/"))
        .await
        .expect(200);
    let metadata = &history["messages"][3]["metadata"];
    assert_eq!(metadata["fallbackFrom"], "first");
    assert!(
        history["messages"][2]["metadata"]
            .get("fallbackFrom")
            .is_none()
    );
}

async fn an_answer_that_began_is_not_begun_again(app: TestApp) {
    let ann = app.register("ann").await;
    let (_, conversation) = with(&ann, json!({ "fallback_model": "second" })).await;
    let thought = openai_chunk(&json!({ "reasoning_content": "Hm." }));
    for begun in [
        openai_answer("one two", None).pieces(2).end(End::Close),
        // Thinking is told, too.
        Reply::events(&[thought]),
    ] {
        app.model.replies([begun]);
        let calls = app.model.server.calls();
        ann.say(&conversation, "Hello").await.expect(502);
        let messages = ann.messages(&conversation).await;
        let failed = messages.last().unwrap();
        assert_eq!(
            (&failed["model"], &failed["fallback_from"]),
            (&json!("first"), &Value::Null)
        );
        assert_eq!(app.model.server.calls(), calls + 1);
    }
}

async fn a_stopped_answer_is_not_asked_for_elsewhere(app: TestApp) {
    let ann = app.register("ann").await;
    let (_, conversation) = with(&ann, json!({ "fallback_model": "second" })).await;
    app.model.replies([Reply::silence()]);
    let (client, within) = (ann.clone(), conversation.clone());
    let waiting = tokio::spawn(async move { client.say(&within, "Hello").await });
    eventually("the model is asked", async || {
        (app.model.server.calls() == 1).then_some(())
    })
    .await;
    let stop = format!("/api/conversations/{conversation}/stop/");
    ann.post(&stop, json!({})).await.expect(200);
    let turn = waiting.await.unwrap().expect(200);
    assert_eq!(
        (
            &turn["assistant_message"]["status"],
            &turn["assistant_message"]["fallback_from"]
        ),
        (&json!("stopped"), &Value::Null)
    );
    assert_eq!(app.model.server.calls(), 1);
}

async fn if_both_fail_the_fallback_is_told(app: TestApp) {
    let ann = app.register("ann").await;
    let (_, conversation) = with(&ann, json!({ "fallback_model": "second" })).await;
    let busy = openai_error(429, "Slow down.", "rate_limit_exceeded");
    app.model.replies([down(), busy]);
    let answer = ann.say(&conversation, "Hello").await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.json["error"]
            .as_str()
            .unwrap()
            .contains("\"second\"")
    );
    let failed = &ann.messages(&conversation).await[1];
    assert_eq!(
        (
            &failed["status"],
            &failed["model"],
            &failed["fallback_from"],
            &failed["error"]
        ),
        (
            &json!("failed"),
            &json!("second"),
            &json!("first"),
            &answer.json["error"]
        )
    );
}

async fn fallbacks_of_fallbacks_are_not_asked(app: TestApp) {
    let ann = app.register("ann").await;
    let second = ann
        .agent(json!({ "name": "Second", "model": "second", "fallback_model": "third" }))
        .await;
    let (first, conversation) = with(&ann, json!({ "fallback_agent": second })).await;
    // Not even in a circle.
    let circle = json!({ "fallback_model": null, "fallback_agent": first });
    for change in [json!({}), circle] {
        ann.patch(&at(&second), change).await.expect(200);
        let calls = app.model.server.calls();
        app.model.replies([down(), down()]);
        ann.say(&conversation, "Hello").await.expect(502);
        assert_eq!(app.model.server.calls(), calls + 2);
    }
}

async fn a_fallback_that_cannot_answer_is_as_none(app: TestApp) {
    let ann = app.register("ann").await;
    let second = ann
        .agent(json!({ "name": "Second", "model": "second" }))
        .await;
    let (_, conversation) = with(&ann, json!({ "fallback_agent": second })).await;
    // It is deactivated, or too small for what was said.
    let too_small =
        json!({ "is_active": true, "context_window": 256, "system_prompt": "word ".repeat(400) });
    for change in [json!({ "is_active": false }), too_small] {
        ann.patch(&at(&second), change).await.expect(200);
        let calls = app.model.server.calls();
        app.model.replies([down()]);
        let answer = ann.say(&conversation, "Hello").await;
        assert_eq!(answer.status, 502);
        assert!(answer.json["error"].as_str().unwrap().contains("\"first\""));
        let messages = ann.messages(&conversation).await;
        let failed = messages.last().unwrap();
        assert_eq!(
            (&failed["model"], &failed["fallback_from"]),
            (&json!("first"), &Value::Null)
        );
        assert_eq!(app.model.server.calls(), calls + 1);
    }
}

async fn a_deleted_agent_is_nobodys_fallback(app: TestApp) {
    let ann = app.register("ann").await;
    let second = ann.agent(json!({ "name": "Second" })).await;
    let other = ann.agent(json!({ "name": "Other" })).await;
    let (first, conversation) = with(&ann, json!({ "fallback_agent": second })).await;
    ann.delete(&at(&other)).await.expect(204);
    let kept = ann.get(&at(&first)).await.expect(200);
    assert_eq!(kept["fallback_agent"], json!(second));
    ann.delete(&at(&second)).await.expect(204);
    let cleared = ann.get(&at(&first)).await.expect(200);
    assert_eq!(cleared["fallback_agent"], Value::Null);
    app.model.replies([down()]);
    ann.say(&conversation, "Hello").await.expect(502);
}

async fn fallbacks_that_cannot_be_are_refused(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let bobs = bob.agent(json!({})).await;
    let other = ann.agent(json!({ "name": "Other" })).await;
    let (agent, _) = with(&ann, json!({})).await;
    let unknown = "0191b2c3-4d5e-7f60-8123-456789abcdef";
    let missing = |id: &str| format!("Invalid pk \"{id}\" - object does not exist.");
    let (own, both) = (
        "An agent cannot be its own fallback.".to_owned(),
        "Set fallback_agent or fallback_model, not both.".to_owned(),
    );
    for (change, field, message) in [
        (
            json!({ "fallback_agent": agent }),
            "fallback_agent",
            own.clone(),
        ),
        (
            json!({ "fallback_agent": bobs }),
            "fallback_agent",
            missing(&bobs),
        ),
        (
            json!({ "fallback_agent": unknown }),
            "fallback_agent",
            missing(unknown),
        ),
        (
            json!({ "fallback_agent": "x" }),
            "fallback_agent",
            "Must be a valid UUID.".to_owned(),
        ),
        (
            json!({ "fallback_model": "first" }),
            "fallback_model",
            own.clone(),
        ),
        (
            json!({ "fallback_model": "" }),
            "fallback_model",
            "This field may not be blank.".to_owned(),
        ),
        (
            json!({ "fallback_model": "m".repeat(101) }),
            "fallback_model",
            "Ensure this field has no more than 100 characters.".to_owned(),
        ),
        (
            json!({ "fallback_model": "m", "fallback_agent": other }),
            "fallback_model",
            both.clone(),
        ),
    ] {
        let before = ann.get(&at(&agent)).await.expect(200);
        let errors = json!({ field: [message] });
        ann.patch(&at(&agent), change.clone())
            .await
            .is(400, &errors);
        ann.get(&at(&agent)).await.is(200, &before);
        if field == "fallback_agent" && change["fallback_agent"] != agent {
            let mut new = change.clone();
            new["name"] = json!("New");
            ann.post(AGENTS, new).await.is(400, &errors);
        }
    }
    // Also when only one of both is sent, and when it is the model that changes.
    ann.patch(&at(&agent), json!({ "fallback_agent": other }))
        .await
        .expect(200);
    ann.patch(&at(&agent), json!({ "fallback_model": "m" }))
        .await
        .is(400, &json!({ "fallback_model": [both] }));
    let swapped = json!({ "fallback_agent": null, "fallback_model": "m" });
    ann.patch(&at(&agent), swapped).await.expect(200);
    ann.patch(&at(&agent), json!({ "model": "m" }))
        .await
        .is(400, &json!({ "fallback_model": [own] }));
    let changed = ann
        .patch(&at(&agent), json!({ "fallback_model": null, "model": "m" }))
        .await
        .expect(200);
    assert_eq!(id(&changed), agent);
}
