//! How often which provider failed in which way.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::Error;

/// Counts failed requests by provider and kind, each attempt of its own. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Failures(Family<Labels, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Labels {
    provider: &'static str,
    kind: &'static str,
}

impl Failures {
    /// Counts one.
    pub(super) fn count(&self, error: &Error) {
        let labels = Labels {
            provider: error.provider().as_str(),
            kind: error.kind().name(),
        };
        self.0.get_or_create(&labels).inc();
    }

    /// The counters, for whoever shows them.
    pub fn counters(&self) -> Family<Labels, Counter> {
        self.0.clone()
    }
}
