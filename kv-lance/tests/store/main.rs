//! Behaviour of kv-lance that its contract does not say: opening, recovery, history, what is on disk.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod background;
mod branch;
mod close_faults;
mod commit_faults;
mod commit_thread;
mod compactions;
mod conflict_storm;
mod count;
mod damage;
mod diff;
mod erasing;
mod faulty;
mod feeds;
mod file_faults;
mod format;
mod full_disk;
mod giving_way;
mod group_commit;
mod history;
mod history_table;
mod hostile;
mod hot_key;
mod index_budget;
mod levels;
mod live;
mod long_keys;
mod lost_journal;
#[cfg(feature = "metrics")]
mod metrics;
mod old_transactions;
mod open;
mod operations;
mod outside;
mod past;
mod power;
mod publish;
mod read_ahead;
mod read_only;
mod reader_grace;
mod recovery;
mod repair;
mod retry;
mod runs;
mod safe_timestamps;
mod simulation;
mod spans;
#[cfg(feature = "sql")]
mod sql;
#[cfg(feature = "sql")]
mod sql_json;
#[cfg(feature = "sql")]
mod sql_past;
mod statistics;
mod tags;
mod verify;
#[cfg(feature = "sql")]
mod views;

use kv_api::{Datastore, KeyRange, Result, ScanLimit, TransactionOptions, Version};
use kv_lance::{LanceConfig, LanceDatastore};
use std::path::Path;

pub(crate) type Rows = Vec<(String, String)>;

/// Numbers that follow from a seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

pub(crate) async fn open(config: LanceConfig) -> Result<LanceDatastore> {
    LanceDatastore::open(config).await
}

/// Writes in one transaction; an empty value deletes. The version.
pub(crate) async fn write(store: &LanceDatastore, rows: &[(&str, &str)]) -> Result<Version> {
    let tx = store.begin(TransactionOptions::write()).await?;
    for (key, val) in rows {
        match *val {
            "" => tx.del(key.to_string().into()).await?,
            val => tx.set(key.to_string().into(), val.to_string().into()).await?,
        }
    }
    tx.commit().await?;
    Ok(tx.commit_version().unwrap())
}

/// Everything in the store, read forwards and, to compare, backwards and by key.
pub(crate) async fn all(store: &LanceDatastore, version: Option<Version>) -> Result<Rows> {
    let tx = store.begin(TransactionOptions::read()).await?;
    let forward = tx.scan(KeyRange::all(), ScanLimit::Count(u32::MAX), 0, version).await?;
    let mut backward = tx.scanr(KeyRange::all(), ScanLimit::Count(u32::MAX), 0, version).await?;
    backward.reverse();
    assert_eq!(forward, backward);
    assert_eq!(tx.count(KeyRange::all(), version).await?, forward.len() as u64);
    for (key, val) in &forward {
        assert_eq!(tx.get(key, version).await?.as_ref(), Some(val), "{key:?}");
        assert!(tx.exists(key, version).await?);
    }
    let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
    Ok(forward.iter().map(|(k, v)| (text(k), text(v))).collect())
}

pub(crate) fn rows(rows: &[(&str, &str)]) -> Rows {
    rows.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
}

pub(crate) fn figure(store: &LanceDatastore, name: &str) -> u64 {
    store.statistics().get(name).unwrap()
}

/// A row for many-row tests.
/// How many files of runs a folder has.
pub(crate) fn run_files(dir: &Path) -> u64 {
    let is_run = |path: &Path| path.extension().is_some_and(|e| e == "lance");
    std::fs::read_dir(dir).unwrap().filter(|entry| is_run(&entry.as_ref().unwrap().path())).count() as u64
}

pub(crate) fn numbered(i: usize) -> (String, String) {
    (format!("key{i:06}"), format!("value {i} {}", "x".repeat(i % 50)))
}
