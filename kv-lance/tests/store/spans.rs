//! Where time goes, for whoever listens to `tracing`.

use super::*;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// A span's name and level, and the fields it began with.
type Span = (&'static str, Level, Vec<(String, String)>);

/// The spans of all stores of this process.
static SPANS: LazyLock<Mutex<Vec<Span>>> = LazyLock::new(Mutex::default);

/// Remembers the spans of kv-lance.
struct Listener(AtomicU64);

struct Fields(Vec<(String, String)>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name().into(), format!("{value:?}")));
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("kv_lance")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields(Vec::new());
        span.record(&mut fields);
        SPANS.lock().unwrap().push((span.metadata().name(), *span.metadata().level(), fields.0));
        Id::from_u64(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The spans of a store, without its name.
fn spans_of(store: &Path) -> Vec<Span> {
    let is_store = |(name, value): &(String, String)| name == "store" && *value == store.display().to_string();
    let mut spans: Vec<_> =
        SPANS.lock().unwrap().iter().filter(|(_, _, fields)| fields.iter().any(is_store)).cloned().collect();
    spans.iter_mut().for_each(|(_, _, fields)| fields.retain(|field| !is_store(field)));
    spans
}

fn span(name: &'static str, level: Level, fields: &[(&str, u64)]) -> Span {
    (name, level, fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
}

#[tokio::test]
async fn commits_flushes_compactions_and_recoveries_are_spans() -> Result<()> {
    // No other test of this process listens.
    tracing::subscriber::set_global_default(Listener(AtomicU64::new(0))).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = || LanceConfig::new(dir.path()).background_optimize(false);
    let store = open(config()).await?;
    let mut expected = vec![span("recovery", Level::DEBUG, &[("runs", 0), ("journal_through", 0)])];
    for key in ["a", "b"] {
        write(&store, &[(key, "1"), ("c", "1")]).await?;
        let bytes = figure(&store, "memtable_bytes");
        store.flush().await?;
        expected.push(span("commit_group", Level::TRACE, &[("commits", 1)]));
        expected.push(span("flush", Level::DEBUG, &[("rows", 2), ("bytes", bytes)]));
    }
    let bytes = figure(&store, "run_disk_bytes");
    store.compact().await?;
    expected.push(span("compaction", Level::DEBUG, &[("level", 1), ("runs", 2), ("bytes", bytes)]));
    // Reads have none.
    all(&store, None).await?;
    assert_eq!(spans_of(dir.path()), expected);
    store.shutdown().await?;
    drop(store);
    let before = spans_of(dir.path()).len();
    open(config()).await?;
    assert_eq!(spans_of(dir.path())[before].0, "recovery");
    Ok(())
}
