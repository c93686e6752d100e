//! Live queries with many subscribers: commits in a second without them and with, and the time from a commit to its event.

use clap::Args;
use hdrhistogram::Histogram;
use kv_api::{Datastore, Error, Result, TransactionOptions};
use kv_bench::numbers::Numbers;
use kv_lance::{Durability, LanceConfig, LanceDatastore};
use kv_live::{Change, Contents, Event, LiveQueries, LiveQuery, Subscription, Update};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long the last events may take after the last commit.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `live` is asked for.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Subscriptions, each to a prefix of its own.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    subscriptions: u64,
    /// Clients that commit, each one row at a time, under the prefix of a random subscription.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=4096))]
    clients: u64,
    /// Seconds for each line.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Whether commits wait for the medium.
    #[arg(long)]
    durable: bool,
    /// The folder for the store meanwhile: it decides which disk is measured [default: that of temporary files].
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Measures, and prints a table.
pub(crate) fn live(arguments: &Arguments) -> std::result::Result<(), String> {
    let dir = arguments.dir.as_ref().map_or_else(tempfile::tempdir, tempfile::tempdir_in);
    let dir = dir.map_err(|e| format!("making a folder for the store: {e}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("starting a runtime: {e}"))?;
    runtime.block_on(measure(arguments, dir.path().join("store"))).map_err(|e| e.to_string())
}

async fn measure(arguments: &Arguments, dir: PathBuf) -> Result<()> {
    let durability = if arguments.durable { Durability::Immediate } else { Durability::Eventual };
    let store = LanceDatastore::open(LanceConfig::new(dir).durability(durability)).await?;
    let store: Arc<dyn Datastore> = Arc::new(store);
    let subscribed = format!("{} subscriptions", arguments.subscriptions);
    println!("| | commits/s | commit p50 | p99 | event p50 | p99 | p99.9 |\n|---|---|---|---|---|---|---|");
    // The first line again at the end: what it differs by is not the subscriptions' doing.
    for (name, contents) in [
        ("nobody listens".into(), None),
        (subscribed.clone(), Some(Contents::New)),
        (format!("{subscribed}, old values"), Some(Contents::OldAndNew)),
        ("nobody listens any more".into(), None),
    ] {
        let run = Arc::new(Run::new(store.clone(), arguments)?);
        let line = run.line(contents).await?;
        println!("| {name} | {line} |");
    }
    store.shutdown().await
}

/// One line of the table.
struct Run {
    store: Arc<dyn Datastore>,
    prefixes: u64,
    clients: u64,
    duration: Duration,
    begun: Instant,
    /// In nanoseconds.
    commits: Mutex<Histogram<u64>>,
    /// From before a commit was begun until a subscription had its event.
    events: Mutex<Histogram<u64>>,
    received: AtomicU64,
}

impl Run {
    fn new(store: Arc<dyn Datastore>, arguments: &Arguments) -> Result<Self> {
        Ok(Self {
            store,
            prefixes: arguments.subscriptions,
            clients: arguments.clients,
            duration: Duration::from_secs(arguments.seconds),
            begun: Instant::now(),
            commits: Mutex::new(histogram()?),
            events: Mutex::new(histogram()?),
            received: AtomicU64::new(0),
        })
    }

    async fn line(self: &Arc<Self>, contents: Option<Contents>) -> Result<String> {
        let live = LiveQueries::new(self.store.clone());
        let mut subscribers = Vec::new();
        if let Some(contents) = contents {
            let since = self.store.current_version().await?;
            for number in 0..self.prefixes {
                let query = LiveQuery::prefix(prefix(number)).contents(contents).after(since);
                let subscription = live.subscribe(query).await?;
                subscribers.push(tokio::spawn(self.clone().listen(subscription)));
            }
        }
        let start = Instant::now();
        let clients: Vec<_> = (0..self.clients).map(|client| tokio::spawn(self.clone().commit(client))).collect();
        let mut committed = 0;
        for client in clients {
            committed += client.await.map_err(|e| Error::backend("waiting for a client", e))??;
        }
        let rate = committed as f64 / start.elapsed().as_secs_f64();
        let expected = if subscribers.is_empty() { 0 } else { committed };
        let heard = self.hear(expected).await;
        for subscriber in &subscribers {
            subscriber.abort();
        }
        for subscriber in subscribers {
            // Either it was broken off just now, or it has failed, which says more than that events are missing.
            if let Ok(failed) = subscriber.await {
                failed?;
            }
        }
        heard?;
        let at = |latencies: &Mutex<Histogram<u64>>, quantile: f64| match latencies.lock() {
            taken if taken.is_empty() => "-".into(),
            taken => format!("{:.0} µs", taken.value_at_quantile(quantile) as f64 / 1e3),
        };
        let (commits, events) = (&self.commits, &self.events);
        let figures = [at(commits, 0.5), at(commits, 0.99), at(events, 0.5), at(events, 0.99), at(events, 0.999)];
        Ok(format!("{rate:.0} | {}", figures.join(" | ")))
    }

    /// Commits one row after the other, and returns how many. A value is the time at which it was set.
    async fn commit(self: Arc<Self>, client: u64) -> Result<u64> {
        let mut numbers = Numbers::stream(7, client);
        let (start, mut committed) = (Instant::now(), 0);
        while start.elapsed() < self.duration {
            // A row of each client: none of them waits for another, or conflicts with it.
            let key = format!("{}{client}", prefix(numbers.below(self.prefixes)));
            let before = Instant::now();
            let tx = self.store.begin(TransactionOptions::write()).await?;
            tx.set(key.into(), self.now().to_be_bytes().to_vec().into()).await?;
            tx.commit().await?;
            self.commits.lock().saturating_record(before.elapsed().as_nanos() as u64);
            committed += 1;
        }
        Ok(committed)
    }

    /// Nanoseconds since the run began.
    fn now(&self) -> u64 {
        self.begun.elapsed().as_nanos() as u64
    }

    /// Takes the time of each event; ends only with an error.
    async fn listen(self: Arc<Self>, mut subscription: Subscription) -> Result<()> {
        loop {
            let Update::Commit(commit) = subscription.next().await? else { continue };
            let now = self.now();
            let mut taken = self.events.lock();
            for event in &commit.events {
                taken.saturating_record(now.saturating_sub(set_at(event)?));
            }
            self.received.fetch_add(commit.events.len() as u64, Ordering::Relaxed);
        }
    }

    /// Waits until so many events have come; neither fewer nor more of them are an answer.
    async fn hear(&self, expected: u64) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while self.received.load(Ordering::Relaxed) < expected && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        match self.received.load(Ordering::Relaxed) {
            received if received == expected => Ok(()),
            received => Err(wrong(format!("{received} events of {expected} commits"))),
        }
    }
}

fn prefix(number: u64) -> String {
    format!("live/{number:07}/")
}

/// When the value of an event was set.
fn set_at(event: &Event) -> Result<u64> {
    let (Change::Inserted { new } | Change::Updated { new, .. } | Change::Set { new: Some(new) }) = &event.change
    else {
        return Err(wrong(format!("{:?} where only values are set", event.change)));
    };
    new.as_ref().try_into().map(u64::from_be_bytes).map_err(|_| wrong(format!("{new:?} is no time")))
}

fn wrong(what: String) -> Error {
    Error::backend("listening", std::io::Error::other(what))
}

fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, 600_000_000_000, 3).map_err(|e| Error::backend("making a histogram", e))
}
