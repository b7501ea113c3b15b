//! Counting what goes on at the moment.

use prometheus_client::metrics::gauge::Gauge;

/// One of what a gauge counts, until it is dropped.
#[derive(Debug)]
pub struct Active(Gauge);

impl Active {
    /// Adds one.
    pub fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.dec();
    }
}
