//! What a model can be told beside temperature and length, and which provider takes it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::ProviderName;

/// Longest JSON schema, in bytes of its JSON.
const SCHEMA_LIMIT: usize = 64 * 1024;

/// Longest name of a JSON schema, in characters. As OpenAI has it.
const SCHEMA_NAME_LIMIT: usize = 64;

/// Settings of which none is sent unless it was set. As JSON they hold only those that are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Parameters {
    /// From which share of the likeliest words to choose: above 0, up to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Texts at which the answer ends. Never empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Vec<String>>,
    /// Makes choices repeatable, as far as the provider can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// How long to think before the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<ReasoningEffort>,
    /// What the answer's text must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat>,
}

/// A parameter that a provider does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// Its name in the API.
    pub field: &'static str,
    /// Why not, in a sentence for the user.
    pub message: String,
}

impl Parameters {
    /// Whether a provider can be told all of this. Models may take less; that only they know.
    ///
    /// # Errors
    ///
    /// What it cannot be told.
    pub fn check(&self, provider: ProviderName) -> Result<(), Unsupported> {
        match self.reasoning_effort {
            Some(effort) if !effort.is_known_to(provider) => Err(Unsupported {
                field: "reasoning_effort",
                message: format!(
                    "{provider} knows no effort \"{}\", only none, low, medium, high and max.",
                    effort.as_str()
                ),
            }),
            _ => Ok(()),
        }
    }
}

/// How long a model is to think before it answers, from not at all to as long as it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they are the words of OpenAI's API")]
pub enum ReasoningEffort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl ReasoningEffort {
    const ALL: [Self; 7] = [
        Self::None,
        Self::Minimal,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::XHigh,
        Self::Max,
    ];

    /// The word for it, in the API and at OpenAI.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// Reads the word for it.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }

    /// Whether the provider has a word for it.
    fn is_known_to(self, provider: ProviderName) -> bool {
        match provider {
            ProviderName::OpenAi => true,
            ProviderName::Ollama => !matches!(self, Self::Minimal | Self::XHigh),
        }
    }
}

/// What an answer's text must be.
#[derive(Clone, Debug, PartialEq)]
pub enum ResponseFormat {
    /// Anything.
    Text,
    /// A JSON object.
    JsonObject,
    /// JSON of this schema: an object with the fields `name` and `schema`, perhaps `description` and `strict`.
    JsonSchema(Map<String, Value>),
}

impl ResponseFormat {
    /// Reads `"text"`, `"json_object"` or an object with one of these, or `json_schema`, as its `type`.
    ///
    /// # Errors
    ///
    /// What is wrong, in a sentence for the user.
    pub fn read(value: &Value) -> Result<Self, String> {
        const FORMATS: &str = "Must be \"text\", \"json_object\" or {\"type\": \"json_schema\", \"json_schema\": {…}}.";
        match value["type"].as_str().or(value.as_str()) {
            Some("text") => Ok(Self::Text),
            Some("json_object") => Ok(Self::JsonObject),
            Some("json_schema") => match value["json_schema"].as_object() {
                Some(schema) => check_schema(schema).map(|()| Self::JsonSchema(schema.clone())),
                None => Err(FORMATS.to_owned()),
            },
            _ => Err(FORMATS.to_owned()),
        }
    }

    /// The schema itself, if there is one.
    pub fn schema(&self) -> Option<&Value> {
        match self {
            Self::JsonSchema(fields) => fields.get("schema"),
            _ => None,
        }
    }

    /// The same as OpenAI has it, where it is always an object.
    pub fn to_openai(&self) -> Value {
        match self {
            Self::Text => json!({ "type": "text" }),
            Self::JsonObject => json!({ "type": "json_object" }),
            Self::JsonSchema(fields) => json!({ "type": "json_schema", "json_schema": fields }),
        }
    }
}

impl Serialize for ResponseFormat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text => serializer.serialize_str("text"),
            Self::JsonObject => serializer.serialize_str("json_object"),
            Self::JsonSchema(_) => self.to_openai().serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ResponseFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn check_schema(fields: &Map<String, Value>) -> Result<(), String> {
    let name = fields.get("name").and_then(Value::as_str);
    let is_name = |name: &str| {
        (1..=SCHEMA_NAME_LIMIT).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    if !name.is_some_and(is_name) {
        return Err(format!(
            "json_schema needs a \"name\" of up to {SCHEMA_NAME_LIMIT} letters, digits, hyphens and underscores."
        ));
    }
    if !fields.get("schema").is_some_and(Value::is_object) {
        return Err("json_schema needs a \"schema\", which is an object.".to_owned());
    }
    for (field, value) in fields {
        let is_good = match field.as_str() {
            "name" | "schema" => true,
            "description" => value.is_string(),
            "strict" => value.is_boolean(),
            _ => return Err(format!("json_schema has no field \"{field}\".")),
        };
        if !is_good {
            return Err(format!("\"{field}\" of json_schema is of a wrong type."));
        }
    }
    if fields.values().any(has_nul) {
        return Err("Null characters are not allowed.".to_owned());
    }
    let length: usize = fields.values().map(|value| value.to_string().len()).sum();
    if length > SCHEMA_LIMIT {
        return Err(format!(
            "json_schema must be no longer than {SCHEMA_LIMIT} bytes."
        ));
    }
    Ok(())
}

/// Whether there is U+0000 in any text of it.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(has_nul),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        let schema = json!({ "type": "json_schema", "json_schema": {
            "name": "n", "schema": { "multipleOf": 0.1, "maximum": 1e300 }, "strict": true,
        } });
        for format in [json!("text"), json!("json_object"), schema] {
            let parameters = Parameters {
                top_p: Some(0.1),
                stop: Some(vec!["\n".to_owned()]),
                seed: Some(-7),
                reasoning_effort: Some(ReasoningEffort::XHigh),
                response_format: Some(ResponseFormat::read(&format).unwrap()),
            };
            let stored = serde_json::to_string(&parameters).unwrap();
            assert_eq!(
                serde_json::from_str::<Parameters>(&stored).unwrap(),
                parameters
            );
        }
        let nothing = serde_json::to_string(&Parameters::default()).unwrap();
        assert_eq!(nothing, "{}");
    }
}
