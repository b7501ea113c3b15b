//! What operators see: health, metrics, and the names of requests. The log is that of a process: see `program`.

mod health;
mod metrics;
mod request_ids;
