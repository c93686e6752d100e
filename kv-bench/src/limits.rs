//! What the machine itself can do: the yardstick of every figure, and of whether a run was undisturbed.

use crate::numbers::Numbers;
use crossbeam_skiplist::SkipMap;
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

/// Medians of single operations, unless said.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Writing 150 bytes into a preallocated file and syncing its data.
    pub fdatasync_us: f64,
    /// Copying memory that is larger than the caches; the best of some.
    pub memcpy_gb_s: f64,
    /// Reading 4 KiB of a file that is in the page cache.
    pub pread_us: f64,
    /// A read of memory that depends on the one before and misses the caches; a mean.
    pub miss_ns: f64,
    /// A lookup in a skip list of 1,000,000 keys of 16 bytes; a mean.
    pub skiplist_get_ns: f64,
}

impl Limits {
    /// Measures all in a few seconds, with a file in `dir`.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn probe(dir: &Path) -> std::io::Result<Self> {
        Ok(Self {
            fdatasync_us: fdatasync_us(dir, 1000)?,
            memcpy_gb_s: memcpy_gb_s(),
            pread_us: pread_us(dir)?,
            miss_ns: miss_ns(),
            skiplist_get_ns: skiplist_get_ns(),
        })
    }
}

/// The median of `count` small synced writes, with a file in `dir`.
fn fdatasync_us(dir: &Path, count: u64) -> std::io::Result<f64> {
    let file = tempfile::tempfile_in(dir)?;
    file.write_all_at(&vec![1; 1 << 20], 0)?;
    file.sync_all()?;
    median((0..count).map(|i| {
        let start = Instant::now();
        file.write_all_at(&[2; 150], i * 150 % ((1 << 20) - 150))?;
        file.sync_data()?;
        Ok(micros(start))
    }))
}

fn pread_us(dir: &Path) -> std::io::Result<f64> {
    const BYTES: u64 = 16 << 20;
    let file = tempfile::tempfile_in(dir)?;
    file.write_all_at(&vec![1; BYTES as usize], 0)?;
    let mut numbers = Numbers::new(1);
    let mut page = [0; 4096];
    median((0..50_000).map(|_| {
        let start = Instant::now();
        file.read_exact_at(&mut page, numbers.below(BYTES / 4096) * 4096)?;
        Ok(micros(start))
    }))
}

fn memcpy_gb_s() -> f64 {
    const BYTES: usize = 128 << 20;
    let from = vec![1u8; BYTES];
    let mut to = vec![0u8; BYTES];
    let copies = (0..8).map(|_| {
        let start = Instant::now();
        to.copy_from_slice(black_box(&from));
        black_box(&to);
        BYTES as f64 / start.elapsed().as_secs_f64() / 1e9
    });
    copies.fold(0.0, f64::max)
}

/// Knuth: MMIX.
fn step(i: u64) -> u64 {
    i.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407)
}

fn miss_ns() -> f64 {
    const ITEMS: u64 = 32 << 20;
    const STEPS: u64 = 1_000_000;
    // A congruential sequence of full period visits every item once before it comes back.
    let next: Vec<u64> = (0..ITEMS).map(|i| step(i) % ITEMS).collect();
    let mut at = 0;
    let start = Instant::now();
    for _ in 0..STEPS {
        at = next.get(at as usize).copied().unwrap_or_default();
    }
    black_box(at);
    nanos(start, STEPS)
}

fn skiplist_get_ns() -> f64 {
    const KEYS: u64 = 1_000_000;
    const GETS: u64 = 300_000;
    let key = |i: u64| u128::from(i * 2).to_be_bytes();
    let list: SkipMap<[u8; 16], u64> = (0..KEYS).map(|i| (key(i), i)).collect();
    let mut numbers = Numbers::new(1);
    let start = Instant::now();
    for _ in 0..GETS {
        black_box(list.get(&key(numbers.below(KEYS))));
    }
    nanos(start, GETS)
}

fn median(times: impl Iterator<Item = std::io::Result<f64>>) -> std::io::Result<f64> {
    let mut times = times.collect::<std::io::Result<Vec<_>>>()?;
    Ok(crate::summary::median(&mut times).unwrap_or_default())
}

fn micros(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
}

fn nanos(start: Instant, count: u64) -> f64 {
    start.elapsed().as_secs_f64() * 1e9 / count as f64
}
