//! What is only looked at when somebody wants to see it.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::db::Db;
use crate::workers::Workers;

/// The connections of the database, and the threads for heavy work.
pub struct Gauges {
    pub db: Db,
    pub workers: Vec<Workers>,
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauges").finish_non_exhaustive()
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let pools = self.db.pools();
        let mut family = encoder.encode_descriptor(
            "db_connections",
            "Open connections to the database",
            None,
            MetricType::Gauge,
        )?;
        for pool in &pools {
            gauge(
                &mut family,
                &[("pool", pool.name), ("state", "idle")],
                pool.idle,
            )?;
            gauge(
                &mut family,
                &[("pool", pool.name), ("state", "used")],
                pool.used,
            )?;
        }
        let mut family = encoder.encode_descriptor(
            "db_connections_max",
            "Most connections that are opened",
            None,
            MetricType::Gauge,
        )?;
        for pool in &pools {
            gauge(&mut family, &[("pool", pool.name)], pool.max)?;
        }
        let mut family = encoder.encode_descriptor(
            "db_waits",
            "How often a statement found all connections in use",
            None,
            MetricType::Counter,
        )?;
        for pool in &pools {
            counter(&mut family, &[("pool", pool.name)], pool.waits)?;
        }
        let mut family = encoder.encode_descriptor(
            "db_timeouts",
            "How often none became free in time",
            None,
            MetricType::Counter,
        )?;
        for pool in &pools {
            counter(&mut family, &[("pool", pool.name)], pool.timeouts)?;
        }
        let mut family = encoder.encode_descriptor(
            "heavy_work",
            "Pieces of work that want a thread of their own, such as hashing a password",
            None,
            MetricType::Gauge,
        )?;
        for workers in &self.workers {
            let kind = ("kind", workers.name());
            let (waiting, running) = workers.load();
            gauge(&mut family, &[kind, ("state", "waiting")], waiting)?;
            gauge(&mut family, &[kind, ("state", "running")], running)?;
        }
        Ok(())
    }
}

fn gauge<const N: usize>(
    family: &mut MetricEncoder<'_>,
    labels: &[(&str, &str); N],
    value: impl Into<i64>,
) -> fmt::Result {
    ConstGauge::<i64>::new(value.into()).encode(family.encode_family(labels)?)
}

fn counter<const N: usize>(
    family: &mut MetricEncoder<'_>,
    labels: &[(&str, &str); N],
    value: u64,
) -> fmt::Result {
    ConstCounter::new(value).encode(family.encode_family(labels)?)
}
