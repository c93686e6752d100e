//! One engine in one workload, in a process of its own: so that memory, processor time and written bytes are that
//! engine's, and engines need not share a build.

use crate::dataset::Dataset;
use crate::driver::{self, Taken, Until};
use crate::engine::{Clients, Open, Opening};
use crate::operation::Shared;
use crate::process::{self, Usage};
use crate::workload::{Kind, Workload};
use kv_api::{Datastore, Error, KeyRange, Result, TransactionOptions};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How much longer than another workload a load may take before the rest is filled in unmeasured.
const LOAD_FACTOR: u32 = 20;

/// What a worker is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The engine's name.
    pub engine: String,
    /// How its clients run.
    pub style: Clients,
    /// The store's folder.
    pub dir: PathBuf,
    /// What to measure.
    pub workload: Workload,
    /// The store's rows.
    pub data: Dataset,
    /// How long to measure; a factor of the workload comes on top.
    pub duration: Duration,
    /// Operations of each client instead of a duration.
    pub operations: Option<u64>,
    /// The budget of the engine's cache.
    pub cache_bytes: u64,
}

/// What a worker measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Operations or rows of all clients.
    pub operations: u64,
    /// Those in a second.
    pub ops_per_s: f64,
    /// Median, 99th and 99.9th percentile.
    pub latencies_us: [f64; 3],
    /// See [`Run`](crate::results::Run).
    pub bytes_written: Option<u64>,
    /// See [`Run`](crate::results::Run).
    pub rss_mb: Option<f64>,
    /// See [`Run`](crate::results::Run).
    pub cpu_s: Option<f64>,
    /// See [`Run`](crate::results::Run).
    pub disk_bytes: Option<u64>,
}

/// Does `job`, with the engines that `open` has.
///
/// # Errors
/// What the store or the system says.
pub fn work(job: &Job, open: Open) -> Result<Measured> {
    let threads = job.workload.clients as usize + 16;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(threads)
        .enable_all()
        .build()
        .map_err(|e| Error::backend("starting a runtime", e))?;
    let job = job.clone();
    let measured = runtime.block_on(async { tokio::spawn(measure(job, open)).await });
    measured.map_err(|e| Error::backend("measuring", e)).flatten()
}

async fn measure(job: Job, open: Open) -> Result<Measured> {
    let failed = |e| Error::backend("looking at the store's files", e);
    if job.workload.cold {
        process::evict(&job.dir).map_err(failed)?;
    }
    let opening = Opening { dir: job.dir.clone(), durability: job.workload.durability, cache_bytes: job.cache_bytes };
    let Some(store) = open(&job.engine, opening) else {
        return Err(Error::Unsupported { operation: "this engine: the worker does not have it" });
    };
    let store = store.await?;
    if !job.workload.loads() && !job.workload.cold {
        warm_up(&store, &job).await?;
    }
    let before = Usage::now();
    let taken = match job.workload.kind {
        Kind::Load | Kind::Size => driver::load(store.as_ref(), job.data, job.duration * LOAD_FACTOR).await?,
        kind => {
            let shared = Arc::new(Shared::new(store.clone(), job.data, kind));
            let duration = Until::Elapsed(job.duration * job.workload.duration_factor);
            let until = job.operations.map_or(duration, Until::Operations);
            driver::closed_loop(shared, job.workload.clients, job.style, until).await?
        }
    };
    let cpu_s = Usage::now().since(before).cpu_s;
    let rss_mb = process::resident_mb();
    if job.workload.loads() {
        store.flush().await?;
    }
    if job.workload.kind == Kind::Size {
        store.compact().await?;
    }
    store.shutdown().await?;
    drop(store);
    let bytes_written = Usage::now().since(before).bytes_written;
    let disk_bytes = process::disk_bytes(&job.dir).map_err(failed)?;
    Ok(measured(&taken, bytes_written, rss_mb, cpu_s, disk_bytes))
}

/// Reads everything once, and then works as the workload does for a moment where that writes nothing.
async fn warm_up(store: &Arc<dyn Datastore>, job: &Job) -> Result<()> {
    let tx = store.begin(TransactionOptions::read()).await?;
    let mut rest = Some(KeyRange::all());
    while let Some(range) = rest {
        rest = tx.batch_keys_vals(range, 10_000, None).await?.next;
    }
    tx.cancel().await?;
    if !job.workload.writes() {
        let shared = Arc::new(Shared::new(store.clone(), job.data, job.workload.kind));
        driver::closed_loop(shared, 1, job.style, Until::Elapsed(job.duration / 10)).await?;
    }
    Ok(())
}

fn measured(
    taken: &Taken,
    bytes_written: Option<u64>,
    rss_mb: Option<f64>,
    cpu_s: Option<f64>,
    disk_bytes: u64,
) -> Measured {
    let at = |quantile| taken.latencies.value_at_quantile(quantile) as f64 / 1e3;
    Measured {
        operations: taken.operations,
        ops_per_s: taken.operations as f64 / taken.elapsed.as_secs_f64().max(1e-9),
        latencies_us: [at(0.5), at(0.99), at(0.999)],
        bytes_written,
        rss_mb,
        cpu_s,
        disk_bytes: Some(disk_bytes),
    }
}

/// The whole of a worker's `main`: the job is the JSON in `argument`, what was measured goes to standard output as JSON.
///
/// # Errors
/// A sentence for a person.
pub fn serve(argument: &str, open: Open) -> std::result::Result<(), String> {
    let job: Job = serde_json::from_str(argument).map_err(|e| format!("the job cannot be read: {e}"))?;
    let measured = work(&job, open).map_err(|e| format!("{} in {}: {e}", job.engine, job.workload.name))?;
    let text = serde_json::to_string(&measured).map_err(|e| e.to_string())?;
    println!("{text}");
    Ok(())
}
