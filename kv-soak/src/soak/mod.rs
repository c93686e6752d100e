//! Everything at once, for as long as one likes, on a file system whose faults take turns.

mod client;
mod faults;

use clap::Args;
use client::{Client, Failure, Stopped};
use faults::{Fault, Faults, FaultyFiles};
use kv_api::{Datastore, Error, ErrorKind};
use kv_bench::numbers::Numbers;
use kv_bench::process;
use kv_bench::series::{Second, Series, csv};
use kv_lance::{LanceConfig, LanceDatastore};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Clients that work at once.
const CLIENTS: usize = 4;
/// How long a fault lasts, and how long none does before the next.
const TURN: Duration = Duration::from_secs(10);
/// A store is open for this long at most.
const LIFE: Duration = Duration::from_secs(45);
/// What failed for a fault may be told, and tried again, for so long after it.
const GRACE: Duration = Duration::from_secs(5);
/// History goes after this long: so it comes to its end, and memory and disk are to stay as they are.
const RETENTION: Duration = Duration::from_secs(60);
/// A store that does not open in this time, with nothing that fails, is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// For how long.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// Decides what is written.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where the store is. Default = a temporary folder.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The folder for soak.csv and soak.svg: each second, as figures and as a plot.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// What clients and the watcher share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Clients are to stop.
    pub(super) stops: AtomicBool,
    faults: Arc<Faults>,
    /// When the last fault ended; `None` while there is one.
    calm_since: Mutex<Option<Instant>>,
    /// Microseconds of the commits of this second.
    commits: Mutex<Vec<u32>>,
    /// Errors that a fault was the reason of.
    told: AtomicU32,
}

impl Shared {
    /// Whether something that fails on purpose may be the reason.
    pub(super) fn tolerates(&self, error: &Error) -> bool {
        let calm = *lock(&self.calm_since);
        let may_be = calm.is_none_or(|since| since.elapsed() < GRACE) && error.kind() != ErrorKind::Corruption;
        self.told.fetch_add(u32::from(may_be), Ordering::Relaxed);
        may_be
    }

    /// Notes a commit.
    pub(super) fn ended(&self, took: Duration) {
        lock(&self.commits).push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    fn set(&self, fault: Fault) {
        *lock(&self.calm_since) = (fault == Fault::None).then(Instant::now);
        self.faults.set(fault);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs it; what it found.
pub(crate) fn run(arguments: &Arguments) -> Result<String, String> {
    let temporary = tempfile::tempdir().map_err(|e| format!("making a temporary folder: {e}"))?;
    let dir = arguments.dir.clone().unwrap_or_else(|| temporary.path().join("store"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(CLIENTS).enable_all().build();
    let runtime = runtime.map_err(|e| format!("starting a runtime: {e}"))?;
    let ended = runtime.block_on(soak(arguments, &dir));
    if ended.is_err() {
        drop(temporary.keep());
        eprintln!("the store: {}", dir.display());
    }
    ended
}

async fn soak(arguments: &Arguments, dir: &Path) -> Result<String, String> {
    let faults = Arc::new(Faults::default());
    let shared = Arc::new(Shared {
        stops: AtomicBool::new(false),
        faults: faults.clone(),
        calm_since: Mutex::new(Some(Instant::now())),
        commits: Mutex::default(),
        told: AtomicU32::new(0),
    });
    let began = Instant::now();
    let ends = began + Duration::from_secs_f64(arguments.minutes * 60.0);
    let watching = tokio::spawn(watch(shared.clone(), dir.to_path_buf(), ends));
    let mut clients: Vec<_> = (0..CLIENTS).map(|number| Client::new(number, arguments.seed)).collect();
    let mut numbers = Numbers::stream(arguments.seed, u64::MAX);
    let mut openings = 0;
    while Instant::now() < ends {
        clients = live(dir, &shared, clients, &mut numbers, ends).await?;
        openings += 1;
        eprintln!("{} s: opened {openings} times, {}", began.elapsed().as_secs(), told(&shared));
    }
    let series = watching.await.map_err(|e| format!("the watcher: {e}"))?;
    if let Some(out) = &arguments.out {
        write(out, &series)?;
    }
    let store = open(dir, &shared, &mut clients).await?;
    store.shutdown().await.map_err(|e| format!("shutting down: {e}"))?;
    drop(store);
    let report = kv_lance::verify(&config(dir, &faults)).await.map_err(|e| format!("verifying: {e}"))?;
    if let Some(damage) = report.damage.first() {
        return Err(format!("the store is damaged: {damage:?}"));
    }
    Ok(format!("opened {openings} times, {}; {}", told(&shared), flatness(&series)))
}

fn config(dir: &Path, faults: &Arc<Faults>) -> LanceConfig {
    let config = LanceConfig::new(dir).memtable_bytes(256 << 10).partition_bytes(256 << 10).cache_bytes(4 << 20);
    config.retention(RETENTION).files(Arc::new(FaultyFiles(faults.clone())))
}

/// Opens the store with nothing that fails, and has all clients look.
async fn open(dir: &Path, shared: &Shared, clients: &mut [Client]) -> Result<Arc<dyn Datastore>, String> {
    shared.set(Fault::None);
    let opening = LanceDatastore::open(config(dir, &shared.faults));
    let opened = tokio::time::timeout(PATIENCE, opening).await.map_err(|_| "the store does not open".to_owned())?;
    let store: Arc<dyn Datastore> = Arc::new(opened.map_err(|e| format!("opening: {e}"))?);
    for client in clients {
        client.check_now(&*store).await.map_err(|failure| match failure {
            Failure::Wrong(what) => what,
            Failure::Store(e) => format!("reading a store that has just been opened: {e}"),
        })?;
    }
    Ok(store)
}

/// Opens the store and lets clients work among faults.
async fn live(
    dir: &Path,
    shared: &Arc<Shared>,
    mut clients: Vec<Client>,
    numbers: &mut Numbers,
    ends: Instant,
) -> Result<Vec<Client>, String> {
    let store = open(dir, shared, &mut clients).await?;
    shared.stops.store(false, Ordering::Relaxed);
    let working: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            let (store, shared) = (store.clone(), shared.clone());
            tokio::spawn(async move {
                let stopped = client.run(&*store, &shared).await;
                shared.stops.store(true, Ordering::Relaxed);
                (client, stopped)
            })
        })
        .collect();
    let closes = upset(&*store, shared, numbers, ends).await?;
    shared.stops.store(true, Ordering::Relaxed);
    let mut left = Vec::new();
    for working in working {
        let (client, stopped) = working.await.map_err(|e| format!("a client: {e}"))?;
        match stopped {
            Stopped::Told | Stopped::Reopen => left.push(client),
            Stopped::Wrong(what) => return Err(format!("{what} (fault: {})", shared.faults.now().name())),
        }
    }
    if closes {
        // What it fails of is found when the store is opened again.
        let _ = store.shutdown().await;
    }
    Ok(left)
}

/// Has faults take turns, and flushes, compacts and tags, until clients stop; whether the store is to be shut down then,
/// rather than dropped.
async fn upset(store: &dyn Datastore, shared: &Shared, numbers: &mut Numbers, ends: Instant) -> Result<bool, String> {
    let (began, mut turn) = (Instant::now(), Instant::now());
    let mut fault = Fault::None;
    while !shared.stops.load(Ordering::Relaxed) && began.elapsed() < LIFE && Instant::now() < ends {
        tokio::time::sleep(Duration::from_millis(numbers.below(200))).await;
        if turn.elapsed() >= TURN {
            let others = Fault::ALL.len() as u64 - 1;
            let next = Fault::ALL.get(1 + numbers.below(others) as usize).copied();
            fault = if fault == Fault::None { next.unwrap_or(Fault::None) } else { Fault::None };
            shared.set(fault);
            turn = Instant::now();
        }
        let done = match numbers.below(40) {
            0..=3 => store.flush().await,
            4 => store.compact().await,
            5 => store.tag("soak", None).await.map(drop),
            6 => store.untag("soak").await.map(drop),
            _ => Ok(()),
        };
        match done.map_err(|e| (e.kind(), e)) {
            Ok(()) | Err((ErrorKind::Condition | ErrorKind::Unavailable, _)) => {}
            Err((_, e)) if shared.tolerates(&e) => {}
            Err((_, e)) => return Err(format!("flushing, compacting or tagging, where nothing fails on purpose: {e}")),
        }
    }
    Ok(numbers.below(2) == 0)
}

/// Notes each second what there is to see.
async fn watch(shared: Arc<Shared>, dir: PathBuf, ends: Instant) -> Series {
    let mut seconds = Vec::new();
    let mut interval = tokio::time::interval(Duration::from_secs(1));
    interval.tick().await;
    while Instant::now() < ends {
        interval.tick().await;
        let mut commits = std::mem::take(&mut *lock(&shared.commits));
        commits.sort_unstable();
        let latency = |place: usize| commits.get(place).map(|us| f64::from(*us));
        seconds.push(Second {
            second: seconds.len() as u32 + 1,
            operations: commits.len() as u64,
            p999_us: latency((commits.len() * 999 / 1000).min(commits.len().saturating_sub(1))),
            longest_us: latency(commits.len().saturating_sub(1)),
            rss_mb: process::resident_mb(),
            disk_bytes: process::disk_bytes(&dir).ok(),
            handles: process::open_handles(),
        });
    }
    Series { engine: "kv-lance".into(), workload: "soak".into(), seconds }
}

fn write(out: &Path, series: &Series) -> Result<(), String> {
    let told = |e: std::io::Error| format!("{}: {e}", out.display());
    std::fs::create_dir_all(out).map_err(told)?;
    std::fs::write(out.join("soak.csv"), csv(std::slice::from_ref(series))).map_err(told)?;
    match kv_bench::report::by_second("Soak, among faults", &["kv-lance"], std::slice::from_ref(series)) {
        Some(plot) => std::fs::write(out.join("soak.svg"), plot).map_err(told),
        None => Ok(()),
    }
}

fn told(shared: &Shared) -> String {
    let struck: Vec<_> = shared.faults.struck().map(|(fault, count)| format!("{} {count}", fault.name())).collect();
    format!("{} errors told; faults: {}", shared.told.load(Ordering::Relaxed), struck.join(", "))
}

/// The first and the last fifth of the time beside each other.
fn flatness(series: &Series) -> String {
    let commits: u64 = series.seconds.iter().map(|second| second.operations).sum();
    let figures = kv_bench::report::flatness(series).filter_map(|(name, flat)| Some((name, flat?)));
    let figures =
        figures.map(|(name, flat)| format!("; {name}: {:.0} at first and {:.0} at last", flat.first, flat.last));
    format!("{commits} commits{}", figures.collect::<String>())
}
