//! The same SurrealQL on kv-lance, in memory and on SurrealKV: every statement has to answer the
//! same, and in the end the tables are.
//!
//! `KV_SURREALDB_SEEDS=100` runs more seeds than by default, `KV_SURREALDB_SEED=7` that one.

mod engine;
pub(crate) mod random;
mod script;
mod statements;

use engine::{Answers, Engine};
use script::{PAST_AT, Step};
use std::collections::BTreeMap;

const SEEDS: u64 = 6;

/// In turn: what kv-lance is opened with. Memtables of 1 KiB are full after a few statements.
const PARAMETERS: &[&str] = &["", "?memtable_bytes=1KiB&partition_bytes=1KiB&block_bytes=256", "?versioned=false"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_answers_as_on_surrealdbs_own_backends() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("KV_SURREALDB_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("KV_SURREALDB_SEEDS").unwrap_or(SEEDS),
    };
    let mut counts = BTreeMap::<String, usize>::new();
    for seed in seeds.clone() {
        // Also where it never ends.
        println!("KV_SURREALDB_SEED={seed}");
        compare(seed, &mut counts).await;
    }
    println!("{} seeds: {counts:?}", seeds.end - seeds.start);
}

/// Counts in `counts` what the answers are, by their first word.
async fn compare(seed: u64, counts: &mut BTreeMap<String, usize>) {
    let folder = tempfile::tempdir().unwrap();
    let at = |scheme: &str| format!("{scheme}:{}", folder.path().join(scheme).display());
    let parameters = PARAMETERS[seed as usize % PARAMETERS.len()];
    // Their safe time stamp is the time, with which a router passes events over.
    let mut memory = Engine::open("memory", "memory".into(), false).await;
    let mut lance = Engine::open("lance", at("lance") + parameters, true).await;
    let mut others = Vec::new();
    if cfg!(feature = "surrealkv") {
        others.push(Engine::open("surrealkv", at("surrealkv"), false).await);
    }
    let mut remembered = Vec::new();
    let script = script::script(seed);
    for (number, step) in script.iter().enumerate() {
        let expected = memory.run(step, None).await;
        let events = Some(expected.len());
        for kind in expected.iter().filter_map(|answer| answer.split([' ', ':']).next()) {
            *counts.entry(kind.into()).or_default() += 1;
        }
        let same = |name: &str, answers: &Answers| {
            let differs = || {
                let before: Vec<_> = script[..number].iter().map(|step| format!("  {step}\n")).collect();
                let parted = expected.iter().zip(answers).find(|(a, b)| a != b);
                format!(
                    "seed {seed}, lance{parameters}, step {number}: {step}\nmemory: {expected:#?}\n{name}: {answers:#?}\n\
                     first difference: {parted:#?}\nafter:\n{}",
                    before.concat()
                )
            };
            assert!(expected == *answers, "{}", differs());
        };
        for other in &mut others {
            same(other.name, &other.run(step, events).await);
        }
        same(lance.name, &lance.run(step, events).await);
        match step {
            Step::Remember(slot, _) => remembered.push(*slot),
            Step::Reopen => lance.reopen().await,
            _ => {}
        }
    }
    if !parameters.contains("versioned=false") {
        for slot in remembered {
            let (then, now) = lance.remembered(slot, PAST_AT).await;
            assert_eq!(now, then, "seed {seed}, lance{parameters}: at the time of step {slot}");
        }
    }
    for engine in [memory, lance].into_iter().chain(others) {
        engine.close().await;
    }
}
