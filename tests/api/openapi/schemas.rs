//! Checking values against the schemas of a document.

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// Where schemas are kept as they are, for those that are put together of them.
const OPEN: &str = "open";

/// A schema of a document, with nothing allowed that it does not name.
pub fn strict(document: &Value, schema: &Value) -> Validator {
    let mut components = document["components"].clone();
    close(&mut components["schemas"]);
    let mut schema = schema.clone();
    close(&mut schema);
    schema["components"] = components;
    schema[OPEN] = document["components"]["schemas"].clone();
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(&schema)
        .expect("a good schema")
}

/// Refuses members that objects do not name. What an object is put together of stays open.
fn close(schema: &mut Value) {
    let Value::Object(members) = schema else {
        if let Value::Array(items) = schema {
            items.iter_mut().for_each(close);
        }
        return;
    };
    for (name, member) in members.iter_mut() {
        match name.as_str() {
            "example" | "examples" | "default" | "enum" | "const" => {}
            "allOf" => member.as_array_mut().unwrap().iter_mut().for_each(open),
            _ => close(member),
        }
    }
    if members.contains_key("allOf") {
        members.insert("unevaluatedProperties".to_owned(), json!(false));
    } else if members.contains_key("properties") && members["type"] == "object" {
        members
            .entry("additionalProperties")
            .or_insert(json!(false));
    }
}

fn open(part: &mut Value) {
    if let Some(reference) = part["$ref"].as_str() {
        part["$ref"] = reference
            .replace("/components/schemas/", &format!("/{OPEN}/"))
            .into();
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
