//! A closed loop that is looked at second by second: what a store does for minutes and longer, while its background work keeps
//! up or does not.

use crate::driver::{Taken, Until, histogram, together, watched};
use crate::engine::Clients;
use crate::operation::{Client, Shared};
use crate::process;
use crate::series::Second;
use hdrhistogram::Histogram;
use kv_api::{Error, Result};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Latencies of one client since they were last looked at.
type Window = Arc<Mutex<Histogram<u64>>>;

/// Lets `count` clients work for `duration` on the store in `dir`.
///
/// # Errors
/// That of the first client that failed.
pub async fn steady(
    shared: Arc<Shared>,
    count: u32,
    style: Clients,
    duration: Duration,
    dir: PathBuf,
) -> Result<(Taken, Vec<Second>)> {
    let (mut clients, mut windows) = (Vec::new(), Vec::<Window>::new());
    for number in 0..count {
        clients.push(Client::new(shared.clone(), number.into()).await?);
        windows.push(Arc::new(Mutex::new(histogram()?)));
    }
    let start = Instant::now();
    let (over, until) = channel::<()>();
    let watch = Watch { windows: windows.clone(), seconds: duration.as_secs(), start, dir };
    // A thread of its own: the clients may keep those of the runtime.
    let watching = std::thread::spawn(move || watch.look(&until));
    let runs = clients.into_iter().zip(windows).map(|(client, window)| {
        watched(client, start, Until::Elapsed(duration), move |latency| {
            lock(&window).saturating_record(latency);
        })
    });
    let taken = together(runs, style).await;
    drop(over);
    let seconds = watching.join().map_err(|_| failed("the thread that looks at the store died"))??;
    Ok((taken?, seconds))
}

/// What is looked at.
struct Watch {
    windows: Vec<Window>,
    seconds: u64,
    start: Instant,
    dir: PathBuf,
}

impl Watch {
    /// Looks each second, until there have been enough or the clients have ended.
    fn look(&self, over: &Receiver<()>) -> Result<Vec<Second>> {
        let mut seconds = Vec::new();
        for second in 1..=self.seconds {
            let wait = Duration::from_secs(second).saturating_sub(self.start.elapsed());
            let ended = over.recv_timeout(wait) != Err(RecvTimeoutError::Timeout);
            seconds.push(self.second(second)?);
            if ended {
                break;
            }
        }
        Ok(seconds)
    }

    fn second(&self, second: u64) -> Result<Second> {
        let mut all = histogram()?;
        for window in &self.windows {
            let mut window = lock(window);
            all.add(&*window).map_err(|e| Error::backend("adding histograms", e))?;
            window.reset();
        }
        let some = |nanos: u64| (!all.is_empty()).then_some(nanos as f64 / 1e3);
        Ok(Second {
            second: u32::try_from(second).unwrap_or(u32::MAX),
            operations: all.len(),
            p999_us: some(all.value_at_quantile(0.999)),
            longest_us: some(all.max()),
            rss_mb: process::resident_mb(),
            disk_bytes: process::disk_bytes(&self.dir).ok(),
            handles: process::open_handles(),
        })
    }
}

fn lock(window: &Window) -> MutexGuard<'_, Histogram<u64>> {
    window.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(what: &'static str) -> Error {
    Error::backend("watching a workload", std::io::Error::other(what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, Shape};
    use crate::driver::load;
    use crate::workload::Kind;
    use kv_conformance::Reference;

    fn tried(data: Dataset, rows: u64) -> Result<(Taken, Vec<Second>)> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|e| Error::backend("starting a runtime", e))?;
        runtime.block_on(async {
            let store = Arc::new(Reference::new());
            load(store.as_ref(), Dataset { rows, ..data }, Duration::from_secs(60)).await?;
            let shared = Arc::new(Shared::new(store, data, Kind::Steady(4)));
            steady(shared, 2, Clients::Threads, Duration::from_secs(2), std::env::temp_dir().join("kv-none")).await
        })
    }

    const DATA: Dataset = Dataset { shape: Shape::Plain, rows: 100, value_bytes: 20, seed: 1 };

    #[test]
    fn each_second_has_its_figures() -> Result<()> {
        let (taken, seconds) = tried(DATA, DATA.rows)?;
        assert_eq!(seconds.iter().map(|second| second.second).collect::<Vec<_>>(), [1, 2]);
        let counted: u64 = seconds.iter().map(|second| second.operations).sum();
        // What ends while the last second is looked at is in none.
        assert!(counted > 0 && counted <= taken.operations && counted + 1000 > taken.operations, "{counted} {taken:?}");
        for second in &seconds {
            assert!(second.p999_us.is_some() && second.p999_us <= second.longest_us, "{second:?}");
            assert!(second.rss_mb.is_some() && second.handles.is_some(), "{second:?}");
            assert_eq!(second.disk_bytes, None, "there is no such folder");
        }
        Ok(())
    }

    #[test]
    fn a_wrong_answer_ends_it() {
        let began = Instant::now();
        assert!(tried(DATA, 0).is_err());
        assert!(began.elapsed() < Duration::from_millis(1900), "nobody waits for the time to pass");
    }
}
