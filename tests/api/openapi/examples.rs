//! Every example of a request is sent to a server, and what it answers is what the document says.

use meggy::http::openapi::examples;
use meggy::users::repository;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::schemas::{example, faults, resolve, strict};
use super::{Operation, document, operations};
use crate::profile::pictures;
use crate::support::client::{Answer, id, send};
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    every_example_of_a_request_is_answered_as_documented,
}

/// What the examples of a request speak of: an account, an agent, a conversation with an answer, and a link to it.
pub struct World {
    pub ada: Client,
    names: Vec<(&'static str, String)>,
}

impl World {
    pub async fn new(app: &TestApp, path: &str) -> Self {
        let ada = app.stranger();
        let ada = ada
            .register(examples::EMAIL, "Ada Lovelace", examples::PASSWORD)
            .await;
        let agent = ada.agent(json!({ "name": "Charles" })).await;
        let conversation = ada.conversation_with(&agent).await;
        let turn = ada.say(&conversation, "What is a difference engine?").await;
        assert_eq!(turn.status, 200, "{}", turn.text);
        let messages = ada.messages(&conversation).await;
        let link = ada
            .post(
                &format!("/api/conversations/{conversation}/share/"),
                json!({}),
            )
            .await;
        let mut names = vec![
            (examples::USER, ada.id().to_owned()),
            (examples::AGENT, agent),
            (examples::CONVERSATION, conversation),
            (examples::QUESTION, id(&messages[0])),
            (examples::ANSWER, id(&messages[1])),
            (examples::SHARE, id(&link.json)),
            (examples::REFRESH_TOKEN, ada.refresh_token.clone()),
        ];
        if path.starts_with("/media/") {
            let user = pictures::upload(&ada, &pictures::png()).await.expect(200);
            let avatar = user["avatar_url"].as_str().unwrap().rsplit('/').next();
            names.push((examples::AVATAR, avatar.unwrap().to_owned()));
        }
        Self { ada, names }
    }

    /// Makes room for the next one.
    pub async fn end(self, app: &TestApp) {
        let account = self.ada.id().parse().unwrap();
        repository::delete(&app.db, account).await.unwrap();
    }

    /// The document with what there is in the place of what its examples stand for.
    pub fn put_into(&self, document: &Value) -> Value {
        let mut text = document.to_string();
        for (name, real) in &self.names {
            text = text.replace(name, real);
        }
        serde_json::from_str(&text).unwrap()
    }
}

async fn every_example_of_a_request_is_answered_as_documented(app: TestApp) {
    let generic = document(&app).await;
    let mut wrong = Vec::new();
    for Operation { method, path } in operations(&generic) {
        let world = World::new(&app, path).await;
        let document = world.put_into(&generic);
        let operation = &document["paths"][path][method.to_ascii_lowercase()];
        let answer = replay(&document, &world.ada, &method, path, operation).await;
        if let Err(fault) = check(&document, operation, &answer) {
            wrong.push(format!(
                "{method} {path}: {fault}\n  {} {}",
                answer.status, answer.text
            ));
        }
        world.end(&app).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The path of an operation with the examples of its parameters.
pub fn path_of(path: &str, operation: &Value) -> String {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters
        .filter(|parameter| parameter["in"] == "path")
        .fold(path.to_owned(), |path, parameter| {
            let name = parameter["name"].as_str().unwrap();
            let value = example_of(parameter);
            let value = value.unwrap_or_else(|| panic!("{path}: no example of {name}"));
            path.replace(&format!("{{{name}}}"), &value)
        })
}

/// The example of a parameter.
fn example_of(parameter: &Value) -> Option<String> {
    let schema = &parameter["schema"];
    match parameter.get("example").or(schema.get("example"))? {
        Value::String(text) => Some(text.clone()),
        value => Some(value.to_string()),
    }
}

/// Sends the example of an operation.
async fn replay(
    document: &Value,
    ada: &Client,
    method: &str,
    path: &str,
    operation: &Value,
) -> Answer {
    let path = path_of(path, operation);
    let mut request = ada.request(method, &path);
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        request = match (parameter["in"].as_str(), example_of(parameter)) {
            (Some("query"), Some(value)) => request.query(&[(name, value)]),
            (Some("header"), Some(value)) => request.header(name, value),
            (Some("path"), _) => request,
            _ if parameter["required"] == json!(true) => panic!("{path}: no example of {name}"),
            _ => request,
        };
    }
    if path.starts_with("/ws/") {
        request = request
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    }
    let bodies = operation["requestBody"]["content"].as_object();
    if let Some((content_type, content)) = bodies.and_then(|bodies| bodies.iter().next()) {
        let schema = &content["schema"];
        request = if content_type == "multipart/form-data" {
            form(request, resolve(document, schema), file_for(&path))
        } else {
            let body = example(document, content);
            let body = body.unwrap_or_else(|| panic!("{method} {path}: no example of a body"));
            let faults = faults(&strict(document, schema), &body);
            assert!(
                faults.is_empty(),
                "{method} {path}: no good example: {faults:?}"
            );
            request
                .header("content-type", content_type)
                .body(body.to_string())
        };
    }
    send(request).await
}

/// A form with a file in each of its fields.
fn form(request: RequestBuilder, schema: &Value, file: Vec<u8>) -> RequestBuilder {
    const BOUNDARY: &str = "of-the-tests";
    let mut body = Vec::new();
    for (name, field) in schema["properties"].as_object().unwrap() {
        assert_eq!(field["format"], "binary", "{name}");
        let head = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name={name}; filename=file\r\n\r\n"
        );
        body.extend([head.as_bytes(), &file, b"\r\n"].concat());
    }
    body.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    request.header("content-type", content_type).body(body)
}

/// A file that can be sent to a path, which no example shows.
fn file_for(path: &str) -> Vec<u8> {
    match path {
        "/api/users/me/avatar/" => pictures::png(),
        _ => panic!("{path}: no file to send"),
    }
}

/// What is wrong with the answer to an example.
fn check(document: &Value, operation: &Value, answer: &Answer) -> Result<(), String> {
    if ![101, 200, 201, 202, 204].contains(&answer.status) {
        return Err("the example is refused".to_owned());
    }
    let response = &operation["responses"][answer.status.to_string()];
    if response.is_null() {
        return Err("this status is not documented".to_owned());
    }
    let response = resolve(document, response);
    let content_type = answer.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default();
    let Some(content) = response.get("content") else {
        return if answer.text.is_empty() {
            Ok(())
        } else {
            Err("a body is not documented".to_owned())
        };
    };
    let Some(content) = content.get(media_type) else {
        return Err(format!("{media_type} is not documented"));
    };
    if media_type == "application/json" {
        let faults = faults(&strict(document, &content["schema"]), &answer.json);
        if !faults.is_empty() {
            return Err(faults.join("; "));
        }
    }
    Ok(())
}
