//! Event streams in the document: before version 3.2 of OpenAPI a schema of theirs is that of each event.

use std::borrow::Cow;

use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

/// Schemas by their names.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// An event with this name and these data.
pub fn event(name: &str, data: impl Into<RefOr<Schema>>) -> Object {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    ObjectBuilder::new()
        .property("id", text())
        .property("event", text().enum_values(Some([name])))
        .property("data", data)
        .required("id")
        .required("event")
        .required("data")
        .build()
}

/// Data that are JSON of the schema with this name.
pub fn json_data(name: Cow<'static, str>) -> Object {
    let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
    ObjectBuilder::new()
        .schema_type(Type::String)
        .content_media_type("application/json")
        // A word of JSON Schema's own, which the builder does not have.
        .extensions(Some(Extensions::from_iter([("contentSchema", reference)])))
        .build()
}

/// Adds a schema and those that it refers to.
pub fn add<T: ToSchema>(schemas: &mut Schemas) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}
