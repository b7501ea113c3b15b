//! The parameters of an agent's model, as requests set them: each may be absent, null or a value.

use serde_json::Value;

use crate::error::Result;
use crate::http::fields::{Choice, Float, Form, Integer, List, NOT_A_STRING, NUL_CHARACTER, Rule};
use crate::llm::{Parameters, ReasoningEffort, ResponseFormat};

/// How many texts may end an answer. As OpenAI has it.
const MOST_STOPS: usize = 4;

/// Longest text that may end an answer, in characters.
const LONGEST_STOP: usize = 200;

/// The greatest whole number up to which JavaScript knows them all.
const GREATEST_SEED: i64 = (1 << 53) - 1;

/// What is said about an agent's parameters; `None` leaves one as it is.
#[derive(Clone, Debug, Default)]
pub struct ParameterChanges {
    pub top_p: Option<Option<f64>>,
    pub stop: Option<Option<Vec<String>>>,
    pub seed: Option<Option<i64>>,
    pub reasoning_effort: Option<Option<ReasoningEffort>>,
    pub response_format: Option<Option<ResponseFormat>>,
}

impl ParameterChanges {
    /// Reads the fields of a body. What is faulty is noted there.
    pub fn read(form: &mut Form) -> Self {
        const SEED: Integer = Integer {
            min: -GREATEST_SEED,
            max: GREATEST_SEED,
        };

        Self {
            top_p: form.nullable("top_p", &TopP),
            stop: form
                .nullable("stop", &Stops)
                .map(|stop| stop.filter(|texts| !texts.is_empty())),
            seed: form.nullable("seed", &SEED),
            reasoning_effort: form
                .nullable("reasoning_effort", &Choice(ReasoningEffort::from_word)),
            response_format: form.nullable("response_format", &Format),
        }
    }

    /// What the parameters are once this was said about them.
    pub fn onto(self, before: Parameters) -> Parameters {
        Parameters {
            top_p: self.top_p.unwrap_or(before.top_p),
            stop: self.stop.unwrap_or(before.stop),
            seed: self.seed.unwrap_or(before.seed),
            reasoning_effort: self.reasoning_effort.unwrap_or(before.reasoning_effort),
            response_format: self.response_format.unwrap_or(before.response_format),
        }
    }
}

struct TopP;

impl Rule for TopP {
    type Output = f64;

    fn check(&self, value: &Value) -> Result<f64, Vec<String>> {
        match (Float { min: 0.0, max: 1.0 }).check(value)? {
            0.0 => Err(vec!["Ensure this value is greater than 0.".to_owned()]),
            share => Ok(share),
        }
    }
}

/// A list of texts, or one alone.
struct Stops;

impl Rule for Stops {
    type Output = Vec<String>;

    fn check(&self, value: &Value) -> Result<Vec<String>, Vec<String>> {
        const STOPS: List<Stop> = List {
            item: Stop,
            min: 0,
            max: MOST_STOPS,
        };

        match value {
            Value::Array(_) => STOPS.check(value),
            alone => Stop.check(alone).map(|text| vec![text]),
        }
    }
}

/// A text that ends an answer. White space belongs to it.
struct Stop;

impl Rule for Stop {
    type Output = String;

    fn check(&self, value: &Value) -> Result<String, Vec<String>> {
        let wrong = |message: &str| Err(vec![message.to_owned()]);
        match value.as_str() {
            None => wrong(NOT_A_STRING),
            Some("") => wrong("An empty text would end every answer."),
            Some(text) if text.contains('\0') => wrong(NUL_CHARACTER),
            Some(text) if text.chars().count() > LONGEST_STOP => Err(vec![format!(
                "Ensure this field has no more than {LONGEST_STOP} characters."
            )]),
            Some(text) => Ok(text.to_owned()),
        }
    }
}

struct Format;

impl Rule for Format {
    type Output = ResponseFormat;

    fn check(&self, value: &Value) -> Result<ResponseFormat, Vec<String>> {
        ResponseFormat::read(value).map_err(|message| vec![message])
    }
}
