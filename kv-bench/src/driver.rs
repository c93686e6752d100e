//! Runs the clients of a workload, each in a closed loop, and takes the times; and fills stores.

use crate::dataset::Dataset;
use crate::engine::Clients;
use crate::operation::{Client, Shared};
use hdrhistogram::Histogram;
use kv_api::{Datastore, Error, Result, TransactionOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Rows of a commit while loading.
const LOAD_BATCH: u64 = 1000;

/// Rows of a commit once the time for loading is over.
const FILL_BATCH: u64 = 50_000;

/// How long clients go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// For a time.
    Elapsed(Duration),
    /// For so many operations of each client.
    Operations(u64),
}

/// What was measured.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Operations, or rows where a workload counts those.
    pub operations: u64,
    /// From the first operation to the end of the last.
    pub elapsed: Duration,
    /// In nanoseconds; one value for each commit, read or scan.
    pub latencies: Histogram<u64>,
}

pub(crate) fn histogram() -> Result<Histogram<u64>> {
    // Three digits up to ten minutes; longer ones count as that.
    Histogram::new_with_bounds(1, 600_000_000_000, 3).map_err(|e| Error::backend("making a histogram", e))
}

/// Runs `count` clients at once.
///
/// # Errors
/// That of the first client that failed.
pub async fn closed_loop(shared: Arc<Shared>, count: u32, style: Clients, until: Until) -> Result<Taken> {
    let mut clients = Vec::new();
    for number in 0..count {
        clients.push(Client::new(shared.clone(), number.into()).await?);
    }
    let start = Instant::now();
    together(clients.into_iter().map(|client| run(client, start, until)), style).await
}

/// Runs clients at once, each as `style` says, and adds up what they took.
pub(crate) async fn together<Run>(clients: impl Iterator<Item = Run>, style: Clients) -> Result<Taken>
where
    Run: Future<Output = Result<Taken>> + Send + 'static,
{
    let runs: Vec<_> = clients
        .map(|client| match style {
            Clients::Tasks => tokio::spawn(client),
            Clients::Threads => {
                let handle = Handle::current();
                tokio::task::spawn_blocking(move || handle.block_on(client))
            }
        })
        .collect();
    let mut all = Taken { operations: 0, elapsed: Duration::ZERO, latencies: histogram()? };
    let mut failed = None;
    for run in runs {
        match run.await.map_err(|e| Error::backend("running a client", e)).flatten() {
            Ok(taken) => {
                all.operations += taken.operations;
                all.elapsed = all.elapsed.max(taken.elapsed);
                all.latencies.add(&taken.latencies).map_err(|e| Error::backend("adding histograms", e))?;
            }
            Err(e) => failed = failed.or(Some(e)),
        }
    }
    failed.map_or(Ok(all), Err)
}

async fn run(client: Client, start: Instant, until: Until) -> Result<Taken> {
    watched(client, start, until, |_| {}).await
}

/// Runs a client, and shows each latency as it is taken, in nanoseconds.
pub(crate) async fn watched(mut client: Client, start: Instant, until: Until, show: impl Fn(u64)) -> Result<Taken> {
    let mut taken = Taken { operations: 0, elapsed: Duration::ZERO, latencies: histogram()? };
    let mut before = Instant::now();
    let mut steps = 0;
    loop {
        taken.operations += client.step().await?;
        steps += 1;
        let now = Instant::now();
        let latency = (now - before).as_nanos() as u64;
        taken.latencies.saturating_record(latency);
        show(latency);
        before = now;
        taken.elapsed = now - start;
        let over = match until {
            Until::Elapsed(limit) => taken.elapsed >= limit,
            Until::Operations(limit) => steps >= limit,
        };
        if over {
            return Ok(taken);
        }
    }
}

/// Fills a store in the order of the keys. What is not in after `limit` is filled in unmeasured, in larger batches.
///
/// # Errors
/// What the store says.
pub async fn load(store: &dyn Datastore, data: Dataset, limit: Duration) -> Result<Taken> {
    let mut taken = Taken { operations: 0, elapsed: Duration::ZERO, latencies: histogram()? };
    let start = Instant::now();
    while taken.operations < data.rows && taken.elapsed < limit {
        let before = Instant::now();
        taken.operations += write(store, data, taken.operations, LOAD_BATCH).await?;
        taken.latencies.saturating_record(before.elapsed().as_nanos() as u64);
        taken.elapsed = start.elapsed();
    }
    let mut row = taken.operations;
    while row < data.rows {
        row += write(store, data, row, FILL_BATCH).await?;
    }
    Ok(taken)
}

async fn write(store: &dyn Datastore, data: Dataset, first: u64, count: u64) -> Result<u64> {
    let count = count.min(data.rows - first);
    let tx = store.begin(TransactionOptions::write()).await?;
    for row in first..first + count {
        tx.set(data.key(row), data.val(row, 0)).await?;
    }
    tx.commit().await?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Shape;
    use crate::workload::{Kind, Options, Store, Workload, table};
    use kv_conformance::Reference;

    fn tried(act: impl Future<Output = Result<()>>) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let outcome = runtime.map(|runtime| runtime.block_on(act).map_err(|e| e.to_string()));
        assert!(matches!(outcome, Ok(Ok(()))), "{outcome:?}");
    }

    fn all_workloads() -> Vec<Workload> {
        table(&Options { clients: vec![1, 4], durability: None, sustained: true, steady_seconds: 1 })
    }

    #[test]
    fn every_workload_runs_with_both_kinds_of_clients() {
        tried(async {
            let single = |w: &Workload| !w.loads() && !matches!(w.kind, Kind::AggregateSql(_) | Kind::Settle);
            for workload in all_workloads().into_iter().filter(single) {
                let (shape, rows, value_bytes) = workload.store.contents(300, 20);
                let data = Dataset { shape, rows, value_bytes, seed: 1 };
                let store: Arc<dyn Datastore> = Arc::new(Reference::new());
                load(store.as_ref(), data, Duration::from_secs(60)).await?;
                for style in [Clients::Tasks, Clients::Threads] {
                    let shared = Arc::new(Shared::new(store.clone(), data, workload.kind));
                    let taken = closed_loop(shared, workload.clients, style, Until::Operations(5)).await?;
                    let each = if let Kind::Batch(size) = workload.kind { size } else { 1 };
                    assert_eq!(taken.operations, 5 * u64::from(workload.clients) * each, "{}", workload.name);
                    assert_eq!(taken.latencies.len(), 5 * u64::from(workload.clients), "{}", workload.name);
                }
            }
            Ok(())
        });
    }

    #[test]
    fn what_is_not_loaded_in_time_is_filled_in() {
        tried(async {
            let (shape, rows, value_bytes) = Store::Main.contents(2500, 20);
            let data = Dataset { shape, rows, value_bytes, seed: 1 };
            let store = Reference::new();
            let taken = load(&store, data, Duration::ZERO).await?;
            assert_eq!(taken.operations, 0);
            let tx = store.begin(TransactionOptions::read()).await?;
            assert_eq!(tx.count(kv_api::KeyRange::all(), None).await?, 2500);
            Ok(())
        });
    }

    #[test]
    fn a_wrong_answer_ends_the_run() {
        tried(async {
            let data = Dataset { shape: Shape::Plain, rows: 10, value_bytes: 20, seed: 1 };
            let shared = Arc::new(Shared::new(Arc::new(Reference::new()), data, Kind::Get));
            assert!(closed_loop(shared, 1, Clients::Tasks, Until::Operations(1)).await.is_err());
            Ok(())
        });
    }
}
