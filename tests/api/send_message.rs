//! Saying something to an agent, and what becomes of the answer.

mod content;
mod failures;
mod oddities;

use serde_json::{Value, json};

use crate::support::client::{id, send};
use crate::support::model_server::{
    Reply, openai_answer, openai_chunk, openai_finish, openai_usage,
};
use crate::support::{Client, OPENAI_KEY, TestApp, eventually, on_each_database};

on_each_database! {
    both_messages_are_answered_and_kept,
    the_model_is_told_everything_in_order,
    ollama_is_asked_in_its_own_way,
    the_agents_provider_is_asked,
    the_token_counts_are_the_providers,
    an_answer_without_counts_has_no_tokens,
    a_strangers_conversation_is_not_found,
    thinking_is_kept_out_of_the_content,
    a_client_that_leaves_still_gets_its_answer_stored,
    a_conversation_deleted_meanwhile_is_not_found,
    other_requests_go_on_while_a_model_thinks,
}

fn at(conversation: &str) -> String {
    format!("/api/conversations/{conversation}/send_message/")
}

/// A conversation with an agent of which this is said.
async fn conversation_with(client: &Client, agent: Value) -> String {
    let agent = client.agent(agent).await;
    client.conversation_with(&agent).await
}

async fn both_messages_are_answered_and_kept(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let turn = ann.say(&conversation, "Hello").await.expect(200);
    assert_eq!(turn.as_object().unwrap().len(), 2);
    let (question, answer) = (&turn["user_message"], &turn["assistant_message"]);
    assert_eq!(
        (&question["role"], &question["content"]),
        (&json!("user"), &json!("Hello"))
    );
    assert_eq!(
        (&question["model"], &question["tokens_used"]),
        (&json!(""), &Value::Null)
    );
    assert_eq!(
        (&answer["role"], &answer["content"]),
        (&json!("assistant"), &json!("You said: Hello"))
    );
    assert_eq!(
        (&answer["model"], &answer["status"]),
        (&json!("gpt-4"), &json!("complete"))
    );
    assert!(question["created_at"].as_str() < answer["created_at"].as_str());
    assert_eq!(
        ann.messages(&conversation).await,
        [question.clone(), answer.clone()]
    );
}

async fn the_model_is_told_everything_in_order(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = json!({ "model": "m-1", "temperature": 0.25, "max_tokens": 77, "system_prompt": "Be brief." });
    let conversation = conversation_with(&ann, agent).await;
    ann.say(&conversation, "one").await.expect(200);
    ann.say(&conversation, "two\n\n🦀").await.expect(200);
    let asked = app.model.last_asked();
    assert_eq!(asked.path, "/v1/chat/completions");
    assert_eq!(
        asked.authorization(),
        Some(&*format!("Bearer {OPENAI_KEY}"))
    );
    assert_eq!(
        (&asked.body["model"], &asked.body["temperature"]),
        (&json!("m-1"), &json!(0.25))
    );
    let limits = [
        &asked.body["max_tokens"],
        &asked.body["max_completion_tokens"],
    ];
    assert!(limits.contains(&&json!(77)), "{}", asked.body);
    let expected = json!([
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": "one" },
        { "role": "assistant", "content": "You said: one" },
        { "role": "user", "content": "two\n\n🦀" },
    ]);
    assert_eq!(asked.body["messages"], expected);
    // Another conversation knows nothing of this one.
    let other = ann.conversation().await;
    ann.say(&other, "three").await.expect(200);
    assert_eq!(
        app.model.last_asked().body["messages"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

async fn ollama_is_asked_in_its_own_way(app: TestApp) {
    let app = app.another(&[("OLLAMA_CONTEXT_LENGTH", "4096")]).await;
    let ann = app.register("ann").await;
    let agent =
        json!({ "llm_provider": "ollama", "model": "llama3", "temperature": 1.5, "max_tokens": 9 });
    let conversation = conversation_with(&ann, agent).await;
    let turn = ann.say(&conversation, "Hello").await.expect(200);
    assert_eq!(turn["assistant_message"]["content"], "You said: Hello");
    assert_eq!(turn["assistant_message"]["model"], "llama3");
    let asked = app.model.last_asked();
    assert_eq!(
        (asked.path.as_str(), asked.authorization()),
        ("/api/chat", None)
    );
    let options = &asked.body["options"];
    assert_eq!(
        (&options["temperature"], &options["num_predict"]),
        (&json!(1.5), &json!(9))
    );
    assert_eq!(
        (&options["num_ctx"], &asked.body["truncate"]),
        (&json!(4096), &json!(false))
    );
    assert_eq!(asked.body["messages"].as_array().unwrap().len(), 2);
}

async fn the_agents_provider_is_asked(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({ "llm_provider": "openai" })).await;
    let conversation = ann.conversation_with(&agent).await;
    ann.say(&conversation, "Hello").await.expect(200);
    ann.patch(
        &format!("/api/agents/{agent}/"),
        json!({ "llm_provider": "ollama" }),
    )
    .await
    .expect(200);
    ann.say(&conversation, "Hello again").await.expect(200);
    let paths: Vec<_> = app
        .model
        .server
        .asked()
        .into_iter()
        .map(|asked| asked.path)
        .collect();
    assert_eq!(paths, ["/v1/chat/completions", "/api/chat"]);
}

async fn the_token_counts_are_the_providers(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    app.model.replies([openai_answer("Hi", Some((1234, 56)))]);
    let answer = ann.say(&conversation, "Hello").await.expect(200)["assistant_message"].clone();
    assert_eq!(
        (&answer["tokens_used"], &answer["prompt_tokens"]),
        (&json!(1290), &json!(1234))
    );
    assert_eq!(answer["completion_tokens"], 56);
    ann.get(&format!("/api/messages/{}/", id(&answer)))
        .await
        .is(200, &answer);
}

async fn an_answer_without_counts_has_no_tokens(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    app.model.replies([openai_answer("Hi", None)]);
    let answer = ann.say(&conversation, "Hello").await.expect(200)["assistant_message"].clone();
    assert_eq!(
        (&answer["content"], &answer["tokens_used"]),
        (&json!("Hi"), &Value::Null)
    );
}

async fn a_strangers_conversation_is_not_found(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let conversation = ann.conversation().await;
    for id in [
        &*conversation,
        "00000000-0000-4000-8000-000000000000",
        "nonsense",
    ] {
        for body in ["{\"content\": \"Hello\"}", "{}", "{ broken"] {
            let answer = bob.post_as(&at(id), "application/json", body).await;
            answer.is(404, &json!({ "detail": "Not found." }));
        }
    }
    assert!(ann.messages(&conversation).await.is_empty());
    assert_eq!(app.model.server.calls(), 0);
}

async fn thinking_is_kept_out_of_the_content(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let chunks = [
        openai_chunk(
            &json!({ "role": "assistant", "content": null, "reasoning_content": "Hm, a greeting." }),
        ),
        openai_chunk(&json!({ "content": "Good " })),
        openai_chunk(&json!({ "content": "day." })),
        openai_finish("stop"),
        openai_usage(5, 6),
    ];
    app.model.replies([Reply::events(&chunks)]);
    let answer = ann.say(&conversation, "Hello").await.expect(200)["assistant_message"].clone();
    assert_eq!(
        (&answer["content"], &answer["finish_reason"]),
        (&json!("Good day."), &json!("stop"))
    );
    ann.say(&conversation, "And?").await.expect(200);
    assert!(
        !app.model
            .last_asked()
            .body
            .to_string()
            .contains("Hm, a greeting.")
    );
}

async fn a_client_that_leaves_still_gets_its_answer_stored(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    app.model
        .replies([openai_answer("late", None).delay(std::time::Duration::from_millis(300))]);
    let request = ann
        .request("POST", &at(&conversation))
        .header("content-type", "application/json");
    let asking = tokio::spawn(send(request.body("{\"content\": \"Hello\"}")));
    eventually("the model is asked", async || {
        (app.model.server.calls() == 1).then_some(())
    })
    .await;
    asking.abort();
    let pending = ann.messages(&conversation).await;
    assert_eq!(
        (pending.len(), &pending[1]["status"], &pending[1]["content"]),
        (2, &json!("pending"), &json!(""))
    );
    let answer = eventually("the answer is stored", async || {
        let messages = ann.messages(&conversation).await;
        (messages[1]["status"] != "pending").then(|| messages[1].clone())
    })
    .await;
    assert_eq!(
        (&answer["status"], &answer["content"]),
        (&json!("complete"), &json!("late"))
    );
    assert!(
        app.model.server.nobody_left(),
        "the model was not left alone"
    );
}

async fn a_conversation_deleted_meanwhile_is_not_found(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    app.model
        .replies([openai_answer("late", None).delay(std::time::Duration::from_millis(300))]);
    let asking = tokio::spawn({
        let (ann, conversation) = (ann.clone(), conversation.clone());
        async move { ann.say(&conversation, "Hello").await }
    });
    eventually("the model is asked", async || {
        (app.model.server.calls() == 1).then_some(())
    })
    .await;
    ann.delete(&format!("/api/conversations/{conversation}/"))
        .await
        .expect(204);
    asking
        .await
        .unwrap()
        .is(404, &json!({ "detail": "Not found." }));
    assert_eq!(ann.get("/api/messages/").await.expect(200)["count"], 0);
}

/// More turns than there are connections to the database: none is held while a model thinks.
async fn other_requests_go_on_while_a_model_thinks(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = id(&ann.get("/api/agents/default/").await.expect(200));
    app.model.replies(std::iter::repeat_n(Reply::silence(), 20));
    let mut asking = Vec::new();
    for _ in 0..20 {
        let conversation = ann.conversation_with(&agent).await;
        let ann = ann.clone();
        asking.push(tokio::spawn(async move {
            ann.say(&conversation, "Hello").await
        }));
    }
    eventually("all models are asked", async || {
        (app.model.server.calls() == 20).then_some(())
    })
    .await;
    let conversation = ann.conversation_with(&agent).await;
    let turn = ann.say(&conversation, "And?").await.expect(200);
    assert_eq!(turn["assistant_message"]["content"], "You said: And?");
    asking.iter().for_each(tokio::task::JoinHandle::abort);
}
