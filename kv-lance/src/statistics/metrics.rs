//! The figures through the facade of the `metrics` crate.

use kv_api::{Figure, FigureKind, Statistics};
use metrics::{Label, Unit};
use std::path::Path;

/// Hands figures to the recorder of this process, or of this thread where it has one of its own.
pub(crate) fn export(statistics: &Statistics, store: &Path) {
    let store = Label::new("store", store.display().to_string());
    for figure in &statistics.figures {
        let name = format!("kv_lance_{}", figure.name);
        let level = figure.level.map(|level| Label::new("level", level.to_string()));
        let labels: Vec<Label> = std::iter::once(store.clone()).chain(level).collect();
        match figure.kind {
            FigureKind::Counter => {
                metrics::describe_counter!(name.clone(), unit(figure), figure.description);
                metrics::counter!(name, labels).absolute(figure.value);
            }
            FigureKind::Gauge => {
                metrics::describe_gauge!(name.clone(), unit(figure), figure.description);
                metrics::gauge!(name, labels).set(figure.value as f64);
            }
        }
    }
}

fn unit(figure: &Figure) -> Unit {
    match figure.unit {
        "bytes" => Unit::Bytes,
        "microseconds" => Unit::Microseconds,
        "percent" => Unit::Percent,
        _ => Unit::Count,
    }
}
