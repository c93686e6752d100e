//! An open loop: operations arrive on a schedule of their own, and the latency of each counts from its intended start, so that
//! what waits behind a stall is seen (Tene: "How NOT to measure latency").

use crate::driver::{Taken, histogram, together};
use crate::engine::Clients;
use crate::numbers::Numbers;
use crate::operation::{Client, Shared};
use kv_api::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// When operations are to begin, from the start of the workload, and which is the next.
struct Schedule {
    starts: Vec<Duration>,
    next: AtomicUsize,
    /// One permit for each operation whose time has come.
    due: Semaphore,
}

impl Schedule {
    /// Independent arrivals, `pace` of them in a second on the average.
    fn new(pace: u32, duration: Duration, seed: u64) -> Self {
        let mut numbers = Numbers::new(seed);
        let mut at = 0.0;
        let arrivals = std::iter::from_fn(|| {
            let uniform = (numbers.below(1 << 53) + 1) as f64 / (1u64 << 53) as f64;
            at -= uniform.ln() / f64::from(pace.max(1));
            (at < duration.as_secs_f64()).then(|| Duration::from_secs_f64(at))
        });
        Self { starts: arrivals.collect(), next: AtomicUsize::new(0), due: Semaphore::new(0) }
    }

    /// Releases each operation when its time has come, and closes once all have been. A thread of its own: a timer of tokio is good
    /// to a millisecond.
    fn release(&self, start: Instant) {
        for at in &self.starts {
            if let Some(wait) = at.checked_sub(start.elapsed()) {
                std::thread::sleep(wait);
            }
            self.due.add_permits(1);
        }
        // One more for each client that could be waiting: they find nothing left.
        self.due.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// The intended start of the next operation; `None` when there are no more.
    async fn next(&self) -> Result<Option<Duration>> {
        self.due.acquire().await.map_err(|e| Error::backend("waiting for an arrival", e))?.forget();
        Ok(self.starts.get(self.next.fetch_add(1, Ordering::Relaxed)).copied())
    }
}

/// Lets `pace` operations a second arrive for `duration`, done by `count` clients.
///
/// # Errors
/// That of the first client that failed.
pub async fn open_loop(
    shared: Arc<Shared>,
    count: u32,
    style: Clients,
    pace: u32,
    duration: Duration,
) -> Result<Taken> {
    let mut clients = Vec::new();
    for number in 0..count {
        clients.push(Client::new(shared.clone(), number.into()).await?);
    }
    let schedule = Arc::new(Schedule::new(pace, duration, shared.data.seed));
    let start = Instant::now();
    let releasing = schedule.clone();
    let released = std::thread::spawn(move || releasing.release(start));
    let taken = together(clients.into_iter().map(|client| serve(client, schedule.clone(), start)), style).await;
    released.join().map_err(|_| Error::backend("pacing", std::io::Error::other("the schedule's thread died")))?;
    taken
}

async fn serve(mut client: Client, schedule: Arc<Schedule>, start: Instant) -> Result<Taken> {
    let mut taken = Taken { operations: 0, elapsed: Duration::ZERO, latencies: histogram()? };
    while let Some(intended) = schedule.next().await? {
        taken.operations += client.step().await?;
        taken.elapsed = start.elapsed();
        taken.latencies.saturating_record(taken.elapsed.saturating_sub(intended).as_nanos() as u64);
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, Shape};
    use crate::driver::load;
    use crate::workload::Kind;
    use kv_conformance::Reference;

    #[test]
    fn arrivals_are_as_many_as_asked_for_and_independent() {
        let schedule = Schedule::new(1000, Duration::from_secs(10), 1);
        let count = schedule.starts.len() as f64;
        assert!((9_500.0..10_500.0).contains(&count), "{count}");
        assert!(schedule.starts.is_sorted());
        let gaps: Vec<f64> = schedule
            .starts
            .iter()
            .zip(schedule.starts.iter().skip(1))
            .map(|(one, next)| (*next - *one).as_secs_f64() * 1000.0)
            .collect();
        let longer = gaps.iter().filter(|gap| **gap > 1.0).count() as f64 / gaps.len() as f64;
        assert!((0.34..0.40).contains(&longer), "1/e of exponential gaps exceed their mean: {longer}");
    }

    #[test]
    fn a_late_operation_counts_from_its_intended_start() -> std::result::Result<(), String> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|e| e.to_string())?;
        let taken = runtime.block_on(async {
            let data = Dataset { shape: Shape::Plain, rows: 10, value_bytes: 20, seed: 1 };
            let store = Arc::new(Reference::new());
            load(store.as_ref(), data, Duration::from_secs(60)).await?;
            let client = Client::new(Arc::new(Shared::new(store, data, Kind::Get)), 0).await?;
            // Everything was to begin before the clients did.
            let schedule = Arc::new(Schedule::new(1000, Duration::from_millis(100), 1));
            let start = Instant::now() - Duration::from_secs(1);
            schedule.release(start);
            Ok((schedule.starts.len(), serve(client, schedule, start).await?))
        });
        let (arrived, taken) = taken.map_err(|e: Error| e.to_string())?;
        assert_eq!(taken.operations, arrived as u64);
        assert!(taken.latencies.min() >= 900_000_000, "{}", taken.latencies.min());
        Ok(())
    }
}
