//! What follows from the shape of an operation, added once the document is together.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::PartialSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::{OpenApi, RefOr, Required, Response, Schema};

use super::layers::answer;
use super::operations;
use super::responses::{
    BadBody, BadRequest, HeadTooLarge, InternalError, NotFound, TooLarge, TooSlow, Unavailable,
    UnsupportedMediaType, UriTooLong,
};

/// Adds the answers that follow from what operations take, and names that are unique to operations. What an operation
/// says itself stays.
pub fn complete(document: &mut OpenApi) {
    let schemas = document
        .components
        .as_ref()
        .map(|components| components.schemas.clone())
        .unwrap_or_default();
    for path in document.paths.paths.values_mut() {
        let patch = path
            .patch
            .as_ref()
            .and_then(|patch| patch.operation_id.clone());
        for (method, operation) in operations(path) {
            name(method, operation, patch.as_deref());
            add_answers(operation);
            operation
                .responses
                .responses
                .values_mut()
                .for_each(add_headers);
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                free(body, &schemas);
            }
        }
    }
    if let Some(components) = &mut document.components {
        components.responses.values_mut().for_each(add_headers);
    }
}

/// Handlers are called the same in all rooms; the tag is the room. Where one handler serves PUT and PATCH, the former is
/// called `replace`.
fn name(method: &str, operation: &mut Operation, patch: Option<&str>) {
    let (Some(handler), Some([room, ..])) = (&operation.operation_id, operation.tags.as_deref())
    else {
        return;
    };
    let handler = match patch {
        Some(patch) if method == "put" && handler == patch => "replace",
        _ => handler,
    };
    operation.operation_id = Some(format!("{room}_{handler}"));
}

/// Every answer has the request's id. Event streams have headers that get them through proxies as they are sent.
fn add_headers(response: &mut RefOr<Response>) {
    let RefOr::T(response) = response else {
        return;
    };
    let is_stream = response.content.contains_key("text/event-stream");
    let mut add = |name: &str, description: &str| {
        let header = HeaderBuilder::new()
            .schema(Some(String::schema()))
            .description(Some(description));
        response
            .headers
            .insert(name.to_owned(), header.build().into());
    };
    add(
        "X-Request-Id",
        "The id of the request, by which the log knows it.",
    );
    if is_stream {
        add(
            "Cache-Control",
            "Of an event stream `no-cache, no-transform`.",
        );
        add("X-Accel-Buffering", "Of an event stream `no`.");
    }
}

/// No body at all counts as an empty one, so that it may be left out where no field is required.
fn free(body: &mut RequestBody, schemas: &BTreeMap<String, RefOr<Schema>>) {
    let is_needed = body.content.values().any(|content| {
        let RefOr::T(content) = content else {
            return true;
        };
        let schema = match &content.schema {
            Some(RefOr::Ref(reference)) => {
                let name = reference.ref_location.rsplit('/').next();
                name.and_then(|name| schemas.get(name))
            }
            schema => schema.as_ref(),
        };
        !matches!(schema, Some(RefOr::T(Schema::Object(object))) if object.required.is_empty())
    });
    if !is_needed {
        body.required = Some(Required::False);
    }
}

fn add_answers(operation: &mut Operation) {
    if operation.request_body.is_some() {
        answer::<BadBody>(operation, StatusCode::BAD_REQUEST);
        answer::<TooSlow>(operation, StatusCode::REQUEST_TIMEOUT);
        answer::<TooLarge>(operation, StatusCode::PAYLOAD_TOO_LARGE);
        answer::<UnsupportedMediaType>(operation, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let parameters = operation.parameters.iter().flatten();
    let mut parameters = parameters.filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    });
    if parameters
        .any(|parameter| parameter.parameter_in == ParameterIn::Path || parameter.name == "page")
    {
        answer::<NotFound>(operation, StatusCode::NOT_FOUND);
    }
    answer::<BadRequest>(operation, StatusCode::BAD_REQUEST);
    answer::<UriTooLong>(operation, StatusCode::URI_TOO_LONG);
    let head_too_large = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    answer::<HeadTooLarge>(operation, head_too_large);
    answer::<InternalError>(operation, StatusCode::INTERNAL_SERVER_ERROR);
    answer::<Unavailable>(operation, StatusCode::SERVICE_UNAVAILABLE);
}
