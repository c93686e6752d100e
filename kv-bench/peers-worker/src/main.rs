//! Runs one workload of one engine other than kv-lance; `kv-bench compare` starts it.

use kv_api::{Datastore, Durability};
use kv_bench::engine::{Opened, Opening};
use kv_bench::workload;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [command, job] if command == "worker" => kv_bench::worker::serve(job, open),
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

fn open(name: &str, opening: Opening) -> Option<Opened> {
    let dir = opening.dir;
    let durability = match opening.durability {
        workload::Durability::Immediate => Durability::PowerLoss,
        workload::Durability::Eventual => Durability::ProcessCrash,
    };
    match name {
        "fjall" => Some(Box::pin(async move { kv_peers::open_fjall(dir, durability).map(boxed) })),
        "redb" => Some(Box::pin(async move { kv_peers::open_redb(dir, durability).map(boxed) })),
        "surrealkv" => Some(Box::pin(async move { kv_peers::open_surrealkv(dir, durability).await.map(boxed) })),
        #[cfg(feature = "rocksdb")]
        "rocksdb" => Some(Box::pin(async move { kv_peers::open_rocksdb(dir, durability).map(boxed) })),
        _ => None,
    }
}

fn boxed(store: impl Datastore + 'static) -> Arc<dyn Datastore> {
    Arc::new(store)
}
