//! Erasures while runs go down through the levels: three faults of compactions that erase got past short sequences and
//! stores of a single level.

use super::*;
use kv_api::Transactable;
use kv_lance::Durability;
use std::collections::BTreeMap;

const COMMITS: u64 = 1_500;

/// Keys of a stretch, and stretches: few of them are written at a time, so that runs leave gaps.
const KEYS: u64 = 40;
const STRETCHES: u64 = 6;

type Model = BTreeMap<String, String>;

fn key(stretch: u64, number: u64) -> String {
    format!("{stretch}/{number:02}")
}

/// Writes a transaction, mostly of one stretch.
async fn write_some(tx: &dyn Transactable, model: &mut Model, random: &mut Random, stretch: u64) -> Result<()> {
    for _ in 0..1 + random.below(8) {
        let stretch = if random.below(20) == 0 { random.below(STRETCHES) } else { stretch };
        let name = key(stretch, random.below(KEYS));
        match random.below(10) {
            0..=5 => {
                let length = if random.below(30) == 0 { 3_000 } else { random.below(80) };
                let val = format!("{}{}", random.below(1 << 20), "v".repeat(length as usize));
                tx.set(name.clone().into(), val.clone().into()).await?;
                model.insert(name, val);
            }
            6 | 7 => {
                tx.clr(name.clone().into()).await?;
                model.remove(&name);
            }
            8 => {
                tx.del(name.clone().into()).await?;
                model.remove(&name);
            }
            _ => {
                let first = random.below(KEYS);
                let (from, to) = (key(stretch, first), key(stretch, first + 1 + random.below(8)));
                let range = KeyRange::from(from.clone()..to.clone());
                if random.below(2) == 0 {
                    tx.clrr(range).await?
                } else {
                    tx.delr(range).await?
                }
                model.retain(|name, _| *name < from || *name >= to);
            }
        }
    }
    Ok(())
}

async fn check(store: &LanceDatastore, model: &Model, what: &str) -> Result<()> {
    let expected: Rows = model.iter().map(|(key, val)| (key.clone(), val.clone())).collect();
    let found = all(store, None).await?;
    let differs = found.iter().zip(&expected).find(|(found, expected)| found != expected);
    assert!(found == expected, "{what}: {} rows instead of {}, {differs:?}", found.len(), expected.len());
    Ok(())
}

async fn erase(seed: u64, versioned: bool) -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let config = || {
        LanceConfig::new(dir.path())
            .memtable_bytes(2 << 10)
            .block_bytes(256)
            .versioned(versioned)
            .durability(Durability::Eventual)
    };
    let mut random = Random(seed * 2 + 1);
    let mut store = open(config()).await?;
    let (mut model, mut stretch) = (Model::new(), 0);
    for commit in 0..COMMITS {
        if random.below(25) == 0 {
            stretch = random.below(STRETCHES);
        }
        let tx = store.begin(TransactionOptions::write()).await?;
        write_some(&*tx, &mut model, &mut random, stretch).await?;
        tx.commit().await?;
        match random.below(400) {
            0..=20 => check(&store, &model, &format!("seed {seed}, commit {commit}")).await?,
            21 => store.compact().await?,
            22 => {
                drop(store);
                store = open(config()).await?;
            }
            _ => {}
        }
    }
    check(&store, &model, &format!("seed {seed}, at the end")).await?;
    store.shutdown().await?;
    drop(store);
    let report = kv_lance::verify(&config()).await?;
    assert!(report.damage.is_empty(), "seed {seed}: {:?}", report.damage);
    check(&open(config()).await?, &model, &format!("seed {seed}, opened again")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_erased_stays_erased_and_nothing_else_on_every_level() -> Result<()> {
    for seed in 1..=2 {
        erase(seed, true).await?;
        erase(seed, false).await?;
    }
    Ok(())
}
