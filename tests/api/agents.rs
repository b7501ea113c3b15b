//! Agents, and which of them is the default.

mod copies;
mod deactivated;
mod fallback;
mod parameters;
mod prompts;
mod trial;
mod variables;

use serde_json::{Value, json};

use crate::support::client::id;
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    an_agent_of_which_nothing_is_said_is_bruno,
    the_defaults_for_provider_and_model_can_be_set,
    an_agent_keeps_what_is_said_about_it,
    fields_are_read_as_generously_as_by_the_original,
    all_faulty_fields_are_told_at_once,
    the_limits_of_numbers_are_told,
    a_name_is_unique_per_user_and_by_case,
    put_and_patch_change_only_what_is_sent,
    a_context_window_is_kept_until_it_is_set_to_null,
    at_most_one_agent_is_the_default,
    a_failed_request_takes_the_default_from_nobody,
    the_default_agent_is_made_when_there_is_none,
    an_agent_called_bruno_becomes_the_default,
    the_default_may_be_inactive,
    agents_are_listed_newest_first,
    a_deleted_agent_takes_its_conversations_along,
}

const AGENTS: &str = "/api/agents/";
const DEFAULT: &str = "/api/agents/default/";

fn at(agent: &str) -> String {
    format!("/api/agents/{agent}/")
}

/// The names of the agents that are the default.
async fn defaults(client: &Client) -> Vec<String> {
    let list = client.get(AGENTS).await.expect(200);
    let agents = list["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|agent| agent["is_default"] == true);
    agents
        .map(|agent| agent["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn an_agent_of_which_nothing_is_said_is_bruno(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.send("POST", AGENTS, None).await.expect(201);
    let expected = json!({
        "id": agent["id"], "name": "Bruno", "description": "", "llm_provider": "openai", "model": "gpt-4",
        "temperature": 0.7, "max_tokens": 2000, "context_window": null,
        "system_prompt": "You are Bruno, a helpful AI assistant.", "is_default": false, "is_active": true,
        "created_at": agent["created_at"], "updated_at": agent["created_at"],
        "top_p": null, "stop": null, "seed": null, "reasoning_effort": null, "response_format": null,
        "fallback_agent": null, "fallback_model": null, "title_model": null,
    });
    assert_eq!(agent, expected);
    ann.get(&at(&id(&agent))).await.is(200, &agent);
}

async fn the_defaults_for_provider_and_model_can_be_set(app: TestApp) {
    let app = app
        .another(&[
            ("DEFAULT_LLM_PROVIDER", "ollama"),
            ("DEFAULT_MODEL", "llama3.2:1b"),
        ])
        .await;
    let ann = app.register("ann").await;
    let bruno = ann.get(DEFAULT).await.expect(200);
    let agent = ann
        .post(AGENTS, json!({ "name": "Other" }))
        .await
        .expect(201);
    for agent in [bruno, agent] {
        assert_eq!(
            (&agent["llm_provider"], &agent["model"]),
            (&json!("ollama"), &json!("llama3.2:1b"))
        );
    }
    let agent = ann
        .post(
            AGENTS,
            json!({ "name": "Third", "llm_provider": "openai", "model": "m" }),
        )
        .await
        .expect(201);
    assert_eq!(
        (&agent["llm_provider"], &agent["model"]),
        (&json!("openai"), &json!("m"))
    );
}

async fn an_agent_keeps_what_is_said_about_it(app: TestApp) {
    let ann = app.register("ann").await;
    let said = json!({
        "name": "Zoë 🦀", "description": "two\nlines", "llm_provider": "ollama", "model": "m", "temperature": 2.0,
        "max_tokens": 2_147_483_647, "context_window": 16_777_216, "system_prompt": "Be\n\nbrief.",
        "is_default": true, "is_active": false, "title_model": "small",
    });
    let agent = ann.post(AGENTS, said.clone()).await.expect(201);
    for (field, value) in said.as_object().unwrap() {
        assert_eq!(&agent[field], value, "{field}");
    }
    ann.get(&at(&id(&agent))).await.is(200, &agent);
}

async fn fields_are_read_as_generously_as_by_the_original(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = at(&ann.agent(json!({})).await);
    for (sent, kept) in [
        (json!({ "name": 42 }), json!({ "name": "42" })),
        (json!({ "name": 4.5 }), json!({ "name": "4.5" })),
        (
            json!({ "name": "  in  side \n" }),
            json!({ "name": "in  side" }),
        ),
        (
            json!({ "description": "   " }),
            json!({ "description": "" }),
        ),
        (
            json!({ "temperature": "1.5" }),
            json!({ "temperature": 1.5 }),
        ),
        (
            json!({ "temperature": " 5e-1 " }),
            json!({ "temperature": 0.5 }),
        ),
        (json!({ "temperature": 1 }), json!({ "temperature": 1.0 })),
        (json!({ "max_tokens": "300" }), json!({ "max_tokens": 300 })),
        (json!({ "max_tokens": 7.0 }), json!({ "max_tokens": 7 })),
        (
            json!({ "max_tokens": " 12.0 " }),
            json!({ "max_tokens": 12 }),
        ),
        (
            json!({ "context_window": " 256.0 " }),
            json!({ "context_window": 256 }),
        ),
        (json!({ "is_active": "off" }), json!({ "is_active": false })),
        (json!({ "is_active": 1 }), json!({ "is_active": true })),
        (json!({ "is_active": "No" }), json!({ "is_active": false })),
        (json!({ "is_active": 1.0 }), json!({ "is_active": true })),
        (json!({ "is_default": "t" }), json!({ "is_default": true })),
    ] {
        let changed = ann.patch(&agent, sent.clone()).await.expect(200);
        for (field, value) in kept.as_object().unwrap() {
            assert_eq!(&changed[field], value, "{sent}");
        }
    }
}

async fn all_faulty_fields_are_told_at_once(app: TestApp) {
    let ann = app.register("ann").await;
    let null = json!(["This field may not be null."]);
    let names = [
        "name",
        "description",
        "llm_provider",
        "model",
        "temperature",
        "max_tokens",
        "system_prompt",
        "is_default",
        "is_active",
    ];
    let nulls: Value = names
        .iter()
        .map(|&name| (name.to_owned(), Value::Null))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let errors: Value = names
        .iter()
        .map(|&name| (name.to_owned(), null.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    ann.post(AGENTS, nulls).await.is(400, &errors);
    let body = json!({
        "name": " ", "description": [], "llm_provider": "bard", "model": "m".repeat(101), "temperature": true,
        "max_tokens": 300.5, "context_window": "large", "system_prompt": "", "is_default": "maybe", "is_active": "",
    });
    let errors = json!({
        "name": ["This field may not be blank."], "description": ["Not a valid string."],
        "llm_provider": ["\"bard\" is not a valid choice."],
        "model": ["Ensure this field has no more than 100 characters."], "temperature": ["A valid number is required."],
        "max_tokens": ["A valid integer is required."], "context_window": ["A valid integer is required."],
        "system_prompt": ["This field may not be blank."],
        "is_default": ["Must be a valid boolean."], "is_active": ["Must be a valid boolean."],
    });
    ann.post(AGENTS, body).await.is(400, &errors);
    assert_eq!(ann.get(AGENTS).await.expect(200)["count"], 0);
}

async fn the_limits_of_numbers_are_told(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = at(&ann.agent(json!({})).await);
    for good in [
        json!({ "temperature": 0 }),
        json!({ "temperature": 2 }),
        json!({ "max_tokens": 1 }),
        json!({ "context_window": 256 }),
        json!({ "context_window": 16_777_216 }),
    ] {
        ann.patch(&agent, good).await.expect(200);
    }
    let least = |number: &str| format!("Ensure this value is greater than or equal to {number}.");
    let most = |number: &str| format!("Ensure this value is less than or equal to {number}.");
    let number = "A valid number is required.".to_owned();
    let integer = "A valid integer is required.".to_owned();
    for (field, value, message) in [
        ("temperature", json!(-0.1), least("0")),
        ("temperature", json!(2.01), most("2")),
        ("temperature", json!("nan"), number.clone()),
        ("temperature", json!("inf"), number.clone()),
        ("temperature", json!(""), number.clone()),
        ("temperature", json!([1]), number),
        ("max_tokens", json!(0), least("1")),
        ("max_tokens", json!(2_147_483_648_u64), most("2147483647")),
        (
            "max_tokens",
            json!("99999999999999999999999"),
            most("2147483647"),
        ),
        (
            "max_tokens",
            serde_json::from_str("99999999999999999999999").unwrap(),
            most("2147483647"),
        ),
        ("max_tokens", json!("1e3"), integer.clone()),
        ("max_tokens", json!(""), integer.clone()),
        ("max_tokens", json!(false), integer.clone()),
        ("context_window", json!(255), least("256")),
        ("context_window", json!(16_777_217), most("16777216")),
        ("context_window", json!(""), integer),
    ] {
        let answer = ann.patch(&agent, json!({ field: value })).await;
        assert_eq!(
            (answer.status, &answer.json),
            (400, &json!({ field: [message] })),
            "{value}"
        );
    }
}

async fn a_name_is_unique_per_user_and_by_case(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    ann.agent(json!({ "name": "Zoe" })).await;
    let other = ann.agent(json!({ "name": "zoe" })).await;
    bob.agent(json!({ "name": "Zoe" })).await;
    let taken = json!({ "name": ["Agent with this name already exists."] });
    ann.post(AGENTS, json!({ "name": " Zoe " }))
        .await
        .is(400, &taken);
    ann.patch(&at(&other), json!({ "name": "Zoe" }))
        .await
        .is(400, &taken);
    ann.patch(&at(&other), json!({ "name": "zoe" }))
        .await
        .expect(200);
}

async fn put_and_patch_change_only_what_is_sent(app: TestApp) {
    let ann = app.register("ann").await;
    let before = ann
        .post(
            AGENTS,
            json!({ "name": "Zoe", "description": "d", "is_default": true }),
        )
        .await
        .expect(201);
    let agent = at(&id(&before));
    for method in ["PUT", "PATCH"] {
        let mut after = ann.send(method, &agent, Some(&json!({}))).await.expect(200);
        assert!(after["updated_at"].as_str() > before["updated_at"].as_str());
        after["updated_at"] = before["updated_at"].clone();
        assert_eq!(after, before);
    }
    let changed = ann
        .put(
            &agent,
            json!({ "temperature": 0.25, "created_at": "2001-01-01T00:00:00Z" }),
        )
        .await
        .expect(200);
    assert_eq!(
        (&changed["temperature"], &changed["name"]),
        (&json!(0.25), &json!("Zoe"))
    );
    assert_eq!(changed["created_at"], before["created_at"]);
}

async fn a_context_window_is_kept_until_it_is_set_to_null(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = at(&ann.agent(json!({ "context_window": 4096 })).await);
    for (sent, kept) in [
        (json!({ "model": "m" }), json!(4096)),
        (json!({ "context_window": 8192 }), json!(8192)),
        (json!({ "context_window": null }), json!(null)),
        (json!({ "model": "n" }), json!(null)),
    ] {
        let changed = ann.patch(&agent, sent.clone()).await.expect(200);
        assert_eq!(changed["context_window"], kept, "{sent}");
        ann.get(&agent).await.is(200, &changed);
        let listed = ann.get(AGENTS).await.expect(200);
        assert_eq!(listed["results"][0], changed);
    }
    let null = ann
        .post(AGENTS, json!({ "name": "Null", "context_window": null }))
        .await
        .expect(201);
    assert_eq!(null["context_window"], json!(null));
}

async fn at_most_one_agent_is_the_default(app: TestApp) {
    let ann = app.register("ann").await;
    let first = ann
        .agent(json!({ "name": "first", "is_default": true }))
        .await;
    assert_eq!(defaults(&ann).await, ["first"]);
    ann.agent(json!({ "name": "second", "is_default": true }))
        .await;
    assert_eq!(defaults(&ann).await, ["second"]);
    ann.patch(&at(&first), json!({ "is_default": true }))
        .await
        .expect(200);
    assert_eq!(defaults(&ann).await, ["first"]);
    assert_eq!(id(&ann.get(DEFAULT).await.expect(200)), first);
    ann.patch(&at(&first), json!({ "is_default": false }))
        .await
        .expect(200);
    assert!(defaults(&ann).await.is_empty());
    // Somebody else's default is a matter of theirs.
    let bob = app.register("bob").await;
    ann.patch(&at(&first), json!({ "is_default": true }))
        .await
        .expect(200);
    bob.agent(json!({ "is_default": true })).await;
    assert_eq!(defaults(&ann).await, ["first"]);
}

async fn a_failed_request_takes_the_default_from_nobody(app: TestApp) {
    let ann = app.register("ann").await;
    ann.agent(json!({ "name": "first", "is_default": true }))
        .await;
    let second = ann.agent(json!({ "name": "second" })).await;
    ann.post(AGENTS, json!({ "name": "first", "is_default": true }))
        .await
        .expect(400);
    ann.patch(&at(&second), json!({ "name": "first", "is_default": true }))
        .await
        .expect(400);
    ann.patch(
        &at("00000000-0000-4000-8000-000000000000"),
        json!({ "is_default": true }),
    )
    .await
    .expect(404);
    assert_eq!(defaults(&ann).await, ["first"]);
}

async fn the_default_agent_is_made_when_there_is_none(app: TestApp) {
    let ann = app.register("ann").await;
    ann.agent(json!({ "name": "Other" })).await;
    let bruno = ann.get(DEFAULT).await.expect(200);
    assert_eq!(
        (&bruno["name"], &bruno["is_default"]),
        (&json!("Bruno"), &json!(true))
    );
    ann.get(DEFAULT).await.is(200, &bruno);
    assert_eq!(ann.get(AGENTS).await.expect(200)["count"], 2);
}

async fn an_agent_called_bruno_becomes_the_default(app: TestApp) {
    let ann = app.register("ann").await;
    let bruno = ann.agent(json!({ "description": "mine" })).await;
    let default = ann.get(DEFAULT).await.expect(200);
    assert_eq!(
        (id(&default), &default["description"]),
        (bruno, &json!("mine"))
    );
    assert_eq!(ann.get(AGENTS).await.expect(200)["count"], 1);
}

async fn the_default_may_be_inactive(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann
        .agent(json!({ "name": "Off", "is_default": true, "is_active": false }))
        .await;
    assert_eq!(id(&ann.get(DEFAULT).await.expect(200)), agent);
}

async fn agents_are_listed_newest_first(app: TestApp) {
    let ann = app.register("ann").await;
    for name in ["a", "b", "c"] {
        ann.agent(json!({ "name": name })).await;
    }
    let oldest = ann.get(AGENTS).await.expect(200)["results"][2].clone();
    ann.patch(&at(&id(&oldest)), json!({ "description": "changed" }))
        .await
        .expect(200);
    let list = ann.get(AGENTS).await.expect(200);
    let names: Vec<_> = list["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| agent["name"].clone())
        .collect();
    assert_eq!(names, ["c", "b", "a"]);
}

async fn a_deleted_agent_takes_its_conversations_along(app: TestApp) {
    let ann = app.register("ann").await;
    let (agent, other) = (
        ann.agent(json!({})).await,
        ann.agent(json!({ "name": "Other" })).await,
    );
    let conversation = ann.conversation_with(&agent).await;
    let kept = ann.conversation_with(&other).await;
    ann.say(&conversation, "Hello").await.expect(200);
    ann.say(&kept, "Hello").await.expect(200);
    ann.delete(&at(&agent)).await.expect(204);
    ann.delete(&at(&agent)).await.expect(404);
    ann.get(&format!("/api/conversations/{conversation}/"))
        .await
        .expect(404);
    assert_eq!(ann.get("/api/messages/").await.expect(200)["count"], 2);
    assert_eq!(ann.messages(&kept).await.len(), 2);
}
