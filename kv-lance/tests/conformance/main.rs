//! The store keeps the contract, wherever its data is.

mod restless;

use kv_api::{Capabilities, Durability, Isolation, Result};
use kv_conformance::{Backend, Settle};
use kv_lance::{CommitOn, LanceConfig, LanceDatastore};
use restless::Restless;
use std::path::PathBuf;
use std::process::ExitCode;

/// A store that is opened and flushed this often is slow to test.
const FEWER: f64 = 0.25;

fn main() -> ExitCode {
    kv_conformance::run([
        Backend::persistent("kv-lance", |dir| open(LanceConfig::new(dir))).capabilities(declared()).sequences(FEWER),
        Backend::persistent("kv-lance-runs", |dir| async { Ok(Restless::new(open(small(dir)).await?)) })
            .capabilities(declared())
            .settle(Settle::Flush)
            .sequences(FEWER),
        Backend::persistent("kv-lance-reopen", |dir| open(LanceConfig::new(dir)))
            .capabilities(declared())
            .settle(Settle::Reopen)
            .sequences(FEWER),
        Backend::persistent("kv-lance-unversioned", |dir| {
            open(small(dir).versioned(false).commit_on(CommitOn::Thread))
        })
        .capabilities(declared().versioned_reads(false).erases_history(false).change_feed(false).tags(false))
        .sequences(FEWER),
    ])
}

async fn open(config: LanceConfig) -> Result<LanceDatastore> {
    LanceDatastore::open(config).await
}

/// Memtables that fill and blocks that end within the data of a case.
fn small(dir: PathBuf) -> LanceConfig {
    LanceConfig::new(dir).memtable_bytes(1 << 10).partition_bytes(1 << 10).block_bytes(256).compaction_threads(3)
}

fn declared() -> Capabilities {
    Capabilities::new(Isolation::Serializable)
        .versioned_reads(true)
        .erases_history(true)
        .change_feed(true)
        .read_checks(true)
        .safe_timestamps(true)
        .tags(true)
        .branches(true)
        .readers(true)
        .durability(Durability::PowerLoss)
}
