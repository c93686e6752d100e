//! The configurations of kv-lance that are tried.

use kv_api::{Capabilities, Durability, Isolation};
use kv_conformance::Backend;
use kv_lance::{CommitOn, LanceConfig, LanceDatastore};
use std::path::PathBuf;
use std::time::Duration;

/// How long a child may say nothing before it is taken for hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// All of them.
pub(crate) fn all() -> Vec<Backend> {
    let eventual = kv_lance::Durability::Eventual;
    vec![
        // Flushes and compactions never end.
        backend("kv-lance-tiny", |dir| {
            LanceConfig::new(dir).memtable_bytes(8 << 10).partition_bytes(8 << 10).block_bytes(256)
        }),
        // Most is in the journal when it dies.
        backend("kv-lance", LanceConfig::new),
        backend("kv-lance-interval", move |dir| {
            LanceConfig::new(dir)
                .durability(eventual)
                .sync_interval(Duration::from_millis(5))
                .memtable_bytes(32 << 10)
                .partition_bytes(32 << 10)
                .commit_on(CommitOn::Thread)
        })
        .capabilities(declared().durability(Durability::ProcessCrash)),
        backend("kv-lance-unversioned", |dir| {
            LanceConfig::new(dir)
                .versioned(false)
                .memtable_bytes(16 << 10)
                .partition_bytes(16 << 10)
                .block_bytes(1 << 10)
                .frozen_memtables(1)
        })
        .capabilities(declared().versioned_reads(false).erases_history(false)),
        backend("kv-lance-pruning", |dir| {
            LanceConfig::new(dir)
                .retention(Duration::from_millis(200))
                .memtable_bytes(16 << 10)
                .partition_bytes(16 << 10)
                .block_bytes(512)
        })
        .prunes(true),
    ]
}

/// Those with these names; all where none is given.
pub(crate) fn named(names: &[String]) -> Result<Vec<Backend>, String> {
    if names.is_empty() {
        return Ok(all());
    }
    names
        .iter()
        .map(|name| {
            let mut backends = all().into_iter();
            backends.find(|backend| backend.name() == name).ok_or_else(|| {
                let known: Vec<String> = all().iter().map(|backend| backend.name().to_owned()).collect();
                format!("there is no backend '{name}'; there are {}", known.join(", "))
            })
        })
        .collect()
}

fn backend(name: &str, config: impl Fn(PathBuf) -> LanceConfig + Send + Sync + 'static) -> Backend {
    Backend::persistent(name, move |dir| {
        let config = config(dir);
        async move { LanceDatastore::open(config).await }
    })
    .capabilities(declared())
    .timeout(PATIENCE)
}

fn declared() -> Capabilities {
    Capabilities::new(Isolation::Serializable)
        .versioned_reads(true)
        .erases_history(true)
        .read_checks(true)
        .safe_timestamps(true)
        .durability(Durability::PowerLoss)
}
