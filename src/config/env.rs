//! Reading variables one by one and keeping every mistake.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// Where values come from: the process's environment, then the file `.env`.
pub struct Environment {
    file: HashMap<String, String>,
}

impl Environment {
    /// The process's environment, and the `.env` file of the current folder or of one above it, if there is one.
    ///
    /// # Errors
    /// The file is there but cannot be read.
    pub fn load() -> Result<Self, EnvironmentError> {
        let mut file = HashMap::new();
        match dotenvy::dotenv_iter() {
            Ok(entries) => {
                let mut before = "its beginning".to_owned();
                for entry in entries {
                    let (name, value) = entry.map_err(|_| EnvironmentError::Line {
                        before: before.clone(),
                    })?;
                    before.clone_from(&name);
                    file.insert(name, value);
                }
            }
            Err(error) if error.not_found() => {}
            Err(error) => return Err(EnvironmentError::File(error)),
        }
        Ok(Self { file })
    }

    /// The value of a variable; the process's environment wins over the file.
    pub fn get(&self, name: &str) -> Option<String> {
        std::env::var(name)
            .ok()
            .or_else(|| self.file.get(name).cloned())
    }
}

/// Why the file `.env` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// It cannot be read.
    #[error("the file .env cannot be read: {0}")]
    File(dotenvy::Error),
    /// One of its lines is not understood. The line may hold a secret, so it is not repeated.
    #[error(
        "the file .env has a line after {before} that is not NAME=value. Put values with spaces, `#`, `$` or `\\` \
         between single quotes"
    )]
    Line {
        /// The last variable that was read.
        before: String,
    },
}

/// One thing that is wrong with the configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub name: &'static str,
    /// What is wrong with its value, with an example of a right one.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.text)
    }
}

/// Takes variables from a source and notes which were asked for and what was wrong with them.
pub struct Reader<'a> {
    source: &'a dyn Fn(&str) -> Option<String>,
    /// The names of all variables read so far.
    pub names: Vec<&'static str>,
    /// All mistakes found so far.
    pub problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub fn new(source: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            source,
            names: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Notes a mistake.
    pub fn reject(&mut self, name: &'static str, text: impl Into<String>) {
        self.problems.push(Problem {
            name,
            text: text.into(),
        });
    }

    /// The value without surrounding white space; `None` if it is not set or blank.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.names.push(name);
        (self.source)(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    /// The parts of a comma-separated value.
    pub fn list(&mut self, name: &'static str) -> Option<Vec<String>> {
        let value = self.text(name)?;
        Some(
            value
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }

    /// A truth value, in the spellings that Django projects use.
    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        let value = self.text(name)?;
        match value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "t" | "y" => Some(true),
            "false" | "0" | "no" | "off" | "f" | "n" => Some(false),
            _ => {
                self.reject(
                    name,
                    format!("`{value}` is neither true nor false, for example True"),
                );
                None
            }
        }
    }

    /// A whole number within a range; `default` if it is not set or wrong.
    pub fn number<T>(
        &mut self,
        name: &'static str,
        default: T,
        range: std::ops::RangeInclusive<T>,
    ) -> T
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let Some(value) = self.text(name) else {
            return default;
        };
        match value.parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let (low, high) = range.into_inner();
                self.reject(
                    name,
                    format!(
                        "`{value}` is no whole number from {low} to {high}, for example {default}"
                    ),
                );
                default
            }
        }
    }
}
