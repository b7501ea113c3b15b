//! What the document says of the fields of a body is what the server's rules say: at a limit it takes a value, beyond it
//! refuses it.

use serde_json::{Map, Value, json};

use super::examples::{World, path_of};
use super::schemas::{example, resolve};
use super::{Operation, document, operations};
use crate::support::client::Answer;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    every_limit_of_a_body_is_the_servers,
}

/// A body that differs from an example in one field, and whether it is good.
struct Variant {
    field: String,
    /// `None` to leave the field out.
    value: Option<Value>,
    is_good: bool,
}

async fn every_limit_of_a_body_is_the_servers(app: TestApp) {
    let generic = document(&app).await;
    let mut wrong = Vec::new();
    for Operation { method, path } in operations(&generic) {
        let operation = &generic["paths"][path][method.to_ascii_lowercase()];
        if operation["requestBody"]["content"]["application/json"].is_null() {
            continue;
        }
        let world = World::new(&app, path).await;
        let document = world.put_into(&generic);
        let operation = &document["paths"][path][method.to_ascii_lowercase()];
        let content = &operation["requestBody"]["content"]["application/json"];
        let body = example(&document, content).unwrap();
        for variant in variants(&document, resolve(&document, &content["schema"])) {
            let mut body = body.as_object().unwrap().clone();
            match &variant.value {
                Some(value) => body.insert(variant.field.clone(), value.clone()),
                None => body.remove(&variant.field),
            };
            let path = path_of(path, operation);
            let answer = world
                .ada
                .send(&method, &path, Some(&Value::Object(body)))
                .await;
            if refuses(&answer, &variant.field) == variant.is_good {
                let value = variant.value.map(|value| value.to_string());
                let value = value
                    .as_deref()
                    .map_or("nothing", |value| &value[..value.len().min(40)]);
                let field = &variant.field;
                wrong.push(format!(
                    "{method} {path}: {field}: {value}: {} {}",
                    answer.status, answer.text
                ));
            }
        }
        world.end(&app).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a field is the reason why a body is refused. An endpoint's own words do not name one.
fn refuses(answer: &Answer, field: &str) -> bool {
    answer.status == 400 && (!answer.json[field].is_null() || !answer.json["error"].is_null())
}

/// Values for each field that are just good, and just not good.
fn variants(document: &Value, schema: &Value) -> Vec<Variant> {
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let mut variants = Vec::new();
    for (field, rule) in properties {
        let mut add = |value, is_good| {
            variants.push(Variant {
                field: field.clone(),
                value,
                is_good,
            });
        };
        let (rule, is_nullable) = nullable(document, rule);
        add(Some(Value::Null), is_nullable);
        if required.contains(&json!(field)) {
            add(None, false);
        }
        let is_plain =
            rule["format"].is_null() && [&Value::Null, &json!(r"\S")].contains(&&rule["pattern"]);
        if let Some(max) = rule["maxLength"].as_u64() {
            let text = |length: u64| Some(json!("x".repeat(usize::try_from(length).unwrap())));
            add(text(max + 1), false);
            if is_plain {
                add(text(max), true);
            }
        }
        if let Some(min) = rule["minLength"].as_u64() {
            add(
                Some(json!("x".repeat(usize::try_from(min - 1).unwrap()))),
                false,
            );
        }
        if rule["pattern"] == r"\S" {
            add(Some(json!(" \t")), false);
        }
        if rule["enum"].is_array() {
            add(Some(json!("no such word")), false);
        }
        if let Some(max) = rule["maximum"].as_i64() {
            add(Some(json!(max + 1)), false);
            add(Some(json!(max)), true);
        }
        if let Some(min) = rule["minimum"].as_i64() {
            add(Some(json!(min - 1)), false);
            add(Some(json!(min)), true);
        }
        if let Some(min) = rule["exclusiveMinimum"].as_i64() {
            add(Some(json!(min)), false);
        }
        if let Some(max) = rule["maxItems"].as_u64() {
            let list: Vec<_> = (0..=max).map(|number| number.to_string()).collect();
            add(Some(json!(list)), false);
        }
    }
    variants
}

/// The rule for values that are not null, and whether null is a value.
fn nullable<'a>(document: &'a Value, rule: &'a Value) -> (&'a Value, bool) {
    let null = json!({ "type": "null" });
    if let Some(either) = rule["oneOf"].as_array() {
        let other = either.iter().find(|one| **one != null).unwrap_or(rule);
        return (resolve(document, other), either.contains(&null));
    }
    let is_nullable = rule["type"]
        .as_array()
        .is_some_and(|types| types.contains(&json!("null")));
    (resolve(document, rule), is_nullable)
}
