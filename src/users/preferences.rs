//! What a user prefers: a time zone, and a small JSON document of the client's.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, FixedOffset, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::document::{PreferencesFields, PreferencesPatch};
use super::repository;
use crate::auth::CurrentUser;
use crate::db::{Db, FromRow, Row};
use crate::error::{Error, Result};
use crate::http::fields::{Form, Format, NUL_CHARACTER, Rule, Text};
use crate::http::payload::Payload;
use crate::http::python;

/// The longest document, in bytes of JSON without white space.
const MAX_BYTES: usize = 16 * 1024;

/// How deep objects and lists may be nested; the document itself is the first level.
const MAX_DEPTH: usize = 8;

/// A name of the IANA's time zone database, such as `Europe/Berlin`.
const TIME_ZONE: Text = Text {
    format: Some(Format {
        matches: |name| name.parse::<Tz>().is_ok(),
        message: "Enter the name of a time zone, for example Europe/Berlin.",
    }),
    ..Text::new(64)
};

/// What a user prefers, as it is stored and as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preferences {
    /// A name of the IANA's time zone database; null stands for UTC.
    #[schema(example = "Europe/Berlin", max_length = 64)]
    pub time_zone: Option<String>,
    /// Whatever the client keeps here: up to 16 KiB as JSON, nested up to 8 deep.
    #[schema(value_type = Object, example = json!({ "theme": "dark" }))]
    pub preferences: Map<String, Value>,
}

impl Preferences {
    /// A moment by the user's clock: in UTC if they set no time zone.
    pub fn local(&self, moment: DateTime<Utc>) -> DateTime<FixedOffset> {
        let time_zone = self.time_zone.as_deref();
        match time_zone.and_then(|name| name.parse::<Tz>().ok()) {
            Some(time_zone) => moment.with_timezone(&time_zone).fixed_offset(),
            None => moment.fixed_offset(),
        }
    }
}

impl FromRow for Preferences {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        let preferences: String = row.get("preferences")?;
        Ok(Self {
            time_zone: row.get("time_zone")?,
            preferences: serde_json::from_str(&preferences)
                .map_err(|error| sqlx::Error::Decode(error.into()))?,
        })
    }
}

/// Shows what one prefers.
#[utoipa::path(
    get,
    path = "/api/users/me/preferences/",
    tag = "users",
    operation_id = "show_preferences",
    responses((status = 200, description = "What the caller prefers.", body = Preferences)),
)]
pub async fn show(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
) -> Result<Json<Preferences>> {
    let preferences = repository::find_preferences(&db, user.id).await?;
    preferences.map(Json).ok_or(Error::NotFound)
}

/// Replaces what one prefers. The whole document is another one; the time zone may be left out.
#[utoipa::path(
    put,
    path = "/api/users/me/preferences/",
    tag = "users",
    operation_id = "replace_preferences",
    request_body = PreferencesFields,
    responses((status = 200, description = "What the caller prefers now.", body = Preferences)),
)]
pub async fn replace(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    payload: Payload,
) -> Result<Json<Preferences>> {
    save(user.id, &db, payload, true).await
}

/// Changes what one prefers. The document is changed as a JSON Merge Patch (RFC 7396) says.
#[utoipa::path(
    patch,
    path = "/api/users/me/preferences/",
    tag = "users",
    operation_id = "update_preferences",
    request_body = PreferencesPatch,
    responses((status = 200, description = "What the caller prefers now.", body = Preferences)),
)]
pub async fn update(
    CurrentUser(user): CurrentUser,
    State(db): State<Db>,
    payload: Payload,
) -> Result<Json<Preferences>> {
    save(user.id, &db, payload, false).await
}

async fn save(
    user: uuid::Uuid,
    db: &Db,
    payload: Payload,
    is_put: bool,
) -> Result<Json<Preferences>> {
    let mut form = Form::new(payload.fields().await?);
    let time_zone = form.nullable("time_zone", &TIME_ZONE);
    let document = form.field("preferences", &Document, is_put);
    form.finish()?;

    let mut tx = db.begin().await?;
    repository::lock(&mut tx, user).await?;
    let mut preferences = repository::find_preferences(&mut tx, user)
        .await?
        .ok_or(Error::NotFound)?;
    if let Some(time_zone) = time_zone {
        preferences.time_zone = time_zone;
    }
    match document {
        Some(document) if is_put => preferences.preferences = document,
        Some(patch) => {
            merge(&mut preferences.preferences, patch);
            check(&preferences.preferences).map_err(|text| Error::field("preferences", text))?;
        }
        None => {}
    }
    repository::set_preferences(&mut tx, user, &preferences).await?;
    tx.commit().await?;
    Ok(Json(preferences))
}

/// RFC 7396: null takes a member away, objects are merged, all else takes the place of what was there.
fn merge(target: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => drop(target.remove(&name)),
            Value::Object(patch) => {
                let member = target.entry(name).or_insert(Value::Null);
                if !member.is_object() {
                    *member = Value::Object(Map::new());
                }
                if let Value::Object(member) = member {
                    merge(member, patch);
                }
            }
            value => drop(target.insert(name, value)),
        }
    }
}

/// A JSON object within the limits.
struct Document;

impl Rule for Document {
    type Output = Map<String, Value>;

    fn check(&self, value: &Value) -> Result<Self::Output, Vec<String>> {
        match value {
            Value::Object(document) => match check(document) {
                Ok(()) => Ok(document.clone()),
                Err(message) => Err(vec![message]),
            },
            other => Err(vec![format!(
                "Expected a dictionary of items but got type \"{}\".",
                python::type_name(other)
            )]),
        }
    }
}

/// What is wrong with a document, if anything.
fn check(document: &Map<String, Value>) -> Result<(), String> {
    if document
        .iter()
        .any(|(name, value)| name.contains('\0') || has_nul(value))
    {
        return Err(NUL_CHARACTER.to_owned());
    }
    if 1 + document.values().map(depth).max().unwrap_or(0) > MAX_DEPTH {
        return Err(format!("Ensure this is nested at most {MAX_DEPTH} deep."));
    }
    let length = serde_json::to_vec(document).map_or(usize::MAX, |text| text.len());
    if length > MAX_BYTES {
        return Err(format!(
            "Ensure this takes at most {MAX_BYTES} bytes as JSON. It takes {length}."
        ));
    }
    Ok(())
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
