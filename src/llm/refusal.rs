//! Reads what model servers say when they refuse, in all the shapes that were met on the wire.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::{StatusCode, header, header::HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{Error, ErrorKind, ProviderName, sanitise};

/// Longest `Retry-After` that is believed.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A request that was refused, before or during the answer.
#[derive(Debug)]
pub(super) struct Refusal {
    /// `None` if the response had begun with success.
    status: Option<StatusCode>,
    pub complaint: Option<Complaint>,
    /// How long the server wants to be left alone.
    retry_after: Option<Duration>,
    /// What the server itself says about trying again (`x-should-retry`).
    should_retry: Option<bool>,
    /// What arrived, for the log.
    raw: String,
}

/// The server's words.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    message: String,
    /// `type` of an error object.
    kind: String,
    /// `code` of an error object; a number becomes its digits.
    code: String,
    /// `param` of an error object: which field of the request is meant.
    param: String,
}

impl Complaint {
    /// What the server said.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Understands `{"error": {…}}` (OpenAI and most), `{"error": "text"}` (Ollama),
    /// `{"detail": "text"}` and `{"detail": [{"msg"}]}` (FastAPI) and `{"object": "error", …}`
    /// (older vLLM). `None` if the value complains of nothing.
    pub fn read(body: &Value) -> Option<Self> {
        if body["object"] == "error" {
            return Some(Self::of(body));
        }
        [&body["error"], &body["detail"]]
            .into_iter()
            .find(|value| is_truthy(value))
            .map(Self::of)
    }

    /// Reads the inner part: a text, an object or a list of objects.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Object(fields) => {
                let field = |name| fields.get(name).map(text).unwrap_or_default();
                Self {
                    message: fields
                        .get("message")
                        .or(fields.get("msg"))
                        .map(text)
                        .unwrap_or_default(),
                    kind: field("type"),
                    code: field("code"),
                    param: field("param"),
                }
            }
            Value::Array(list) => list.first().map(Self::of).unwrap_or_default(),
            other => Self {
                message: text(other),
                ..Self::default()
            },
        }
    }

    /// The status, where the server put it into `code`.
    fn status(&self) -> Option<StatusCode> {
        self.code
            .parse()
            .ok()
            .filter(|status: &StatusCode| status.is_client_error() || status.is_server_error())
    }

    fn has_code(&self, codes: &[&str]) -> bool {
        codes.contains(&self.code.as_str()) || codes.contains(&self.kind.as_str())
    }

    /// OpenAI and llama.cpp have a code for it, the others only words.
    fn is_overflow(&self, message: &str) -> bool {
        const PLACES: [&str; 5] = [
            "context length",
            "context_length",
            "context size",
            "context window",
            "contextwindow",
        ];
        const VERBS: [&str; 5] = ["exceed", "longer", "maximum", "too long", "too large"];
        self.has_code(&["context_length_exceeded", "exceed_context_size_error"])
            || (contains_any(message, &PLACES) && contains_any(message, &VERBS))
    }

    fn is_unknown_model(&self, message: &str) -> bool {
        const WORDS: [&str; 5] = [
            "not found",
            "does not exist",
            "invalid model",
            "unknown model",
            "not a valid model",
        ];
        self.has_code(&["model_not_found"])
            || (message.contains("model") && contains_any(message, &WORDS))
    }
}

impl Refusal {
    /// A response with this head and, somewhere in its body, this complaint.
    pub fn new(
        status: StatusCode,
        headers: &HeaderMap,
        complaint: Option<Complaint>,
        raw: String,
    ) -> Self {
        Self {
            status: Some(status).filter(|status| !status.is_success()),
            complaint,
            retry_after: retry_after(headers, Utc::now()),
            should_retry: header(headers, "x-should-retry").and_then(|value| value.parse().ok()),
            raw,
        }
    }

    /// An error in the middle of a stream.
    pub fn in_stream(error: &Value) -> Self {
        Self {
            status: None,
            complaint: Some(Complaint::of(error)),
            retry_after: None,
            should_retry: None,
            raw: format!("error in the stream: {error}"),
        }
    }

    /// Whether the server does not let the temperature of this model be chosen, as OpenAI's
    /// reasoning models.
    pub fn is_about_temperature(&self) -> bool {
        self.status == Some(StatusCode::BAD_REQUEST)
            && self.complaint.as_ref().is_some_and(|complaint| {
                complaint.param == "temperature"
                    && (complaint.code.starts_with("unsupported")
                        || contains_any(
                            &complaint.message.to_lowercase(),
                            &["unsupported", "not support"],
                        ))
            })
    }

    /// Says it in our words. `key` is hidden wherever the server repeats it.
    pub fn into_error(
        self,
        provider: ProviderName,
        model: Option<&str>,
        key: Option<&SecretString>,
    ) -> Error {
        let complaint = self.complaint.unwrap_or_default();
        let status = self
            .status
            .or(complaint.status())
            .map(|status| status.as_u16());
        let said = sanitise::for_user(&hide(&complaint.message, key));
        let kind = kind(status, &complaint, said);
        let passes = matches!(status, Some(408 | 429 | 500..=599))
            && !matches!(kind, ErrorKind::QuotaExhausted | ErrorKind::ContextOverflow);
        Error::new(provider, model, kind)
            .retryable(self.should_retry.unwrap_or(passes))
            .after(self.retry_after)
            .because(&hide(&self.raw, key))
    }
}

fn kind(status: Option<u16>, complaint: &Complaint, said: Option<String>) -> ErrorKind {
    let message = complaint.message.to_lowercase();
    let is_about_content = !matches!(status, Some(401 | 403 | 404 | 429));
    if complaint.has_code(&["insufficient_quota", "billing_hard_limit_reached"]) {
        return ErrorKind::QuotaExhausted;
    }
    if is_about_content && complaint.is_overflow(&message) {
        return ErrorKind::ContextOverflow;
    }
    if complaint.has_code(&["invalid_api_key"]) {
        return ErrorKind::BadKey;
    }
    match status {
        Some(401) => ErrorKind::BadKey,
        Some(402) => ErrorKind::QuotaExhausted,
        Some(404) if message.contains("model") => ErrorKind::UnknownModel,
        Some(300..=399 | 404 | 405) => ErrorKind::WrongServer,
        Some(413) => ErrorKind::ContextOverflow,
        Some(429 | 503 | 529) => ErrorKind::Overloaded,
        Some(408 | 500..=599) => ErrorKind::Failed(said),
        Some(_) if complaint.is_unknown_model(&message) => ErrorKind::UnknownModel,
        Some(_) => ErrorKind::Refused(said),
        None if complaint.has_code(&["rate_limit_exceeded", "overloaded_error"])
            || message.contains("server busy") =>
        {
            ErrorKind::Overloaded
        }
        None => ErrorKind::Failed(said),
    }
}

/// How long to wait, by `retry-after-ms`, else by `Retry-After` in seconds or as a date; at most a
/// day. `None` if the headers say nothing, or a time that has passed.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let seconds = |name, unit: f64| {
        let number: f64 = header(headers, name)?.parse().ok()?;
        Duration::try_from_secs_f64(number * unit).ok()
    };
    let date = || {
        let date = DateTime::parse_from_rfc2822(header(headers, header::RETRY_AFTER.as_str())?);
        (date.ok()?.to_utc() - now).to_std().ok()
    };
    seconds("retry-after-ms", 0.001)
        .or_else(|| seconds(header::RETRY_AFTER.as_str(), 1.0))
        .or_else(date)
        .filter(|wait| !wait.is_zero())
        .map(|wait| wait.min(A_DAY))
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn hide(text: &str, key: Option<&SecretString>) -> String {
    match key.map(ExposeSecret::expose_secret) {
        Some(key) if !key.is_empty() => text.replace(key, "[…]"),
        _ => text.to_owned(),
    }
}

fn contains_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// Servers send `"error": null`, and a few `""` or `{}`, when there is none.
pub(super) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => true,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_all_its_forms() {
        let now = DateTime::parse_from_rfc3339("2015-10-21T07:28:00Z")
            .unwrap()
            .to_utc();
        for (headers, expected) in [
            (&[("retry-after", "3")][..], Some(Duration::from_secs(3))),
            (&[("retry-after", "0.5")], Some(Duration::from_millis(500))),
            (
                &[("retry-after-ms", "20"), ("retry-after", "9")],
                Some(Duration::from_millis(20)),
            ),
            (
                &[("retry-after-ms", "soon"), ("retry-after", "9")],
                Some(Duration::from_secs(9)),
            ),
            (
                &[("retry-after", "Wed, 21 Oct 2015 07:28:07 GMT")],
                Some(Duration::from_secs(7)),
            ),
            (&[("retry-after", "Wed, 21 Oct 2015 07:27:00 GMT")], None),
            (&[("retry-after", "1e300")], None),
            (&[("retry-after", "99999999")], Some(A_DAY)),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "NaN")], None),
            (&[("retry-after", "0")], None),
            (&[], None),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, value.parse().unwrap());
            }
            assert_eq!(retry_after(&map, now), expected, "{headers:?}");
        }
    }
}
