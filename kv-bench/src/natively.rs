//! Runs a workload on an engine that is called [natively](crate::native).

use crate::dataset::Dataset;
use crate::driver::{Taken, Until, histogram};
use crate::native::{Native, Reader};
use crate::numbers::Numbers;
use crate::operation::{PAGE, expect};
use crate::workload::Kind;
use kv_api::{Error, Result};
use std::time::{Duration, Instant};

/// One client in a closed loop.
///
/// # Errors
/// What the engine says, [`Error::Backend`] where it answers wrongly, and [`Error::Unsupported`] for a workload that is not measured
/// natively.
pub async fn closed_loop(native: &dyn Native, data: Dataset, kind: Kind, until: Until) -> Result<Taken> {
    match kind {
        Kind::Commit => commits(native, data, until).await,
        Kind::Get | Kind::Missing | Kind::Scan(_) => reads(native, data, kind, until),
        _ => Err(Error::Unsupported { operation: "this workload without the trait" }),
    }
}

/// Reads everything once.
///
/// # Errors
/// What the engine says.
pub fn warm_up(native: &dyn Native, data: Dataset) -> Result<()> {
    let mut reader = native.reader()?;
    for row in (0..data.rows).step_by(PAGE as usize) {
        expect(reader.scan(&data.key(row), PAGE)? > 0, "a scan is empty")?;
    }
    Ok(())
}

async fn commits(native: &dyn Native, data: Dataset, until: Until) -> Result<Taken> {
    let mut clock = Clock::new(until)?;
    let mut numbers = Numbers::stream(data.seed, 0);
    let mut round = 1;
    while !clock.is_over() {
        let row = numbers.below(data.rows);
        round += 1;
        let (key, val) = (data.key(row), data.val(row, round));
        // Again where another one was first, as behind the trait.
        while let Err(e) = native.commit(&key, &val).await {
            if !e.is_retryable() {
                return Err(e);
            }
        }
        clock.tick();
    }
    Ok(clock.taken)
}

fn reads(native: &dyn Native, data: Dataset, kind: Kind, until: Until) -> Result<Taken> {
    let mut reader = native.reader()?;
    let mut clock = Clock::new(until)?;
    let mut numbers = Numbers::stream(data.seed, 0);
    while !clock.is_over() {
        read(reader.as_mut(), data, kind, numbers.below(data.rows))?;
        clock.tick();
    }
    Ok(clock.taken)
}

fn read(reader: &mut dyn Reader, data: Dataset, kind: Kind, row: u64) -> Result<()> {
    match kind {
        Kind::Missing => expect(reader.get(&data.missing(row))?.is_none(), "a row is there that was never written"),
        Kind::Scan(count) => {
            let start = data.key(row.min(data.rows.saturating_sub(count.into())));
            expect(u64::from(reader.scan(&start, count)?) == u64::from(count).min(data.rows), "a scan is short")
        }
        _ => expect(reader.get(&data.key(row))?.is_some(), "a row is not there"),
    }
}

/// Takes the times, as the loop behind the trait does.
struct Clock {
    taken: Taken,
    start: Instant,
    before: Instant,
    until: Until,
}

impl Clock {
    fn new(until: Until) -> Result<Self> {
        let taken = Taken { operations: 0, elapsed: Duration::ZERO, latencies: histogram()? };
        let start = Instant::now();
        Ok(Self { taken, start, before: start, until })
    }

    fn is_over(&self) -> bool {
        match self.until {
            Until::Elapsed(limit) => self.taken.elapsed >= limit,
            Until::Operations(limit) => self.taken.operations >= limit,
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        self.taken.operations += 1;
        self.taken.latencies.saturating_record((now - self.before).as_nanos() as u64);
        self.taken.elapsed = now - self.start;
        self.before = now;
    }
}
