//! Workloads that go past the trait: native calls, and SQL.

use super::{Job, Worked, no_engine};
use crate::driver::{Taken, Until, histogram};
use crate::engine::{Engine, Opening};
use crate::native::OpenNative;
use crate::natively;
use crate::operation::expect;
use crate::process::Usage;
use crate::query::OpenTable;
use crate::workload::Over;
use kv_api::Result;
use std::time::{Duration, Instant};

pub(super) async fn native(job: &Job, open: OpenNative) -> Result<Worked> {
    let native = open(Engine::base(&job.engine), opening(job)).ok_or_else(no_engine)?.await?;
    natively::warm_up(native.as_ref(), job.data)?;
    if !job.workload.writes() {
        let moment = Until::Elapsed(job.duration / 10);
        natively::closed_loop(native.as_ref(), job.data, job.workload.kind, moment).await?;
    }
    let before = Usage::now();
    let taken = natively::closed_loop(native.as_ref(), job.data, job.workload.kind, job.until()).await?;
    let worked = Worked::now(taken, before);
    native.shutdown().await?;
    Ok(worked)
}

fn opening(job: &Job) -> Opening {
    Opening { dir: job.dir.clone(), durability: job.workload.durability, cache_bytes: job.cache_bytes }
}

pub(super) async fn table(job: &Job, over: Over, open: OpenTable) -> Result<Worked> {
    let table = open(&job.engine, opening(job), over).ok_or_else(no_engine)?.await?;
    let ask = || async {
        let (rows, greatest) = table.greatest().await?;
        expect(rows >= job.data.rows && !greatest.is_empty(), "an aggregate is short")
    };
    ask().await?;
    let before = Usage::now();
    let start = Instant::now();
    let mut taken = Taken { operations: 0, elapsed: Duration::ZERO, latencies: histogram()? };
    while taken.elapsed < job.duration() {
        let begun = Instant::now();
        ask().await?;
        taken.operations += 1;
        taken.latencies.saturating_record(begun.elapsed().as_nanos() as u64);
        taken.elapsed = start.elapsed();
    }
    Ok(Worked::now(taken, before))
}
