//! The steps that only read.

use super::report::Report;
use super::{expect, read};
use crate::failure::Outcome;
use crate::import::directory::File;
use crate::output::show_time;
use crate::scan::Pages;
use indicatif::HumanCount;
use kv_api::{Datastore, Direction, KeyRange, ScanLimit, TransactionOptions};
use kv_lance::LanceDatastore;
use std::time::{Duration, Instant};

/// What reading every key back took.
pub(super) struct Compared {
    pub(super) keys: u32,
    /// Of the reads of the store alone.
    took: Duration,
}

impl Compared {
    pub(super) fn per_key(&self) -> String {
        format!("{} a key", show_time(self.took / self.keys.max(1)))
    }
}

pub(super) async fn read_back(store: &LanceDatastore, files: &[File], report: &mut Report<'_>) -> Outcome {
    let compared = compare(store, files).await?;
    let text = format!("{} keys, each equal to its file byte for byte", compared.keys);
    report.step("Read back", compared.took, &text)?;
    report.note(&compared.per_key())
}

/// Reads every file's key and compares; the store holds no other keys.
pub(super) async fn compare(store: &LanceDatastore, files: &[File]) -> Outcome<Compared> {
    let tx = store.begin(TransactionOptions::read()).await?;
    let mut compared = Compared { keys: 0, took: Duration::ZERO };
    for file in files {
        let start = Instant::now();
        let val = tx.get(&file.key, None).await?;
        compared.took += start.elapsed();
        compared.keys += 1;
        let same = val.as_deref() == Some(read(file)?.as_slice());
        expect(same, || format!("{} is not what the store holds; has the file changed?", file.path.display()))?;
    }
    let count = tx.count(KeyRange::all(), None).await?;
    expect(count == files.len() as u64, || format!("the store holds {count} keys for {} files", files.len()))?;
    Ok(compared)
}

/// The fullest folder, up and down.
pub(super) async fn scan(store: &LanceDatastore, files: &[File], report: &mut Report<'_>) -> Outcome {
    let folder = fullest_folder(files);
    let expected: Vec<&[u8]> = files.iter().map(|f| f.key.as_slice()).filter(|key| key.starts_with(folder)).collect();
    let tx = store.begin(TransactionOptions::read()).await?;
    let range = KeyRange::prefix(folder.to_vec());
    let all = ScanLimit::Count(u32::MAX);
    let start = Instant::now();
    let page = |direction| Pages { tx: tx.as_ref(), rest: range.clone(), direction, version: None };
    let up = page(Direction::Forward).keys(all).await?;
    let mut down = page(Direction::Backward).keys(all).await?;
    let took = start.elapsed();
    down.reverse();
    expect(up == expected && down == expected, || "a scan does not give the keys of the folder".into())?;
    let shown = if folder.is_empty() { "all keys".into() } else { format!("the prefix '{}'", report.text(folder)) };
    report.step("Scan", took, &format!("{shown}: {} keys up, and the same down", HumanCount(up.len() as u64)))?;
    match (up.first(), up.last()) {
        (Some(first), Some(last)) => report.note(&format!("{} … {}", report.text(first), report.text(last))),
        _ => Ok(()),
    }
}

/// The folder that holds the most files itself, with its '/'.
fn fullest_folder(files: &[File]) -> &[u8] {
    let folder = |file: &File| file.key.iter().rposition(|b| *b == b'/').map_or(0, |slash| slash + 1);
    // Sorted keys keep each folder's files close, but not always next to each other.
    let mut counts = std::collections::BTreeMap::<&[u8], usize>::new();
    for file in files {
        *counts.entry(file.key.get(..folder(file)).unwrap_or_default()).or_default() += 1;
    }
    counts
        .into_iter()
        .filter(|(folder, _)| !folder.is_empty())
        .max_by_key(|(_, n)| *n)
        .map_or(&[], |(folder, _)| folder)
}
