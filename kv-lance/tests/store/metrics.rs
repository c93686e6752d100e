//! The figures through the `metrics` facade.

use super::*;
use ::metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    with_local_recorder,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Remembers what it is told, by name and labels.
#[derive(Default)]
struct Told {
    values: Arc<Mutex<BTreeMap<String, f64>>>,
    described: Mutex<BTreeMap<String, (Option<Unit>, String)>>,
}

struct Value(String, Arc<Mutex<BTreeMap<String, f64>>>);

impl CounterFn for Value {
    fn increment(&self, _: u64) {
        panic!("counters are set");
    }

    fn absolute(&self, value: u64) {
        self.1.lock().unwrap().insert(format!("counter {}", self.0), value as f64);
    }
}

impl GaugeFn for Value {
    fn increment(&self, _: f64) {
        panic!("gauges are set");
    }

    fn decrement(&self, _: f64) {
        panic!("gauges are set");
    }

    fn set(&self, value: f64) {
        self.1.lock().unwrap().insert(format!("gauge {}", self.0), value);
    }
}

impl Told {
    fn value(&self, key: &Key) -> Arc<Value> {
        let labels: Vec<_> = key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect();
        Arc::new(Value(format!("{}{}", key.name(), labels.concat()), self.values.clone()))
    }
}

impl Recorder for Told {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.described.lock().unwrap().insert(name.as_str().into(), (unit, description.to_string()));
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe_counter(name, unit, description);
    }

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.value(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.value(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test]
async fn every_figure_is_exported() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1"), ("b", "1")]).await?;
    store.flush().await?;
    let told = Told::default();
    with_local_recorder(&told, || store.export_metrics());
    let figures = store.statistics().figures;
    let values = told.values.lock().unwrap();
    assert_eq!(values.len(), figures.len());
    let of = |what: &str| values[&what.replace('@', &format!(" store={}", dir.path().display()))];
    assert_eq!((of("counter kv_lance_commits@"), of("gauge kv_lance_run_rows@")), (1.0, 2.0));
    assert_eq!(of("gauge kv_lance_level_rows@ level=0"), 2.0);
    let described = told.described.lock().unwrap();
    for figure in figures {
        let (unit, text) = &described[&format!("kv_lance_{}", figure.name)];
        assert_eq!(text, figure.description);
        assert_eq!(*unit == Some(Unit::Bytes), figure.unit == "bytes", "{}", figure.name);
    }
    Ok(())
}
