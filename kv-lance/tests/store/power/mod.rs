//! The power is cut: what was not synced is lost, kept or torn, names in directories as well. What
//! is left opens and holds what was promised.
//!
//! `KV_LANCE_POWER_CUTS` says how many cuts there are at least (default = 100), `KV_LANCE_POWER_SEED` with which seed they
//! begin (default = 0).

pub(crate) mod disk;
pub(crate) mod failure;
mod failures;
pub(crate) mod image;
mod script;

use disk::{Cut, Disk, Schedule};
use image::Loss;
use kv_lance::Durability;
use std::collections::BTreeMap;

/// How often a workload was cut, what was wrong then, and which syncs there were.
struct Outcome {
    cuts: usize,
    wrong: Vec<String>,
    syncs: BTreeMap<String, u64>,
}

/// Runs a workload on a disk whose power is cut, and looks at what each cut leaves. `lie` is a kind
/// of sync that does nothing. Ends at the first `most` that are wrong.
async fn trial(schedule: Schedule, durability: Durability, commits: u64, lie: Option<&str>, most: usize) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let (root, images) = (dir.path().join("root"), dir.path().join("images"));
    std::fs::create_dir_all(&root).unwrap();
    let disk = Disk::new(&root.canonicalize().unwrap(), &images, schedule, lie, None);
    let versions = script::run(&disk, &root.canonicalize().unwrap().join("store"), durability, commits).await.unwrap();
    let cuts: Vec<Cut> = disk.cuts();
    let mut outcome = Outcome { cuts: cuts.len(), wrong: vec![], syncs: disk.syncs() };
    for cut in cuts {
        if outcome.wrong.len() < most
            && let Err(what) = script::check(&cut, durability, &versions, lie.is_none()).await
        {
            outcome.wrong.push(what);
        }
        std::fs::remove_dir_all(&cut.image).unwrap();
    }
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_of_power_loses_nothing_that_was_promised() {
    let least: usize = std::env::var("KV_LANCE_POWER_CUTS").map_or(100, |text| text.parse().unwrap());
    let mut cuts = 0;
    let first: u64 = std::env::var("KV_LANCE_POWER_SEED").map_or(0, |text| text.parse().unwrap());
    for seed in first.. {
        let durability = if seed % 3 == 2 { Durability::Eventual } else { Durability::Immediate };
        let schedule = Schedule { others: 40, syncs: 100, seed, losses: &Loss::ALL };
        let outcome = trial(schedule, durability, 60, None, 3).await;
        assert!(outcome.wrong.is_empty(), "seed {seed}: {:#?}", outcome.wrong);
        let before = cuts;
        cuts += outcome.cuts;
        if cuts >= least || cuts / 500 > before / 500 {
            eprintln!("the power was cut {cuts} times, up to seed {seed}");
        }
        if cuts >= least {
            break;
        }
    }
}

/// Kinds of syncs that a loss of power alone does not need, and why they are made.
const OTHERWISE: [(&str, &str); 11] = [
    ("sync_all kv.lance/*.txn", "what a commit did is read when another tool's commit has to be reconciled with it"),
    ("sync_dir kv.lance/_transactions", "the same"),
    ("sync_all history.lance/*.txn", "the same"),
    ("sync_dir history.lance/_transactions", "the same"),
    ("sync_all published.lance/*.txn", "the same"),
    ("sync_dir published.lance/_transactions", "the same"),
    (
        "sync_dir history.lance/_versions",
        "until the store is opened, other readers would find history as it was before",
    ),
    ("sync_dir kv.lance/tags", "until the store is opened, other readers would not find a tag"),
    ("sync_dir kv.lance/_refs", "the same"),
    ("sync_data HEAD", "it tells that the newest segment was removed; without it the store opens unchecked"),
    ("sync_all RECORD.draft", "the record counts only where the table was removed or taken back"),
];

/// Leaves out one kind of sync after the other, and prints what goes wrong then.
/// `KV_LANCE_POWER_SYNC` chooses those whose names contain it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; run it by name"]
async fn every_sync_that_is_left_out_is_noticed() {
    let only = std::env::var("KV_LANCE_POWER_SYNC").unwrap_or_default();
    let schedule = Schedule { others: 0, syncs: 500, seed: 0, losses: &[Loss::Everything, Loss::Some] };
    let kinds = trial(Schedule { syncs: 0, ..schedule }, Durability::Immediate, 40, None, 1).await.syncs;
    let mut surprises = vec![];
    for (kind, count) in kinds.iter().filter(|(kind, _)| kind.contains(&only)) {
        let mut noticed = None;
        for seed in 0..2 {
            let outcome = trial(Schedule { seed, ..schedule }, Durability::Immediate, 40, Some(kind), 1).await;
            noticed = noticed.or(outcome.wrong.into_iter().next());
            if noticed.is_some() {
                break;
            }
        }
        let otherwise = OTHERWISE.iter().find(|(other, _)| other == kind);
        println!("{kind}, {count} times: {noticed:?} {otherwise:?}");
        if noticed.is_some() == otherwise.is_some() {
            surprises.push(kind);
        }
    }
    assert!(surprises.is_empty(), "noticed or not, other than expected: {surprises:?}");
}
