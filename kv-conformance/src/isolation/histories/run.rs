//! Runs the clients of a history and has it checked.

use super::Workload;
use super::check::check;
use super::client::Clients;
use super::plan::Random;
use super::record::Recorder;
use crate::backend::Backend;
use crate::case::{SEED, guarded, limited, mixed, progress, replay, seed};
use crate::fixture::{Failure, Store, Verdict};
use crate::level::Level;
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

const CLIENTS: i64 = 6;
/// Transactions of each client. Longer histories say little more; more of them do.
const TRANSACTIONS: usize = 50;

/// How often a history is run again from its seed: the seed decides what the clients do, not when.
const REPLAYS: u64 = 50;

/// Records and checks as many histories as the level says.
pub(super) fn histories(backend: &Backend, title: &str, level: Level, workload: &'static Workload) -> Verdict {
    if let Ok(seed) = std::env::var(SEED) {
        let seed = seed.parse().map_err(|_| Failure::new(format!("{SEED} is '{seed}'; it is a number")))?;
        return (0..REPLAYS).try_for_each(|_| one(backend, title, workload, seed));
    }
    let count = match level {
        Level::Quick => 1,
        Level::Full => 40,
        Level::Soak => 100_000,
    };
    (0..count).try_for_each(|n| {
        progress(title, format!("history {} of {count}", n + 1));
        one(backend, title, workload, mixed(seed(level).wrapping_add(n)))
    })
}

fn one(backend: &Backend, title: &str, workload: &'static Workload, seed: u64) -> Verdict {
    let owned = backend.clone();
    limited(backend.timeout, async move { record(&owned, workload, seed).await })
        .map_err(|failure| Failure::new(format!("{failure}\n{}", replay(&format!("{SEED}={seed} "), title))))
}

async fn record(backend: &Backend, workload: &'static Workload, seed: u64) -> Verdict {
    let store = Store::open(backend).await?;
    let recorder = Arc::new(Recorder::new(workload.kind));
    let next = Arc::new(AtomicI64::new(1));
    let begun = Arc::default();
    let clients = Clients { store: store.clone(), workload, recorder: recorder.clone(), next, begun, clients: CLIENTS };
    let maintenance = workload.maintenance.then(|| store.maintain());
    let running = (0..CLIENTS).map(|process| {
        let (clients, random) = (clients.clone(), Random::new(seed ^ mixed(process as u64)));
        tokio::spawn(guarded(async move { clients.run(process, random, TRANSACTIONS).await }))
    });
    let ended = join_all(running.collect::<Vec<_>>()).await;
    if let Some(maintenance) = maintenance {
        maintenance.end().await?;
    }
    for client in ended {
        client??;
    }
    clients.last_look(-1).await?;
    store.settle().await?;
    clients.last_look(-1).await?;
    store.db().shutdown().await?;
    check(&recorder.finish(), workload.kind, workload.isolation)
}
