//! What is counted: a store that is made, and operations of one kind on it.

use clap::{Args, ValueEnum};
use kv_api::{Datastore, KeyRange, Result, ScanLimit, TransactionOptions};
use kv_bench::dataset::{Dataset, Shape};
use kv_bench::driver;
use kv_bench::numbers::Numbers;
use kv_lance::{CompactOptions, Durability, LanceConfig, LanceDatastore};
use std::time::Duration;

/// Operations of the shorter slice; the longer one has twice as many.
const OPERATIONS: u64 = 20_000;

/// Rows of a scan; its count is divided by them.
const SCANNED: u32 = 100;

/// Rows of the store, where nothing is compacted.
const ROWS: u64 = 20_000;

/// Rows that are compacted, so many that what a compaction costs besides does not count.
const COMPACTED: u64 = 100_000;

/// Runs that share the rows, each with every fourth.
const RUNS: u64 = 4;

/// Rows of a commit that fills a run.
const BATCH: usize = 1000;

/// One row of so many is overwritten after the version that is read at.
const OVERWRITTEN: usize = 10;

/// Rows of a run that lies above those that are read.
const ABOVE: u64 = 1000;

/// A number of operations of one kind.
#[derive(Debug, Args)]
pub(crate) struct Slice {
    what: What,
    operations: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum What {
    /// A point get from a run, hot.
    Get,
    /// A point get from a level below the first, hot, past a run above that has other keys in the same range.
    GetBelow,
    /// A point get at a version since which a tenth of the rows has been overwritten, hot.
    GetPast,
    /// A commit of one row, not synced.
    Commit,
    /// A scan from a run, hot; counted for each row.
    ScanRow,
    /// A scan over four runs whose keys alternate, hot; counted for each row.
    ScanRowRuns,
    /// A compaction of four runs whose keys alternate; counted for each row.
    CompactRow,
}

impl What {
    pub(super) const ALL: [Self; 7] =
        [Self::Get, Self::GetBelow, Self::GetPast, Self::Commit, Self::ScanRow, Self::ScanRowRuns, Self::CompactRow];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::GetBelow => "get-below",
            Self::GetPast => "get-past",
            Self::Commit => "commit",
            Self::ScanRow => "scan-row",
            Self::ScanRowRuns => "scan-row-runs",
            Self::CompactRow => "compact-row",
        }
    }

    /// Operations of the longer and of the shorter slice.
    pub(super) fn slices(self) -> (u64, u64) {
        match self {
            // There is nothing left for a second one.
            Self::CompactRow => (1, 0),
            _ => (2 * OPERATIONS, OPERATIONS),
        }
    }

    /// How many of what is counted an operation is.
    pub(super) fn divisor(self) -> u64 {
        match self {
            Self::ScanRow | Self::ScanRowRuns => SCANNED.into(),
            Self::CompactRow => COMPACTED,
            Self::Get | Self::GetBelow | Self::GetPast | Self::Commit => 1,
        }
    }

    fn data(self) -> Dataset {
        let rows = if self == Self::CompactRow { COMPACTED } else { ROWS };
        Dataset { shape: Shape::Plain, rows, value_bytes: 100, seed: 42 }
    }
}

/// Runs a slice.
pub(crate) fn run(slice: &Slice) -> std::result::Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(operate(slice)).map_err(|e| e.to_string())
}

async fn operate(slice: &Slice) -> Result<()> {
    let dir = tempfile::tempdir().map_err(|e| kv_api::Error::backend("making a folder", e))?;
    // Nothing in the background while operations are counted: no sync, and no flush or compaction but those that are asked for.
    let config = LanceConfig::new(dir.path()).durability(Durability::Eventual).sync_interval(Duration::from_secs(3600));
    let store = LanceDatastore::open(config.background_optimize(false)).await?;
    let data = slice.what.data();
    fill(&store, slice.what, data).await?;
    let then = store.current_version().await?;
    if slice.what == What::GetPast {
        let overwritten = (0..data.rows).step_by(OVERWRITTEN);
        write(&store, overwritten.map(|row| (data.key(row), data.val(row, 1)))).await?;
        store.flush().await?;
    }
    let mut numbers = Numbers::new(1);
    let read = store.begin(TransactionOptions::read()).await?;
    // So that everything is in memory.
    read.getr(KeyRange::all(), None).await?;
    if slice.what == What::GetPast {
        read.getr(KeyRange::all(), Some(then)).await?;
    }
    for round in 0..slice.operations {
        let row = numbers.below(data.rows - u64::from(SCANNED));
        match slice.what {
            What::Get | What::GetBelow => drop(read.get(&data.key(row), None).await?),
            What::GetPast => drop(read.get(&data.key(row), Some(then)).await?),
            What::ScanRow | What::ScanRowRuns => {
                drop(read.scan((data.key(row)..).into(), ScanLimit::Count(SCANNED), 0, None).await?);
            }
            What::Commit => {
                let tx = store.begin(TransactionOptions::write()).await?;
                tx.set(data.key(row), data.val(row, round)).await?;
                tx.commit().await?;
            }
            What::CompactRow => store.compact().await?,
        }
    }
    drop(read);
    store.shutdown().await
}

/// Makes the store whose operations are counted.
async fn fill(store: &LanceDatastore, what: What, data: Dataset) -> Result<()> {
    match what {
        What::ScanRowRuns | What::CompactRow => {
            for run in 0..RUNS {
                let rows = (run..data.rows).step_by(RUNS as usize);
                write(store, rows.map(|row| (data.key(row), data.val(row, 0)))).await?;
                store.flush().await?;
            }
        }
        What::Get | What::GetPast | What::Commit | What::ScanRow => {
            driver::load(store, data, Duration::MAX).await?;
            store.flush().await?;
        }
        What::GetBelow => {
            driver::load(store, data, Duration::MAX).await?;
            store.compact_with(CompactOptions::no_history()).await?;
            let rows = (0..data.rows).step_by((data.rows / ABOVE) as usize);
            write(store, rows.map(|row| (data.missing(row), data.val(row, 0)))).await?;
            store.flush().await?;
        }
    }
    Ok(())
}

async fn write(store: &LanceDatastore, rows: impl Iterator<Item = (kv_api::Key, kv_api::Val)>) -> Result<()> {
    let mut rows = rows.peekable();
    while rows.peek().is_some() {
        let tx = store.begin(TransactionOptions::write()).await?;
        for (key, val) in rows.by_ref().take(BATCH) {
            tx.set(key, val).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}
