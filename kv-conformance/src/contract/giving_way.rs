//! Timers beside long reads: whatever a read goes through, others of its thread run.

use crate::backend::Backend;
use crate::case::{Case, Run, Suite, limited, limited_on_one_thread};
use crate::fixture::{Failure, Store, Tx, Verdict, b};
use crate::level::Level;
use futures::future::join_all;
use kv_api::{Direction, Key, KeyRange, Result, ScanLimit};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

pub(crate) fn suite() -> Suite {
    let case = |name, run| Case { name, run: Run::Many(run), needs: Vec::new() };
    Suite::new(
        "giving_way",
        vec![
            case("a_timer_beside_a_read_on_one_thread", |backend, _, level| {
                limited_on_one_thread(limit(&backend), async move { timer_beside_reads(&backend, level, 1).await })
            }),
            case("a_timer_beside_two_reads_on_two_threads", |backend, _, level| {
                limited(limit(&backend), async move { timer_beside_reads(&backend, level, 2).await })
            }),
        ],
    )
}

fn limit(backend: &Backend) -> Duration {
    backend.timeout.max(Duration::from_secs(120))
}

/// A timer may be so late on any machine.
const LATE: Duration = Duration::from_millis(100);

/// A read as long as this shows whether it gives way.
const LONG: Duration = Duration::from_millis(300);

/// A machine that does something else is no fault of the store: a read that gives way once can do so.
const TRIES: usize = 5;

/// The data grows, until a scan of it takes long, from so many rows ...
const ROWS: usize = 16_000;

/// ... to so many. A store that is so fast that no read of them takes long has shown nothing, and done nothing wrong.
fn most_rows(level: Level) -> usize {
    match level {
        Level::Quick => 64_000,
        Level::Full | Level::Soak => 128_000,
    }
}

/// What can take long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    Scan,
    Scanr,
    Keys,
    Count,
    Visit,
    Delr,
}

impl Read {
    const ALL: [Self; 6] = [Self::Scan, Self::Scanr, Self::Keys, Self::Count, Self::Visit, Self::Delr];

    /// How many of all rows it goes through: of a range delete every page may be a scan of its own.
    fn share(self, rows: usize) -> usize {
        if self == Self::Delr { rows.min(ROWS) } else { rows }
    }

    /// The answer is how many rows it went through.
    async fn make(self, tx: &Tx, rows: usize) -> Result<usize> {
        const ALL: ScanLimit = ScanLimit::Count(u32::MAX);
        let range = KeyRange::from(row(0)..row(self.share(rows)));
        Ok(match self {
            Self::Scan => tx.scan(range, ALL, 0, None).await?.len(),
            Self::Scanr => tx.scanr(range, ALL, 0, None).await?.len(),
            Self::Keys => tx.keys(range, ALL, 0, None).await?.len(),
            Self::Count => tx.count(range, None).await? as usize,
            Self::Visit => {
                let mut shown = 0;
                let mut show = |_: &[u8], _: &[u8]| {
                    shown += 1;
                    ControlFlow::Continue(())
                };
                tx.visit(range, Direction::Backward, None, true, &mut show).await?;
                shown
            }
            Self::Delr => {
                let before = tx.count(range.clone(), None).await?;
                tx.delr(range).await?;
                before as usize
            }
        })
    }
}

/// What a timer saw of a read.
struct Measured {
    took: Duration,
    /// The longest time in which the timer did not fire.
    gap: Duration,
}

impl Measured {
    fn gave_way(&self) -> bool {
        self.gap <= LATE.max(self.took / 3)
    }
}

/// Two scans on a runtime of two threads held a timer of a millisecond up for as long as they took, four seconds.
async fn timer_beside_reads(backend: &Backend, level: Level, readers: usize) -> Verdict {
    let store = Store::open(backend).await?;
    let rows = given_enough(&store, level).await?;
    for read in Read::ALL {
        let mut best: Option<Measured> = None;
        for _ in 0..TRIES {
            let measured = measure(&store, read, readers, rows).await?;
            if best.as_ref().is_none_or(|best| measured.gap < best.gap) {
                best = Some(measured);
            }
            if best.as_ref().is_some_and(Measured::gave_way) {
                break;
            }
        }
        if let Some(Measured { took, gap }) = best.filter(|best| !best.gave_way()) {
            return Err(Failure::new(format!(
                "{readers} times {read:?} of {rows} rows took {took:?}, and for {gap:?} of them a timer of 1 ms did not fire; \
                 {TRIES} tries"
            )));
        }
    }
    store.db().shutdown().await?;
    Ok(())
}

fn row(n: usize) -> Key {
    b(&format!("row{n:08}"))
}

/// Writes rows until a scan of them takes long.
async fn given_enough(store: &Store, level: Level) -> Result<usize, Failure> {
    let (mut written, mut rows) = (0, ROWS);
    loop {
        let tx = store.write().await?;
        for n in written..rows {
            tx.set(row(n), b(&format!("value of row {n}"))).await?;
        }
        tx.commit().await?;
        store.settle().await?;
        let start = Instant::now();
        Read::Scan.make(&store.read().await?, rows).await?;
        if start.elapsed() >= LONG || rows >= most_rows(level) {
            return Ok(rows);
        }
        (written, rows) = (rows, rows * 2);
    }
}

async fn measure(store: &Store, read: Read, readers: usize, rows: usize) -> Result<Measured, Failure> {
    let mut txs = Vec::new();
    for _ in 0..readers {
        txs.push(Arc::new(store.write().await?));
    }
    let (stop, stopped) = watch::channel(false);
    let ticker = tokio::spawn(longest_gap(stopped));
    tokio::time::sleep(Duration::from_millis(5)).await;
    let start = Instant::now();
    let reading = txs.into_iter().map(|tx| tokio::spawn(async move { read.make(&tx, rows).await }));
    for found in join_all(reading).await {
        let found = found??;
        if found != read.share(rows) {
            return Err(Failure::new(format!("{read:?} finds {found} rows of {}", read.share(rows))));
        }
    }
    let took = start.elapsed();
    stop.send(true)?;
    Ok(Measured { took, gap: ticker.await? })
}

/// Ticks every millisecond until it is told to stop. The longest time between two ticks.
async fn longest_gap(stopped: watch::Receiver<bool>) -> Duration {
    let mut ticks = interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut last, mut gap) = (Instant::now(), Duration::ZERO);
    while !*stopped.borrow() {
        ticks.tick().await;
        gap = gap.max(last.elapsed());
        last = Instant::now();
    }
    gap
}
