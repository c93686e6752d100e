//! History lies apart: reads of the past are exact wherever its rows have gone, and everything else does without it.

use super::*;
use kv_api::{Error, Transactable};
use kv_lance::{CompactOptions, Durability};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

type Model = BTreeMap<String, String>;

/// Everything flushes, merges and becomes history after a few commits.
fn tiny(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir)
        .memtable_bytes(1 << 10)
        .partition_bytes(1 << 10)
        .block_bytes(256)
        .durability(Durability::Eventual)
}

/// Sets and deletes a few keys in one transaction. Some keys are written often, and some once.
async fn step(store: &LanceDatastore, random: &mut Random, model: &mut Model, number: u64) -> Result<Version> {
    let tx = store.begin(TransactionOptions::write()).await?;
    for _ in 0..1 + random.below(6) {
        let hot = random.below(3) > 0;
        let key = if hot { format!("hot{}", random.below(5)) } else { format!("key{:04}", random.below(400)) };
        match random.below(4) {
            0 => {
                tx.del(key.clone().into()).await?;
                model.remove(&key);
            }
            _ => {
                let val = format!("{number} {}", "v".repeat(random.below(20) as usize));
                tx.set(key.clone().into(), val.clone().into()).await?;
                model.insert(key, val);
            }
        }
    }
    tx.commit().await?;
    Ok(tx.commit_version().unwrap())
}

async fn check(store: &LanceDatastore, states: &[(Version, Model)], every: usize) -> Result<()> {
    for (version, model) in states.iter().rev().step_by(every) {
        let expected: Rows = model.iter().map(|(key, val)| (key.clone(), val.clone())).collect();
        assert_eq!(all(store, Some(*version)).await?, expected, "at {version}");
        let tx = store.begin(TransactionOptions::read()).await?;
        for n in 0..5 {
            let key = format!("hot{n}");
            let found = tx.get(key.as_bytes(), Some(*version)).await?;
            assert_eq!(found.as_deref(), model.get(&key).map(|val| val.as_bytes()), "{key} at {version}");
        }
    }
    Ok(())
}

async fn check_open(tx: &dyn Transactable, model: &Model) -> Result<()> {
    let found = tx.scan(KeyRange::all(), ScanLimit::Count(u32::MAX), 0, None).await?;
    assert!(
        found.iter().map(|(key, val)| (&key[..], &val[..])).eq(model.iter().map(|(k, v)| (k.as_bytes(), v.as_bytes())))
    );
    for n in 0..5 {
        let key = format!("hot{n}");
        let found = tx.get(key.as_bytes(), None).await?;
        assert_eq!(found.as_deref(), model.get(&key).map(|val| val.as_bytes()));
        assert_eq!(tx.exists(key.as_bytes(), None).await?, model.contains_key(&key));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_of_the_past_are_exact_wherever_its_rows_lie() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(tiny(dir.path())).await?;
    let (mut random, mut model, mut states) = (Random(7), Model::new(), Vec::new());
    let (mut old, mut deepest) = (None, 0);
    for number in 0..800 {
        let version = step(&store, &mut random, &mut model, number).await?;
        states.push((version, model.clone()));
        match number % 200 {
            60 => old = Some((store.begin(TransactionOptions::read()).await?, model.clone())),
            // Merges have moved what this transaction reads.
            130 => {
                if let Some((tx, model)) = old.take() {
                    check_open(&*tx, &model).await?;
                }
            }
            140 => store.compact().await?,
            170 => {
                drop(store);
                store = open(tiny(dir.path())).await?;
            }
            _ => {}
        }
        if number % 200 == 199 {
            check(&store, &states, 53).await?;
        }
        deepest = deepest.max(figure(&store, "levels"));
    }
    store.flush().await?;
    assert!(deepest >= 3 && figure(&store, "history_rows") > 1000, "{:?}", store.statistics());
    // One for each of hundreds of flushes and merges, were they not merged themselves, which threads of a low priority do.
    let began = Instant::now();
    while figure(&store, "history_runs") >= 40 {
        assert!(began.elapsed() < Duration::from_secs(60), "{} runs of history", figure(&store, "history_runs"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    check(&store, &states, 29).await
}

#[tokio::test]
async fn what_is_current_is_one_row_a_key_and_deletions_are_nothing() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(tiny(dir.path())).await?;
    let (mut random, mut model, mut states) = (Random(99), Model::new(), Vec::new());
    for number in 0..300 {
        states.push((step(&store, &mut random, &mut model, number).await?, model.clone()));
    }
    let rows_written = figure(&store, "newest_version");
    store.compact().await?;
    assert!(rows_written > model.len() as u64);
    assert_eq!((figure(&store, "run_rows"), figure(&store, "run_tombstones")), (model.len() as u64, 0));
    check(&store, &states, 13).await
}

#[tokio::test]
async fn a_cleared_range_takes_keys_along_that_have_only_history() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let config = || tiny(dir.path()).compression(kv_lance::Compression::None);
    let store = open(config()).await?;
    let first = write(&store, &[("a", "1"), ("b", "secret-7f3c9a51"), ("c", "1")]).await?;
    write(&store, &[("b", "")]).await?;
    store.compact().await?;
    assert_eq!((figure(&store, "run_rows"), figure(&store, "history_rows")), (2, 2));
    let old = store.begin(TransactionOptions::read()).await?;
    let tx = store.begin(TransactionOptions::write()).await?;
    tx.clrr(KeyRange::from("b".."c")).await?;
    tx.commit().await?;
    for round in 0..3 {
        assert_eq!(all(&store, Some(first)).await?, rows(&[("a", "1"), ("c", "1")]), "round {round}");
        assert_eq!(old.get(b"b", Some(first)).await?.as_deref(), Some(&b"secret-7f3c9a51"[..]), "round {round}");
        store.compact().await?;
    }
    drop(old);
    store.compact_with(at_once()).await?;
    assert_eq!(all(&store, Some(first)).await?, rows(&[("a", "1"), ("c", "1")]));
    assert_eq!((figure(&store, "run_rows"), figure(&store, "history_rows")), (2, 1), "that it was erased is left");
    assert_eq!(run_files(&dir.path().join("history.lance/data")), 1, "the space is free");
    // There is nothing more to erase, so that nothing is written.
    let newest = store.current_version().await?;
    let tx = store.begin(TransactionOptions::write()).await?;
    tx.clrr(KeyRange::from("b".."c")).await?;
    tx.commit().await?;
    assert_eq!(store.current_version().await?, newest);
    Ok(())
}

fn at_once() -> CompactOptions {
    let mut options = CompactOptions::default();
    options.reader_grace = Some(Duration::ZERO);
    options
}

#[tokio::test]
async fn history_that_nobody_may_read_any_more_goes_by_itself() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(tiny(dir.path()).retention(Duration::from_millis(300))).await?;
    let old = store.begin(TransactionOptions::read()).await?;
    let first = write(&store, &[("a", "1")]).await?;
    for n in 0..300 {
        write(&store, &[("a", &n.to_string()), (&format!("k{n:05}"), "1")]).await?;
    }
    let kept = figure(&store, "history_rows");
    assert!(kept > 100, "a transaction may read it: {:?}", store.statistics());
    drop(old);
    let began = Instant::now();
    let mut n = 0;
    while figure(&store, "history_rows") > kept / 2 {
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", store.statistics());
        write(&store, &[(&format!("l{n:05}"), "1")]).await?;
        n += 1;
    }
    assert!(matches!(all(&store, Some(first)).await, Err(Error::VersionNotRetained { .. })));
    let expected = 301 + n;
    assert_eq!(all(&store, None).await?.len(), expected);
    Ok(())
}
