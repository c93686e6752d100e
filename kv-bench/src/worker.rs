//! One engine in one workload, in a process of its own: so that memory, processor time and written bytes are that
//! engine's, and engines need not share a build.

mod store;
mod without_trait;

use crate::dataset::Dataset;
use crate::driver::{Taken, Until};
use crate::engine::{Clients, Open};
use crate::native::OpenNative;
use crate::process::{self, Usage};
use crate::query::OpenTable;
use crate::series::Second;
use crate::workload::{Kind, Memory, Workload};
use kv_api::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// The engines that a worker has, in the ways in which they can be called.
#[derive(Clone, Copy)]
pub struct Engines {
    /// Behind the trait.
    pub open: Open,
    /// Without it.
    pub native: OpenNative,
    /// As tables.
    pub table: OpenTable,
}

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
    /// What the process and its part of the page cache may take together; who starts the worker sees to it. `None` = all there is.
    pub memory_bytes: Option<u64>,
    /// Whether the engine is called without the trait.
    pub native: bool,
    /// Whether all rows are read before a warm workload.
    pub read_first: bool,
}

impl Job {
    fn until(&self) -> Until {
        self.operations.map_or(Until::Elapsed(self.duration()), Until::Operations)
    }

    fn duration(&self) -> Duration {
        let seconds = self.workload.seconds.map(|seconds| Duration::from_secs(seconds.into()));
        seconds.unwrap_or(self.duration * self.workload.duration_factor)
    }
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
    /// The seconds of a workload that is looked at by second; of another, none.
    #[serde(default)]
    pub seconds: Vec<Second>,
}

/// Does `job`.
///
/// # Errors
/// What the store or the system says.
pub fn work(job: &Job, engines: Engines) -> Result<Measured> {
    let threads = job.workload.clients as usize + 16;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(threads)
        .enable_all()
        .build()
        .map_err(|e| Error::backend("starting a runtime", e))?;
    let job = job.clone();
    let measured = runtime.block_on(async { tokio::spawn(measure(job, engines)).await });
    measured.map_err(|e| Error::backend("measuring", e)).flatten()
}

async fn measure(job: Job, engines: Engines) -> Result<Measured> {
    let failed = |e| Error::backend("looking at the store's files", e);
    if job.workload.memory != Memory::Warm {
        process::evict(&job.dir).map_err(failed)?;
    }
    let worked = match (job.workload.kind, job.native) {
        (Kind::AggregateSql(over), _) => without_trait::table(&job, over, engines.table).await?,
        (kind, true) if kind != Kind::Load => without_trait::native(&job, engines.native).await?,
        _ => store::work(&job, engines.open).await?,
    };
    let bytes_written = Usage::now().since(worked.before).bytes_written;
    let disk_bytes = process::disk_bytes(&job.dir).map_err(failed)?;
    Ok(measured(&worked, bytes_written, disk_bytes))
}

/// A workload that is done, and the store closed.
struct Worked {
    taken: Taken,
    /// As the first operation began.
    before: Usage,
    /// As the last one ended.
    cpu_s: Option<f64>,
    rss_mb: Option<f64>,
    seconds: Vec<Second>,
}

impl Worked {
    fn now(taken: Taken, before: Usage) -> Self {
        Self {
            taken,
            before,
            seconds: Vec::new(),
            cpu_s: Usage::now().since(before).cpu_s,
            rss_mb: process::resident_mb(),
        }
    }
}

fn no_engine() -> Error {
    Error::Unsupported { operation: "this engine: the worker does not have it" }
}

fn measured(worked: &Worked, bytes_written: Option<u64>, disk_bytes: u64) -> Measured {
    let taken = &worked.taken;
    let at = |quantile| taken.latencies.value_at_quantile(quantile) as f64 / 1e3;
    Measured {
        operations: taken.operations,
        ops_per_s: taken.operations as f64 / taken.elapsed.as_secs_f64().max(1e-9),
        latencies_us: [at(0.5), at(0.99), at(0.999)],
        bytes_written,
        rss_mb: worked.rss_mb,
        cpu_s: worked.cpu_s,
        disk_bytes: Some(disk_bytes),
        seconds: worked.seconds.clone(),
    }
}

/// The whole of a worker's `main`: the job is the JSON in `argument`, what was measured goes to standard output as JSON.
///
/// # Errors
/// A sentence for a person.
pub fn serve(argument: &str, engines: Engines) -> std::result::Result<(), String> {
    let job: Job = serde_json::from_str(argument).map_err(|e| format!("the job cannot be read: {e}"))?;
    let measured = work(&job, engines).map_err(|e| format!("{} in {}: {e}", job.engine, job.workload.name))?;
    let text = serde_json::to_string(&measured).map_err(|e| e.to_string())?;
    println!("{text}");
    Ok(())
}
