//! What a model is told beside temperature and length.

use serde_json::{Value, json};

use super::{AGENTS, at};
use crate::support::client::id;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    openai_is_told_all_parameters,
    ollama_is_told_them_in_its_own_words,
    a_parameter_stays_until_it_is_set_to_null,
    formats_may_be_said_as_openai_does,
    faulty_parameters_are_told_with_the_other_faulty_fields,
    the_limits_of_parameters_are_told,
    what_a_provider_cannot_do_is_refused_whichever_of_both_is_changed,
}

fn schema() -> Value {
    json!({ "type": "json_schema", "json_schema": {
        "name": "city-1", "strict": true, "description": "A city.",
        "schema": {
            "type": "object", "properties": { "name": { "type": "string" }, "share": { "multipleOf": 0.1 } },
            "required": ["name"], "additionalProperties": false,
        },
    } })
}

fn all() -> Value {
    json!({
        "top_p": 0.25, "stop": ["\n\n", " END "], "seed": -42, "reasoning_effort": "high", "response_format": schema(),
    })
}

const NAMES: [&str; 5] = [
    "top_p",
    "stop",
    "seed",
    "reasoning_effort",
    "response_format",
];

async fn openai_is_told_all_parameters(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.post(AGENTS, all()).await.expect(201);
    for (name, value) in all().as_object().unwrap() {
        assert_eq!(&agent[name], value);
    }
    ann.get(&at(&id(&agent))).await.is(200, &agent);
    assert_eq!(ann.get(AGENTS).await.expect(200)["results"][0], agent);
    let conversation = ann.conversation_with(&id(&agent)).await;
    ann.say(&conversation, "Hello").await.expect(200);
    let asked = app.model.last_asked();
    assert_eq!(asked.path, "/v1/chat/completions");
    for (name, value) in all().as_object().unwrap() {
        assert_eq!(&asked.body[name], value);
    }
    for (sent, told) in [
        (json!("text"), json!({ "type": "text" })),
        (json!("json_object"), json!({ "type": "json_object" })),
    ] {
        let change = json!({ "response_format": sent, "reasoning_effort": "minimal" });
        ann.patch(&at(&id(&agent)), change).await.expect(200);
        ann.say(&conversation, "Hello").await.expect(200);
        let body = app.model.last_asked().body;
        assert_eq!(
            (&body["response_format"], &body["reasoning_effort"]),
            (&told, &json!("minimal"))
        );
    }
}

async fn ollama_is_told_them_in_its_own_words(app: TestApp) {
    let ann = app.register("ann").await;
    let mut body = all();
    body["llm_provider"] = json!("ollama");
    let agent = ann.agent(body).await;
    let conversation = ann.conversation_with(&agent).await;
    ann.say(&conversation, "Hello").await.expect(200);
    let asked = app.model.last_asked();
    assert_eq!(asked.path, "/api/chat");
    assert_eq!(
        (&asked.body["think"], &asked.body["format"]),
        (&json!("high"), &schema()["json_schema"]["schema"])
    );
    let options = &asked.body["options"];
    assert_eq!(
        (&options["top_p"], &options["stop"], &options["seed"]),
        (&json!(0.25), &json!(["\n\n", " END "]), &json!(-42))
    );
    for (effort, think, sent, format) in [
        ("none", json!(false), "json_object", json!("json")),
        ("low", json!("low"), "text", Value::Null),
        ("medium", json!("medium"), "json_object", json!("json")),
        ("max", json!("max"), "text", Value::Null),
    ] {
        let change = json!({ "reasoning_effort": effort, "response_format": sent });
        ann.patch(&at(&agent), change).await.expect(200);
        ann.say(&conversation, "Hello").await.expect(200);
        let body = app.model.last_asked().body;
        assert_eq!((&body["think"], &body["format"]), (&think, &format));
    }
}

async fn a_parameter_stays_until_it_is_set_to_null(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(all()).await;
    let conversation = ann.conversation_with(&agent).await;
    let mut expected = all();
    ann.patch(&at(&agent), json!({ "model": "m" }))
        .await
        .expect(200);
    for name in NAMES {
        let changed = ann
            .patch(&at(&agent), json!({ name: null }))
            .await
            .expect(200);
        expected[name] = Value::Null;
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&changed[name], value);
        }
    }
    ann.say(&conversation, "Hello").await.expect(200);
    let body = app.model.last_asked().body;
    for name in NAMES {
        assert_eq!(body.get(name), None, "{name}");
    }
}

async fn formats_may_be_said_as_openai_does(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = at(&ann.agent(json!({})).await);
    for (sent, kept) in [
        (
            json!({ "response_format": { "type": "text" } }),
            json!({ "response_format": "text" }),
        ),
        (
            json!({ "response_format": { "type": "json_object" } }),
            json!({ "response_format": "json_object" }),
        ),
        (json!({ "stop": "END" }), json!({ "stop": ["END"] })),
        (json!({ "stop": [] }), json!({ "stop": null })),
        (json!({ "top_p": "1" }), json!({ "top_p": 1.0 })),
        (json!({ "seed": " 7.0 " }), json!({ "seed": 7 })),
    ] {
        let changed = ann.patch(&agent, sent.clone()).await.expect(200);
        for (field, value) in kept.as_object().unwrap() {
            assert_eq!(&changed[field], value, "{sent}");
        }
    }
    // A form has no other way to say it.
    let form = "name=Form&stop=END&top_p=0.5&response_format=json_object&reasoning_effort=low";
    let made = ann
        .post_as(AGENTS, "application/x-www-form-urlencoded", form)
        .await
        .expect(201);
    assert_eq!(
        (&made["stop"], &made["response_format"]),
        (&json!(["END"]), &json!("json_object"))
    );
}

async fn faulty_parameters_are_told_with_the_other_faulty_fields(app: TestApp) {
    let ann = app.register("ann").await;
    let body = json!({
        "name": "", "top_p": 0, "stop": [1], "seed": "x", "reasoning_effort": "huge", "response_format": "xml",
    });
    let errors = json!({
        "name": ["This field may not be blank."],
        "top_p": ["Ensure this value is greater than 0."],
        "stop": ["Item 1: Not a valid string."],
        "seed": ["A valid integer is required."],
        "reasoning_effort": ["\"huge\" is not a valid choice."],
        "response_format": [
            "Must be \"text\", \"json_object\" or {\"type\": \"json_schema\", \"json_schema\": {…}}."
        ],
    });
    ann.post(AGENTS, body).await.is(400, &errors);
    assert_eq!(ann.get(AGENTS).await.expect(200)["count"], 0);
}

async fn the_limits_of_parameters_are_told(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = at(&ann.agent(json!({})).await);
    let with = |schema: Value| json!({ "type": "json_schema", "json_schema": schema });
    for good in [
        json!({ "stop": ["a".repeat(200), "b", "c", "d"] }),
        json!({ "seed": 9_007_199_254_740_991_i64 }),
        json!({ "seed": -9_007_199_254_740_991_i64 }),
        json!({ "response_format": with(json!({ "name": "n".repeat(64), "schema": {} })) }),
    ] {
        ann.patch(&agent, good).await.expect(200);
    }
    let before = ann.get(&agent).await.expect(200);
    let long = json!({ "name": "n", "schema": { "description": "x".repeat(70_000) } });
    for (field, value, words) in [
        ("top_p", json!(1.01), "less than or equal to 1"),
        ("top_p", json!(-0.5), "greater than or equal to 0"),
        ("top_p", json!("nan"), "valid number"),
        ("top_p", json!(true), "valid number"),
        ("stop", json!(["a", "b", "c", "d", "e"]), "no more than 4"),
        ("stop", json!(["a", ""]), "Item 2: An empty"),
        ("stop", json!(["a\u{0}"]), "Null characters"),
        (
            "stop",
            json!(["a", "b".repeat(201)]),
            "Item 2: Ensure this field has no more than 200",
        ),
        (
            "stop",
            json!("a".repeat(201)),
            "Ensure this field has no more than 200",
        ),
        ("stop", json!({}), "valid string"),
        ("stop", json!([null]), "valid string"),
        (
            "seed",
            json!(9_007_199_254_740_992_i64),
            "less than or equal to 9007199254740991",
        ),
        (
            "seed",
            serde_json::from_str("-99999999999999999999999999").unwrap(),
            "greater than or equal to -9007199254740991",
        ),
        ("seed", json!(1.5), "valid integer"),
        ("reasoning_effort", json!(""), "blank"),
        ("reasoning_effort", json!(3), "not a valid choice"),
        ("response_format", json!([]), "Must be"),
        ("response_format", json!({}), "Must be"),
        ("response_format", json!("json_schema"), "Must be"),
        ("response_format", with(json!("x")), "Must be"),
        ("response_format", with(json!({})), "\"name\""),
        (
            "response_format",
            with(json!({ "name": "a b", "schema": {} })),
            "\"name\"",
        ),
        (
            "response_format",
            with(json!({ "name": "n".repeat(65), "schema": {} })),
            "\"name\"",
        ),
        (
            "response_format",
            with(json!({ "name": "n" })),
            "\"schema\"",
        ),
        (
            "response_format",
            with(json!({ "name": "n", "schema": true })),
            "\"schema\"",
        ),
        (
            "response_format",
            with(json!({ "name": "n", "schema": {}, "strict": 1 })),
            "\"strict\"",
        ),
        (
            "response_format",
            with(json!({ "name": "n", "schema": {}, "other": 1 })),
            "\"other\"",
        ),
        (
            "response_format",
            with(json!({ "name": "n", "schema": { "enum": [{ "a\u{0}": 1 }] } })),
            "Null characters",
        ),
        ("response_format", with(long), "65536 bytes"),
    ] {
        let answer = ann.patch(&agent, json!({ field: value })).await;
        let told = answer.json[field][0].as_str().unwrap_or_default();
        assert!(
            answer.status == 400 && told.contains(words),
            "{field} {value}: {}",
            answer.text
        );
    }
    ann.get(&agent).await.is(200, &before);
}

async fn what_a_provider_cannot_do_is_refused_whichever_of_both_is_changed(app: TestApp) {
    let ann = app.register("ann").await;
    for effort in ["minimal", "xhigh"] {
        let refused = json!({ "reasoning_effort": [format!(
            "ollama knows no effort \"{effort}\", only none, low, medium, high and max."
        )] });
        let both = json!({ "name": "Both", "llm_provider": "ollama", "reasoning_effort": effort });
        ann.post(AGENTS, both).await.is(400, &refused);
        let openai = ann
            .agent(json!({ "name": format!("A {effort}"), "reasoning_effort": effort }))
            .await;
        let ollama = ann
            .agent(json!({ "name": format!("B {effort}"), "llm_provider": "ollama" }))
            .await;
        for (agent, change) in [
            (&openai, json!({ "llm_provider": "ollama" })),
            (&ollama, json!({ "reasoning_effort": effort })),
        ] {
            let before = ann.get(&at(agent)).await.expect(200);
            ann.patch(&at(agent), change).await.is(400, &refused);
            ann.get(&at(agent)).await.is(200, &before);
        }
        let change = json!({ "llm_provider": "ollama", "reasoning_effort": null });
        ann.patch(&at(&openai), change).await.expect(200);
    }
}
