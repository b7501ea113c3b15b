//! The API's document says what the API does: which routes there are, what they take, and what they answer.

mod events;
mod examples;
mod limits;
mod page;
mod schemas;

use serde_json::Value;

use super::protocol::ROUTES;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    the_document_has_every_route_and_no_other,
}

/// The document of a server.
pub async fn document(app: &TestApp) -> Value {
    app.stranger().get("/api/openapi.json").await.expect(200)
}

/// An operation of the document.
pub struct Operation<'a> {
    pub method: String,
    pub path: &'a str,
}

/// All operations of a document.
pub fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(|method| Operation {
            method: method.to_ascii_uppercase(),
            path,
        })
    });
    operations.collect()
}

async fn the_document_has_every_route_and_no_other(app: TestApp) {
    let document = document(&app).await;
    let mut documented: Vec<_> = operations(&document)
        .iter()
        .map(|operation| (operation.path.to_owned(), operation.method.clone()))
        .collect();
    documented.sort();
    let mut known: Vec<_> = ROUTES
        .iter()
        .flat_map(|(path, methods)| {
            methods
                .iter()
                .map(|method| ((*path).to_owned(), (*method).to_owned()))
        })
        .collect();
    for elsewhere in [
        "/health/live/",
        "/health/ready/",
        "/media/avatars/{name}/",
        "/ws/chat/",
        "/ws/chat/{conversation}/",
    ] {
        known.push((elsewhere.to_owned(), "GET".to_owned()));
    }
    known.sort();
    assert_eq!(documented, known);
}
