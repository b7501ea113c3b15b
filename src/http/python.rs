//! The few habits of Python that clients of the original backend can see.

use serde_json::{Number, Value};

/// Removes what Python's `str.strip` takes for white space: Unicode's, and four control characters.
pub fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}

/// Whether Python takes a value for false: null, `""`, 0, `false`, `[]`, `{}`.
pub fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
    }
}

/// The name of a value's type.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if is_float(number) => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// Whether Python reads a number as `float`, not as `int`, which has no limits there.
fn is_float(number: &Number) -> bool {
    number.as_str().contains(['.', 'e', 'E'])
}

/// The text that `str()` makes of a string or a number; `None` for everything else.
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if is_float(number) => number.as_f64().map(float_repr),
        Value::Number(number) if number.as_str() == "-0" => Some("0".to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The shortest text that gives the number back, with an exponent from 1e16 on and below 1e-4.
fn float_repr(float: f64) -> String {
    let scientific = format!("{float:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.abs())
        }
        _ if float.fract() == 0.0 => format!("{float:.1}"),
        _ => float.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_look_as_in_python() {
        for (json, python) in [
            ("4.5", "4.5"),
            ("300.0", "300.0"),
            ("1e3", "1000.0"),
            ("1e15", "1000000000000000.0"),
            ("1e16", "1e+16"),
            ("1.5e22", "1.5e+22"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("-0.0", "-0.0"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("-0", "0"),
            ("42", "42"),
        ] {
            let value: Value = serde_json::from_str(json).unwrap();
            assert_eq!(text_of(&value).as_deref(), Some(python), "{json}");
        }
    }
}
