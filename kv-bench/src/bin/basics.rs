//! First figures of kv-lance alone: one row at a time, one client, 100,000 rows of 16-byte keys and 100-byte values.
//!
//! `cargo run --release -p kv-bench --bin basics [DIR]`; DIR decides which disk is measured. Every figure is the median over single
//! operations, and the 99th percentile beside it. Nothing else should run meanwhile.
#![allow(clippy::unwrap_used, reason = "a measurement that fails says so and ends")]

use bytes::Bytes;
use kv_api::{Datastore, KeyRange, ScanLimit, TransactionOptions};
use kv_bench::numbers::Numbers;
use kv_lance::{CompactOptions, Durability, LanceConfig, LanceDatastore};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROWS: u64 = 100_000;
const BATCH: u64 = 1000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = match std::env::args().nth(1) {
        Some(dir) => tempfile::tempdir_in(dir).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    runtime.block_on(async {
        tokio::spawn(measure(dir.path().to_owned())).await.unwrap();
    });
}

fn bytes<const N: usize>(numbers: &mut Numbers) -> [u8; N] {
    let mut out = [0; N];
    for chunk in out.chunks_mut(8) {
        chunk.iter_mut().zip(numbers.draw().to_le_bytes()).for_each(|(to, from)| *to = from);
    }
    out
}

fn key(i: u64) -> Bytes {
    format!("{:016}", i * 2).into_bytes().into()
}

/// A key between two that are there.
fn missing(i: u64) -> Bytes {
    format!("{:016}", i * 2 + 1).into_bytes().into()
}

/// Half of it compresses, as text does.
fn val(numbers: &mut Numbers) -> Bytes {
    let mut val = bytes::<50>(numbers).to_vec();
    val.extend_from_slice(&[b'a'; 50]);
    val.into()
}

async fn measure(dir: std::path::PathBuf) {
    let mut numbers = Numbers::new(1);
    let immediate = || LanceConfig::new(dir.join("immediate")).memtable_bytes(1 << 30);
    let store = Arc::new(LanceDatastore::open(immediate()).await.unwrap());

    let start = Instant::now();
    for first in (0..ROWS).step_by(BATCH as usize) {
        let tx = store.begin(TransactionOptions::write()).await.unwrap();
        for i in first..first + BATCH {
            tx.set(key(i), val(&mut numbers)).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    rate("load, durable batches of 1000", ROWS, start.elapsed());

    commits("durable commit of one row, 1 client", &store, 2000, &mut numbers).await;
    clients("durable commits of one row, 64 clients", &store, 64, 200).await;
    {
        let store = LanceDatastore::open(
            LanceConfig::new(dir.join("eventual")).durability(Durability::Eventual).memtable_bytes(1 << 30),
        );
        let store = Arc::new(store.await.unwrap());
        commits("non-durable commit of one row, 1 client", &store, 100_000, &mut numbers).await;
    }
    reads("memtable", &store, &mut numbers).await;
    let start = Instant::now();
    store.flush().await.unwrap();
    rate("flush", ROWS, start.elapsed());
    reads("run", &store, &mut numbers).await;
    let start = Instant::now();
    store.compact_with(CompactOptions::no_history()).await.unwrap();
    rate("compaction", ROWS, start.elapsed());
    let raw = ROWS * (16 + 100);
    let table = file_bytes(&dir.join("immediate/kv.lance"));
    println!(
        "{:<44} {:>10.1} MB ({:.2} x the {:.1} MB of keys and values)",
        "bytes on disk",
        mega(table),
        table as f64 / raw as f64,
        mega(raw)
    );
    store.shutdown().await.unwrap();
    drop(store);

    let store = LanceDatastore::open(immediate().cache_bytes(0)).await.unwrap();
    let tx = store.begin(TransactionOptions::read()).await.unwrap();
    let mut times = Vec::new();
    for _ in 0..20_000 {
        let key = key(numbers.draw() % ROWS);
        let start = Instant::now();
        assert!(tx.get(&key, None).await.unwrap().is_some());
        times.push(start.elapsed());
    }
    row("get from a run without block cache", &mut times);
}

async fn commits(name: &str, store: &Arc<LanceDatastore>, count: usize, numbers: &mut Numbers) {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let (key, val) = (key(numbers.draw() % ROWS), val(numbers));
        let start = Instant::now();
        let tx = store.begin(TransactionOptions::write()).await.unwrap();
        tx.set(key, val).await.unwrap();
        tx.commit().await.unwrap();
        times.push(start.elapsed());
    }
    row(name, &mut times);
}

async fn clients(name: &str, store: &Arc<LanceDatastore>, clients: u64, each: u64) {
    let start = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut numbers = Numbers::new(client);
                for i in 0..each {
                    let tx = store.begin(TransactionOptions::write()).await.unwrap();
                    tx.set(key(client * each + i), val(&mut numbers)).await.unwrap();
                    tx.commit().await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    rate(name, clients * each, start.elapsed());
}

async fn reads(place: &str, store: &Arc<LanceDatastore>, numbers: &mut Numbers) {
    let tx = store.begin(TransactionOptions::read()).await.unwrap();
    // Once through everything, so that what is measured is hot.
    assert!(tx.getr(KeyRange::all(), None).await.unwrap().len() as u64 >= ROWS);
    let mut times = Vec::new();
    for _ in 0..200_000 {
        let key = key(numbers.draw() % ROWS);
        let start = Instant::now();
        assert!(tx.get(&key, None).await.unwrap().is_some());
        times.push(start.elapsed());
    }
    row(&format!("hot get, {place}"), &mut times);
    times.clear();
    for _ in 0..200_000 {
        let key = missing(numbers.draw() % ROWS);
        let start = Instant::now();
        assert!(tx.get(&key, None).await.unwrap().is_none());
        times.push(start.elapsed());
    }
    row(&format!("missing key, {place}"), &mut times);
    for (what, keys_only) in [("scan of 100", false), ("key-only scan of 100", true)] {
        times.clear();
        for _ in 0..20_000 {
            let range = KeyRange::from(key(numbers.draw() % (ROWS - 100))..);
            let start = Instant::now();
            let found = match keys_only {
                true => tx.keys(range, ScanLimit::Count(100), 0, None).await.unwrap().len(),
                false => tx.scan(range, ScanLimit::Count(100), 0, None).await.unwrap().len(),
            };
            times.push(start.elapsed());
            assert_eq!(found, 100);
        }
        row(&format!("{what}, {place}"), &mut times);
    }
    let start = Instant::now();
    let count = tx.count(KeyRange::all(), None).await.unwrap();
    rate(&format!("count of all, {place}"), count, start.elapsed());
}

fn row(name: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    println!("{name:<44} {:>10.2} µs   p99 {:>10.2} µs", micros(at(0.5)), micros(at(0.99)));
}

fn rate(name: &str, count: u64, elapsed: Duration) {
    println!("{name:<44} {:>10.0} rows/s", count as f64 / elapsed.as_secs_f64());
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The lengths of all files, to be compared with those of keys and values; the space that they take is rounded up to blocks.
fn file_bytes(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => file_bytes(&entry.path()),
            false => entry.metadata().unwrap().len(),
        })
        .sum()
}
