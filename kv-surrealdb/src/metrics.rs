//! The store's figures as SurrealDB's metrics.

use kv_api::Datastore;
use surrealdb_kvs::{Metric, Metrics};

/// The group's name; SurrealDB's telemetry puts it before each metric.
const GROUP: &str = "surrealdb.lance";

/// The figures that `store` has.
pub(crate) fn metrics(store: &dyn Datastore) -> Option<Metrics> {
    let figures = store.statistics().figures;
    if figures.is_empty() {
        return None;
    }
    let metric = |figure: kv_api::Figure| Metric { name: figure.name, description: figure.description };
    Some(Metrics { name: GROUP, u64_metrics: figures.into_iter().map(metric).collect() })
}
