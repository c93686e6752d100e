//! Tags: what they keep where history is pruned all the time, what other readers find, and what goes wrong on the way.

mod faults;
mod kept;
mod outside;

use super::*;
use kv_lance::{CompactOptions, Durability};
use std::collections::BTreeMap;
use std::time::Duration;

type Model = BTreeMap<String, String>;

/// Everything flushes, merges, becomes history and is pruned after a few commits.
fn forgetful(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir)
        .memtable_bytes(1 << 10)
        .partition_bytes(1 << 10)
        .block_bytes(256)
        .durability(Durability::Eventual)
        .retention(Duration::from_millis(1))
}

/// Free space at once, and keep what the retention says.
fn at_once() -> CompactOptions {
    let mut options = CompactOptions::default();
    options.reader_grace = Some(Duration::ZERO);
    options
}

/// Sets and deletes a few keys in one transaction.
async fn step(store: &LanceDatastore, random: &mut Random, model: &mut Model, number: u64) -> Result<Version> {
    let tx = store.begin(TransactionOptions::write()).await?;
    for _ in 0..1 + random.below(5) {
        let key = match random.below(3) {
            0 => format!("key{:03}", random.below(100)),
            _ => format!("hot{}", random.below(5)),
        };
        if random.below(4) == 0 {
            tx.del(key.clone().into()).await?;
            model.remove(&key);
        } else {
            let val = format!("{number} {}", "v".repeat(random.below(20) as usize));
            tx.set(key.clone().into(), val.clone().into()).await?;
            model.insert(key, val);
        }
    }
    tx.commit().await?;
    Ok(tx.commit_version().unwrap())
}

fn of_model(model: &Model) -> Rows {
    model.iter().map(|(key, val)| (key.clone(), val.clone())).collect()
}

/// The names of all tags.
async fn names(store: &LanceDatastore) -> Result<Vec<String>> {
    Ok(store.tags().await?.into_iter().map(|tag| tag.name).collect())
}
