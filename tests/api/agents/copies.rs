//! Agents made of others: of the templates, and as copies.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{AGENTS, at, defaults};
use crate::support::client::id;
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    an_agent_can_be_made_of_each_template,
    a_copy_has_everything_but_the_name_and_the_default,
    copies_have_names_that_are_free,
    copies_made_at_once_have_names_of_their_own,
    agents_of_others_are_not_copied,
}

async fn an_agent_can_be_made_of_each_template(app: TestApp) {
    let ann = app.register("ann").await;
    let list = ann.get("/api/agents/templates/").await.expect(200);
    let templates = list["templates"].as_array().unwrap();
    assert!((8..=12).contains(&templates.len()));
    let keys: HashSet<&str> = templates
        .iter()
        .map(|template| template["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys.len(), templates.len());
    for template in templates {
        let agent = ann.post(AGENTS, template.clone()).await.expect(201);
        for field in ["name", "description", "temperature", "system_prompt"] {
            assert_eq!(agent[field], template[field]);
        }
        // No line of it is indented as the program's source is.
        assert!(!template["system_prompt"].as_str().unwrap().contains("  "));
    }
}

async fn copy(client: &Client, agent: &str) -> Value {
    let path = format!("/api/agents/{agent}/duplicate/");
    client.post(&path, json!({})).await.expect(201)
}

async fn a_copy_has_everything_but_the_name_and_the_default(app: TestApp) {
    let ann = app.register("ann").await;
    let other = ann.agent(json!({ "name": "Other" })).await;
    let original = ann
        .post(
            AGENTS,
            json!({
                "name": "Zoë", "description": "d", "llm_provider": "ollama", "model": "m", "temperature": 1.5,
                "max_tokens": 7, "context_window": 300, "system_prompt": "p", "is_default": true, "is_active": false,
                "top_p": 0.5, "stop": ["x"], "seed": 1, "reasoning_effort": "low", "response_format": "json_object",
                "fallback_agent": other,
            }),
        )
        .await
        .expect(201);
    let made = copy(&ann, &id(&original)).await;
    let mut expected = original.clone();
    for field in ["id", "created_at", "updated_at"] {
        assert_ne!(made[field], original[field]);
        expected[field] = made[field].clone();
    }
    (expected["name"], expected["is_default"]) = (json!("Zoë (copy)"), json!(false));
    assert_eq!(made, expected);
    ann.get(&at(&id(&made))).await.is(200, &made);
    assert_eq!(defaults(&ann).await, ["Zoë"]);
    let versions = ann
        .get(&format!("/api/agents/{}/prompts/", id(&made)))
        .await
        .expect(200);
    assert_eq!(
        (&versions["count"], &versions["results"][0]["system_prompt"]),
        (&json!(1), &json!("p"))
    );
}

async fn copies_have_names_that_are_free(app: TestApp) {
    let ann = app.register("ann").await;
    let short = ann.agent(json!({ "name": "Zoe" })).await;
    ann.agent(json!({ "name": "Zoe (copy 3)" })).await;
    for name in ["Zoe (copy)", "Zoe (copy 2)", "Zoe (copy 4)"] {
        assert_eq!(copy(&ann, &short).await["name"], name);
    }
    // Others' names are none of one's own.
    let bob = app.register("bob").await;
    let bobs = bob.agent(json!({ "name": "Zoe" })).await;
    assert_eq!(copy(&bob, &bobs).await["name"], "Zoe (copy)");
    // A long one gives way, by characters.
    let long = ann.agent(json!({ "name": "ö".repeat(100) })).await;
    for (suffix, kept) in [(" (copy)", 93), (" (copy 2)", 91), (" (copy 3)", 91)] {
        let name = copy(&ann, &long).await["name"].clone();
        assert_eq!(name, json!("ö".repeat(kept) + suffix));
    }
}

async fn copies_made_at_once_have_names_of_their_own(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({ "name": "Zoe" })).await;
    let copies: Vec<_> = (0..8)
        .map(|_| {
            let (ann, agent) = (ann.clone(), agent.clone());
            tokio::spawn(async move { copy(&ann, &agent).await })
        })
        .collect();
    let mut names = HashSet::new();
    for made in copies {
        names.insert(made.await.unwrap()["name"].as_str().unwrap().to_owned());
    }
    assert_eq!(names.len(), 8, "{names:?}");
    assert!(names.contains("Zoe (copy)") && names.contains("Zoe (copy 8)"));
}

async fn agents_of_others_are_not_copied(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let agent = ann.agent(json!({})).await;
    bob.post(&format!("/api/agents/{agent}/duplicate/"), json!({}))
        .await
        .is(404, &json!({ "detail": "Not found." }));
    assert_eq!(bob.get(AGENTS).await.expect(200)["count"], 0);
    assert_eq!(ann.get(AGENTS).await.expect(200)["count"], 1);
}
