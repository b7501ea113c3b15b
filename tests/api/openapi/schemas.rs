//! Checking values against the schemas of a document.

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// A schema of a document, with nothing allowed that it does not name.
pub fn strict(document: &Value, schema: &Value) -> Validator {
    let mut components = document["components"].clone();
    close(&mut components["schemas"]);
    let mut schema = schema.clone();
    close(&mut schema);
    schema["components"] = components;
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(&schema)
        .expect("a good schema")
}

/// Refuses members that objects do not name. Objects of which others are put together stay open.
fn close(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if !["allOf", "example", "examples", "default", "enum", "const"]
                    .contains(&name.as_str())
                {
                    close(member);
                }
            }
            if members.get("type") == Some(&json!("object")) && members.contains_key("properties") {
                members
                    .entry("additionalProperties")
                    .or_insert(json!(false));
            } else if members.contains_key("allOf") {
                members
                    .entry("unevaluatedProperties")
                    .or_insert(json!(false));
            }
        }
        _ => {}
    }
}

/// What is wrong with a value.
pub fn faults(validator: &Validator, value: &Value) -> Vec<String> {
    validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// What a reference within a document leads to, or the value itself.
pub fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document
            .pointer(reference.trim_start_matches('#'))
            .expect("a good reference"),
        None => value,
    }
}

/// The example of a body: of its content, or of its schema.
pub fn example(document: &Value, content: &Value) -> Option<Value> {
    let schema = resolve(document, &content["schema"]);
    let own = content.get("example").or_else(|| schema.get("example"));
    own.cloned().or_else(|| {
        let members = schema["properties"].as_object()?;
        let examples = members
            .iter()
            .filter_map(|(name, member)| Some((name.clone(), member.get("example")?.clone())));
        Some(Value::Object(examples.collect::<Map<_, _>>()))
    })
}
