//! A turn: one workload with a number of clients, for a while.

use crate::client::Client;
use crate::workload::{Data, Workload};
use crate::{Outcome, cpu};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// A workload's figures on one engine, in one turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) engine: &'static str,
    pub(crate) workload: Workload,
    pub(crate) clients: usize,
    pub(crate) round: usize,
    pub(crate) figures: Figures,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Statements.
    pub(crate) per_second: f64,
    /// From the request to the answer, conflicts and their retries included.
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// For each statement.
    pub(crate) conflicts: f64,
    /// Of all threads, for each statement, with what goes on in the background after the last one; not a number where the
    /// system does not tell.
    pub(crate) cpu_us: f64,
}

/// Waits until what the last turn left to do in the background is done, for ten seconds at most.
pub(crate) async fn settle() {
    const LOOK: Duration = Duration::from_millis(100);
    let begun = Instant::now();
    let mut before = cpu::seconds();
    while begun.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(LOOK).await;
        let now = cpu::seconds();
        // A tenth of a processor, or the system does not tell.
        if now.zip(before).is_none_or(|(now, before)| now - before <= LOOK.as_secs_f64() / 10.0) {
            return;
        }
        before = now;
    }
}

pub(crate) async fn turn(
    db: &Client,
    workload: Workload,
    data: Data,
    clients: usize,
    round: usize,
    length: Duration,
) -> Outcome<Figures> {
    let cpu = cpu::seconds();
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let db = db.clone();
        tasks.spawn(async move {
            // Unlike those of every other measurement.
            let tag = format!("{}-{clients}-{round}-{client}", workload.name());
            let seed = round * clients + client + 1;
            let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed as u64);
            let (mut took, mut conflicts) = (Vec::new(), 0);
            while begun.elapsed() < length {
                // xorshift64.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let statement = workload.statement(data, &tag, took.len(), (state >> 20) as usize);
                let asked = Instant::now();
                conflicts += db.run(&statement).await?;
                took.push(asked.elapsed());
            }
            Outcome::Ok((took, conflicts))
        });
    }
    let (mut took, mut conflicts) = (Vec::new(), 0);
    while let Some(task) = tasks.join_next().await {
        let of_client = task??;
        took.extend(of_client.0);
        conflicts += of_client.1;
    }
    let elapsed = begun.elapsed();
    settle().await;
    let cpu_s = cpu::seconds().zip(cpu).map_or(f64::NAN, |(now, before)| now - before);
    took.sort_unstable();
    if took.is_empty() {
        return Err("no statement was answered: --seconds is too short".into());
    }
    let percentile = |share: usize| took.get(took.len() * share / 100).copied().unwrap_or_default();
    Ok(Figures {
        per_second: took.len() as f64 / elapsed.as_secs_f64(),
        p50: percentile(50),
        p99: percentile(99),
        conflicts: conflicts as f64 / took.len() as f64,
        cpu_us: cpu_s * 1e6 / took.len() as f64,
    })
}
