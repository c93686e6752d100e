//! A workload on a store behind the trait.

use super::{Job, Worked, no_engine};
use crate::driver::{self, Taken, Until};
use crate::engine::{Engine, Open, Opening};
use crate::numbers::Numbers;
use crate::operation::{PAGE, Shared};
use crate::paced;
use crate::process::Usage;
use crate::series::Second;
use crate::steady;
use crate::workload::{Kind, Memory};
use kv_api::{Datastore, KeyRange, Result, TransactionOptions, Version};
use std::sync::Arc;
use std::time::Instant;

/// How much longer than another workload a load may take before the rest is filled in unmeasured.
const LOAD_FACTOR: u32 = 20;

/// Rows of a commit that overwrites.
const OVERWRITE_BATCH: u64 = 1000;

/// Which round of writes overwrites.
const OVERWRITE_ROUND: u64 = u64::MAX;

pub(super) async fn work(job: &Job, open: Open) -> Result<Worked> {
    let opening = Opening { dir: job.dir.clone(), durability: job.workload.durability, cache_bytes: job.cache_bytes };
    let store = open(Engine::base(&job.engine), opening).ok_or_else(no_engine)?.await?;
    let as_of = match job.workload.kind {
        Kind::AsOf => Some(overwrite(store.as_ref(), job).await?),
        _ => None,
    };
    if !job.workload.loads() && job.workload.memory == Memory::Warm && job.workload.kind != Kind::Settle {
        warm_up(&store, job, as_of).await?;
    }
    let before = Usage::now();
    let (taken, seconds) = operate(&store, job, as_of).await?;
    let worked = Worked { seconds, ..Worked::now(taken, before) };
    if job.workload.loads() {
        store.flush().await?;
    }
    if job.workload.kind == Kind::Size {
        store.compact().await?;
    }
    store.shutdown().await?;
    Ok(worked)
}

async fn operate(store: &Arc<dyn Datastore>, job: &Job, as_of: Option<Version>) -> Result<(Taken, Vec<Second>)> {
    let taken = match (job.workload.kind, job.workload.pace) {
        (Kind::Load | Kind::Size, _) => driver::load(store.as_ref(), job.data, job.duration * LOAD_FACTOR).await,
        (Kind::Settle, _) => settle(store.as_ref(), job).await,
        (Kind::Steady(_), _) => {
            let (clients, dir) = (job.workload.clients, job.dir.clone());
            return steady::steady(shared(store, job, as_of), clients, job.style, job.duration(), dir).await;
        }
        (_, Some(pace)) => {
            paced::open_loop(shared(store, job, as_of), job.workload.clients, job.style, pace, job.duration()).await
        }
        (_, None) => driver::closed_loop(shared(store, job, as_of), job.workload.clients, job.style, job.until()).await,
    };
    Ok((taken?, Vec::new()))
}

fn shared(store: &Arc<dyn Datastore>, job: &Job, as_of: Option<Version>) -> Arc<Shared> {
    Arc::new(Shared::new(store.clone(), job.data, job.workload.kind).as_of(as_of))
}

/// Reads everything once, where that does not take too long, and then works as the workload does for a moment where that writes nothing.
async fn warm_up(store: &Arc<dyn Datastore>, job: &Job, as_of: Option<Version>) -> Result<()> {
    let tx = store.begin(TransactionOptions::read()).await?;
    let mut rest = job.read_first.then(KeyRange::all);
    while let Some(range) = rest {
        rest = tx.batch_keys_vals(range, PAGE, None).await?.next;
    }
    tx.cancel().await?;
    if !job.workload.writes() {
        driver::closed_loop(shared(store, job, as_of), 1, job.style, Until::Elapsed(job.duration / 10)).await?;
    }
    Ok(())
}

/// Overwrites a tenth of the rows, and says at which version they are as they were.
async fn overwrite(store: &dyn Datastore, job: &Job) -> Result<Version> {
    let version = store.current_version().await?;
    let mut numbers = Numbers::new(job.data.seed);
    let mut rest = job.data.rows / 10;
    while rest > 0 {
        let tx = store.begin(TransactionOptions::write()).await?;
        for _ in 0..rest.min(OVERWRITE_BATCH) {
            let row = numbers.below(job.data.rows);
            tx.set(job.data.key(row), job.data.val(row, OVERWRITE_ROUND)).await?;
        }
        tx.commit().await?;
        rest = rest.saturating_sub(OVERWRITE_BATCH);
    }
    Ok(version)
}

/// One operation, as many rows as the store has.
async fn settle(store: &dyn Datastore, job: &Job) -> Result<Taken> {
    let mut taken =
        Taken { operations: job.data.rows, elapsed: std::time::Duration::ZERO, latencies: driver::histogram()? };
    let start = Instant::now();
    store.flush().await?;
    store.compact().await?;
    taken.elapsed = start.elapsed();
    taken.latencies.saturating_record(taken.elapsed.as_nanos() as u64);
    Ok(taken)
}
