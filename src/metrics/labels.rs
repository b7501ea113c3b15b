//! By what things are counted. None of the values is a user's, and to count allocates nothing.

use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};

use axum::extract::MatchedPath;
use axum::http::Method;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    pub method: &'static str,
    pub route: Route,
    pub status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabels {
    pub method: &'static str,
    pub route: Route,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StreamLabels {
    pub kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ProviderLabels {
    pub provider: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TurnLabels {
    pub provider: &'static str,
    pub outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TokenLabels {
    pub provider: &'static str,
    pub kind: &'static str,
}

/// The pattern of the path that a request took, without a slash at its end; the same one for all that took none.
#[derive(Clone, Debug)]
pub struct Route(Option<MatchedPath>);

impl From<Option<MatchedPath>> for Route {
    fn from(path: Option<MatchedPath>) -> Self {
        Self(path)
    }
}

impl Route {
    /// What stands for all paths that there are not.
    const UNKNOWN: &str = "unknown";

    /// The pattern.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Some(path) => path.as_str().trim_end_matches('/'),
            None => Self::UNKNOWN,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Route {}

impl Hash for Route {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl EncodeLabelValue for Route {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.as_str())
    }
}

/// The name of a method; the same one for all that nobody here knows.
pub fn method_name(method: &Method) -> &'static str {
    [
        "GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE",
    ]
    .into_iter()
    .find(|known| *known == method.as_str())
    .unwrap_or("other")
}
