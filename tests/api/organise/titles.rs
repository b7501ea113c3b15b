//! Titles that nobody chose.

use serde_json::{Value, json};

use super::{at, begin, title};
use crate::support::client::id;
use crate::support::model_server::{End, Reply, openai_answer, openai_error};
use crate::support::{Client, TestApp, eventually, on_each_database};

on_each_database! {
    the_first_question_makes_a_title,
    a_title_that_was_chosen_stays,
    a_question_without_an_answer_makes_a_title,
    no_model_is_asked_unless_the_agent_says_so,
    a_model_of_the_agents_finds_a_better_title,
    what_the_model_says_is_made_a_title,
    a_model_that_fails_changes_nothing,
    only_the_first_complete_answer_asks_for_a_title,
    a_title_chosen_meanwhile_stays,
    a_title_delays_no_answer,
    a_server_that_ends_waits_for_no_title,
}

async fn the_first_question_makes_a_title(app: TestApp) {
    let ann = app.register("ann").await;
    let long = "How do I make a list of lists in Rust without copying any of them twice?";
    for (question, expected) in [
        ("Hello!", "Hello!"),
        (
            "\n  Why  is the\tsky blue? \nTell me.",
            "Why is the sky blue?",
        ),
        (
            long,
            "How do I make a list of lists in Rust without copying any of…",
        ),
        (&"長".repeat(500), &format!("{}…", "長".repeat(60))),
    ] {
        let conversation = begin(&ann, json!({})).await;
        ann.say(&conversation, question).await.expect(200);
        assert_eq!(title(&ann, &conversation).await, expected);
        ann.say(&conversation, "Something else").await.expect(200);
        assert_eq!(title(&ann, &conversation).await, expected);
    }
}

async fn a_title_that_was_chosen_stays(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({ "title": "Mine" })).await;
    ann.say(&conversation, "Hello").await.expect(200);
    assert_eq!(title(&ann, &conversation).await, "Mine");
    let conversation = begin(&ann, json!({})).await;
    ann.patch(&at(&conversation), json!({ "title": "Other" }))
        .await
        .expect(200);
    ann.say(&conversation, "Hello").await.expect(200);
    assert_eq!(title(&ann, &conversation).await, "Other");
}

async fn a_question_without_an_answer_makes_a_title(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    app.model.replies([openai_error(400, "No", "no")]);
    ann.say(&conversation, "Hello").await.expect(502);
    assert_eq!(title(&ann, &conversation).await, "Hello");
}

async fn no_model_is_asked_unless_the_agent_says_so(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = begin(&ann, json!({})).await;
    ann.say(&conversation, "Hello").await.expect(200);
    ann.say(&conversation, "And?").await.expect(200);
    assert_eq!(app.model.server.calls(), 2);
}

/// A conversation with an agent that has a model for titles.
async fn with_namer(client: &Client) -> String {
    let agent = client
        .agent(json!({ "name": "Namer", "title_model": "small", "model": "large" }))
        .await;
    client.conversation_with(&agent).await
}

async fn becomes(client: &Client, conversation: &str, expected: &str) {
    eventually(expected, async || {
        (title(client, conversation).await == expected).then_some(())
    })
    .await;
}

/// Waits until the server has asked the model so often.
async fn asked(app: &TestApp, calls: usize) {
    eventually("the model is asked", async || {
        (app.model.server.calls() == calls).then_some(())
    })
    .await;
}

async fn a_model_of_the_agents_finds_a_better_title(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = with_namer(&ann).await;
    app.model.replies([
        openai_answer("Because of Rayleigh.", None),
        openai_answer("Colour of the sky", None),
    ]);
    ann.say(&conversation, "Why is the sky blue?")
        .await
        .expect(200);
    let updated_at = ann.get(&at(&conversation)).await.expect(200)["updated_at"].clone();
    becomes(&ann, &conversation, "Colour of the sky").await;
    let asked = app.model.server.asked();
    assert_eq!((asked[0].model(), asked[1].model()), ("large", "small"));
    let told = asked[1].body["messages"][1]["content"].as_str().unwrap();
    assert!(told.contains("Why is the sky blue?") && told.contains("Because of Rayleigh."));
    let detail = ann.get(&at(&conversation)).await.expect(200);
    assert_eq!(detail["updated_at"], updated_at);
    assert_eq!(detail["message_count"], 2);
}

async fn what_the_model_says_is_made_a_title(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann
        .agent(json!({ "name": "Namer", "title_model": "small" }))
        .await;
    let endless = "word ".repeat(1000);
    for (said, expected) in [
        ("\"Blue  skies.\"\nIs that good?", "Blue skies".to_owned()),
        ("**Title: Blue\u{0}skies**", "Blue skies".to_owned()),
        (&endless, format!("{}…", "word ".repeat(16).trim_end())),
    ] {
        let conversation = ann.conversation_with(&agent).await;
        app.model
            .replies([openai_answer("Yes.", None), openai_answer(said, None)]);
        ann.say(&conversation, "Hello").await.expect(200);
        becomes(&ann, &conversation, &expected).await;
    }
}

async fn a_model_that_fails_changes_nothing(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann
        .agent(json!({ "name": "Namer", "title_model": "small" }))
        .await;
    for (number, reply) in (1..).zip([
        openai_error(500, "No", "no"),
        openai_answer("\"\"", None),
        openai_answer("Half a title", None)
            .pieces(2)
            .end(End::Reset),
        Reply::text(200, "text/plain", "Hm."),
    ]) {
        let conversation = ann.conversation_with(&agent).await;
        app.model.replies([openai_answer("Yes.", None), reply]);
        let said = ann.say(&conversation, "Hello").await.expect(200);
        assert_eq!(said["assistant_message"]["content"], "Yes.");
        asked(&app, 3 * number - 1).await;
        // The conversation goes on; nobody asks again.
        ann.say(&conversation, "And?").await.expect(200);
        assert_eq!(title(&ann, &conversation).await, "Hello");
        assert_eq!(app.model.server.calls(), 3 * number);
    }
}

async fn only_the_first_complete_answer_asks_for_a_title(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = with_namer(&ann).await;
    // One that fails, and one that is stopped.
    app.model.replies([
        openai_error(400, "No", "no"),
        openai_answer("one two", None).pieces(2).end(End::Silence),
    ]);
    ann.say(&conversation, "First").await.expect(502);
    let asking = {
        let (ann, conversation) = (ann.clone(), conversation.clone());
        tokio::spawn(async move { ann.say(&conversation, "Second").await })
    };
    asked(&app, 2).await;
    ann.post(&format!("{}stop/", at(&conversation)), json!({}))
        .await
        .expect(200);
    asking.await.unwrap().expect(200);
    assert_eq!(title(&ann, &conversation).await, "First");
    app.model.replies([
        openai_answer("Yes.", None),
        openai_answer("Of a model", None),
    ]);
    ann.say(&conversation, "Third").await.expect(200);
    becomes(&ann, &conversation, "Of a model").await;
    ann.say(&conversation, "Fourth").await.expect(200);
    let models: Vec<String> = app
        .model
        .server
        .asked()
        .iter()
        .map(|asked| asked.model().to_owned())
        .collect();
    assert_eq!(models, ["large", "large", "large", "small", "large"]);
}

async fn a_title_chosen_meanwhile_stays(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = with_namer(&ann).await;
    let gate = crate::support::model_server::Gate::default();
    app.model.replies([
        openai_answer("Yes.", None),
        openai_answer("Of a model", None).hold(1, &gate),
    ]);
    ann.say(&conversation, "Hello").await.expect(200);
    asked(&app, 2).await;
    ann.patch(&at(&conversation), json!({ "title": "Mine" }))
        .await
        .expect(200);
    gate.open();
    // Once a second conversation has its title, the first one's would be there, too.
    let other = ann
        .post(
            "/api/conversations/",
            json!({ "agent": ann.get(&at(&conversation)).await.expect(200)["agent"] }),
        )
        .await
        .expect(201);
    app.model
        .replies([openai_answer("Yes.", None), openai_answer("Another", None)]);
    ann.say(&id(&other), "Hello").await.expect(200);
    becomes(&ann, &id(&other), "Another").await;
    assert_eq!(title(&ann, &conversation).await, "Mine");
}

async fn a_title_delays_no_answer(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = with_namer(&ann).await;
    app.model
        .replies([openai_answer("Yes.", None), Reply::silence()]);
    ann.say(&conversation, "Hello").await.expect(200);
    asked(&app, 2).await;
    let said = ann.say(&conversation, "And?").await.expect(200);
    assert_eq!(said["assistant_message"]["status"], "complete");
}

async fn a_server_that_ends_waits_for_no_title(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = with_namer(&ann).await;
    app.model
        .replies([openai_answer("Yes.", None), Reply::silence()]);
    ann.say(&conversation, "Hello").await.expect(200);
    asked(&app, 2).await;
    let again = app.another(&[]).await;
    let start = std::time::Instant::now();
    app.stop().await;
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    let ann = Client {
        base: again.base.clone(),
        ..ann
    };
    let detail: Value = ann.get(&at(&conversation)).await.expect(200);
    assert_eq!(detail["title"], "Hello");
}
