//! Runs one workload of one engine other than kv-lance; `kv-bench compare` starts it.

mod native;

use kv_api::{Datastore, Durability};
use kv_bench::engine::{Opened, Opening};
use kv_bench::worker::Engines;
use kv_bench::workload;
use kv_peers::Tuning;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How long versions are kept where they are: as long as kv-lance does by default.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [command, job] if command == "worker" => {
            // None of them leaves a table.
            kv_bench::worker::serve(job, Engines { open, native: native::open, table: |_, _, _| None })
        }
        _ => Err("`kv-bench compare` starts this program; it is not for people".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("peers-worker: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Every engine with the same budgets; see `kv_peers` for what they make of them.
fn tuning(opening: &Opening) -> Tuning {
    let durability = match opening.durability {
        workload::Durability::Immediate => Durability::PowerLoss,
        workload::Durability::Eventual => Durability::ProcessCrash,
    };
    Tuning::new(durability).cache_bytes(opening.cache_bytes)
}

fn open(name: &str, opening: Opening) -> Option<Opened> {
    let tuning = tuning(&opening);
    let dir = opening.dir;
    match name {
        "fjall" => Some(Box::pin(async move { kv_peers::open_fjall(dir, tuning).map(boxed) })),
        "lmdb" => Some(Box::pin(async move { kv_peers::open_lmdb(dir, tuning).map(boxed) })),
        "redb" => Some(Box::pin(async move { kv_peers::open_redb(dir, tuning).map(boxed) })),
        "surrealkv" => Some(Box::pin(async move { kv_peers::open_surrealkv(dir, tuning).await.map(boxed) })),
        "surrealkv-versioned" => {
            Some(Box::pin(async move { kv_peers::open_surrealkv_versioned(dir, tuning, RETENTION).await.map(boxed) }))
        }
        #[cfg(feature = "rocksdb")]
        "rocksdb" => Some(Box::pin(async move { kv_peers::open_rocksdb(dir, tuning).map(boxed) })),
        _ => None,
    }
}

fn boxed(store: impl Datastore + 'static) -> Arc<dyn Datastore> {
    Arc::new(store)
}
