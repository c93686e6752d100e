//! Instruction counts under valgrind: they are the same on a busy machine, so that a change of some percent shows.

use clap::{Args, ValueEnum};
use kv_api::{Datastore, KeyRange, Result, ScanLimit, TransactionOptions};
use kv_bench::dataset::{Dataset, Shape};
use kv_bench::driver;
use kv_bench::numbers::Numbers;
use kv_lance::{Durability, LanceConfig, LanceDatastore};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Rows of the store.
const DATA: Dataset = Dataset { shape: Shape::Plain, rows: 20_000, value_bytes: 100, seed: 42 };

/// Operations of the shorter slice; the longer one has twice as many, and what both have in common cancels out.
const OPERATIONS: u64 = 20_000;

/// Rows of a scan; its count is divided by them.
const SCANNED: u32 = 100;

/// By how much a count may be greater than the committed one.
const TOLERANCE: f64 = 0.05;

/// What `ratchet` is asked for.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Replace the committed figures by the new ones.
    #[arg(long)]
    write: bool,
    /// The committed figures.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/ratchet.json"))]
    file: PathBuf,
}

/// A number of operations of one kind.
#[derive(Debug, Args)]
pub(crate) struct Slice {
    what: What,
    operations: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// A point get from a run, hot.
    Get,
    /// A commit of one row, not synced.
    Commit,
    /// A scan from a run, hot; counted for each row.
    ScanRow,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Commit => "commit",
            Self::ScanRow => "scan-row",
        }
    }

    /// How many of what is counted an operation is.
    fn divisor(self) -> u64 {
        match self {
            Self::ScanRow => SCANNED.into(),
            Self::Get | Self::Commit => 1,
        }
    }
}

/// The file of committed figures.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Figures {
    /// Instructions by operation.
    instructions: BTreeMap<String, f64>,
}

/// Counts, and compares or writes.
pub(crate) fn ratchet(arguments: &Arguments) -> std::result::Result<(), String> {
    if cfg!(debug_assertions) {
        return Err("instructions are counted in an optimised build: make bench-ratchet".into());
    }
    let mut found = Figures::default();
    for what in [What::Get, What::Commit, What::ScanRow] {
        eprintln!("counting {}", what.name());
        let more = instructions(what, 2 * OPERATIONS)?;
        let less = instructions(what, OPERATIONS)?;
        let each = more.saturating_sub(less) as f64 / (OPERATIONS * what.divisor()) as f64;
        found.instructions.insert(what.name().into(), each.round());
    }
    if arguments.write {
        let text = serde_json::to_string_pretty(&found).map_err(|e| e.to_string())? + "\n";
        return std::fs::write(&arguments.file, text).map_err(|e| format!("{}: {e}", arguments.file.display()));
    }
    let text = std::fs::read_to_string(&arguments.file)
        .map_err(|e| format!("{}: {e}; `kv-bench ratchet --write` makes it", arguments.file.display()))?;
    let committed: Figures = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", arguments.file.display()))?;
    let mut worse = Vec::new();
    for (name, now) in &found.instructions {
        let Some(before) = committed.instructions.get(name) else {
            return Err(format!("{} has no figure for {name}", arguments.file.display()));
        };
        let change = now / before - 1.0;
        println!("{name:<10} {now:>10} instructions, {before:>10} committed, {:+.1}%", change * 100.0);
        if change > TOLERANCE {
            worse.push(name.as_str());
        }
    }
    match worse.is_empty() {
        true => Ok(()),
        false => {
            Err(format!("more instructions than committed, by over {:.0}%: {}", TOLERANCE * 100.0, worse.join(", ")))
        }
    }
}

/// How many instructions a process with this slice takes.
fn instructions(what: What, operations: u64) -> std::result::Result<u64, String> {
    let own = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(own);
    command.args(["slice", what.name(), &operations.to_string()]).stdin(Stdio::null());
    let output = command.output().map_err(|e| format!("valgrind does not start, is it installed? {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("valgrind failed: {}", said.lines().last().unwrap_or_default()));
    }
    let count = said.lines().find_map(|line| line.split_once("Collected :")).map(|(_, count)| count.trim().parse());
    count
        .and_then(std::result::Result::ok)
        .ok_or_else(|| "valgrind did not say how many instructions there were".into())
}

/// Runs a slice.
pub(crate) fn run(slice: &Slice) -> std::result::Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(operate(slice)).map_err(|e| e.to_string())
}

async fn operate(slice: &Slice) -> Result<()> {
    let dir = tempfile::tempdir().map_err(|e| kv_api::Error::backend("making a folder", e))?;
    // Nothing in the background while operations are counted: no sync, and no flush but the one below.
    let config = LanceConfig::new(dir.path()).durability(Durability::Eventual).sync_interval(Duration::from_secs(3600));
    let store = LanceDatastore::open(config).await?;
    driver::load(&store, DATA, Duration::MAX).await?;
    store.flush().await?;
    let mut numbers = Numbers::new(1);
    let read = store.begin(TransactionOptions::read()).await?;
    read.getr(KeyRange::all(), None).await?;
    for round in 0..slice.operations {
        let row = numbers.below(DATA.rows - u64::from(SCANNED));
        match slice.what {
            What::Get => drop(read.get(&DATA.key(row), None).await?),
            What::ScanRow => drop(read.scan((DATA.key(row)..).into(), ScanLimit::Count(SCANNED), 0, None).await?),
            What::Commit => {
                let tx = store.begin(TransactionOptions::write()).await?;
                tx.set(DATA.key(row), DATA.val(row, round)).await?;
                tx.commit().await?;
            }
        }
    }
    drop(read);
    store.shutdown().await
}
