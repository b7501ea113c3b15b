//! Lists of values that each follow the same rule.

use serde_json::Value;

use super::Rule;
use crate::error::Result;
use crate::http::python;

/// A list of values of one kind, of a length within a range, both ends included.
pub struct List<R> {
    /// The rule for each value.
    pub item: R,
    /// The least number of values.
    pub min: usize,
    /// The greatest number of values.
    pub max: usize,
}

impl<R: Rule> Rule for List<R> {
    type Output = Vec<R::Output>;

    fn check(&self, value: &Value) -> Result<Self::Output, Vec<String>> {
        let Value::Array(items) = value else {
            return Err(vec![format!(
                "Expected a list of items but got type \"{}\".",
                python::type_name(value)
            )]);
        };
        if items.len() < self.min {
            return Err(vec![format!(
                "Ensure this field has at least {} elements.",
                self.min
            )]);
        }
        if items.len() > self.max {
            return Err(vec![format!(
                "Ensure this field has no more than {} elements.",
                self.max
            )]);
        }
        let mut good = Vec::with_capacity(items.len());
        let mut messages = Vec::new();
        for (number, item) in (1..).zip(items) {
            match self.item.check(item) {
                Ok(item) => good.push(item),
                Err(wrong) => messages.extend(
                    wrong
                        .into_iter()
                        .map(|message| format!("Item {number}: {message}")),
                ),
            }
        }
        if messages.is_empty() {
            Ok(good)
        } else {
            Err(messages)
        }
    }
}
