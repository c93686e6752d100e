//! The simulation on the reference, whole and with bugs.

use super::{Chore, World, simulate};
use crate::model::{Mutant, Reference};
use futures::future::BoxFuture;
use kv_api::{Datastore, Result};
use parking_lot::Mutex;
use std::sync::Arc;

/// A store whose medium is its memory.
struct Memory(Mutex<Reference>);

impl Memory {
    fn new(mutant: Option<Mutant>) -> Self {
        let reference = Reference::new();
        Self(Mutex::new(mutant.map_or(reference.clone(), |mutant| reference.mutant(mutant))))
    }
}

impl World for Memory {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Datastore>>> {
        let mut medium = self.0.lock();
        *medium = medium.reopened();
        let store = medium.clone();
        Box::pin(async move { Ok(Arc::new(store) as Arc<dyn Datastore>) })
    }

    fn end(&self, store: Option<Arc<dyn Datastore>>, _: Option<u64>) {
        drop(store);
    }

    fn chore(&self, store: Arc<dyn Datastore>, chore: Chore) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move { if chore == Chore::Flush { store.flush().await } else { store.compact().await } })
    }
}

async fn simulated(mutant: Option<Mutant>, seeds: u64) -> std::result::Result<(), String> {
    for seed in 0..seeds {
        simulate(&Memory::new(mutant), seed, 300).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_reference_keeps_what_it_promises() {
    assert_eq!(simulated(None, 20).await, Ok(()));
}

#[tokio::test]
async fn bugs_are_noticed() {
    let mut missed = Vec::new();
    for mutant in [
        Mutant::UnrepeatableRead,
        Mutant::LostUpdate,
        Mutant::LostLastCommit,
        Mutant::LostInCrash,
        Mutant::TornInCrash,
        Mutant::PastLostInCrash,
        Mutant::RestoredInCrash,
        Mutant::Resurrection,
        Mutant::LostTags,
        Mutant::DriftingTag,
        Mutant::VersionOffByOne,
    ] {
        if simulated(Some(mutant), 20).await.is_ok() {
            missed.push(mutant);
        }
    }
    assert!(missed.is_empty(), "not noticed: {missed:?}");
}

/// A failure says how to come back to it.
#[tokio::test]
async fn the_same_seed_fails_in_the_same_way() {
    let failed = async || simulated(Some(Mutant::LostInCrash), 20).await.err();
    let first = failed().await;
    assert!(first.as_ref().is_some_and(|what| what.starts_with("seed ")), "{first:?}");
    assert_eq!(failed().await, first);
}
