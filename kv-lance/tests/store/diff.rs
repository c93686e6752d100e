//! Differences between two versions are those that two scans would show, and what cannot have changed is not read.

use super::*;
use futures::TryStreamExt;
use kv_api::Error;
use kv_lance::{CompactOptions, Difference, Durability};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

type Model = BTreeMap<String, String>;
type Found = Vec<(String, Option<String>, Option<String>)>;

/// Everything flushes, merges and becomes history after a few commits.
fn tiny(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir)
        .memtable_bytes(1 << 10)
        .partition_bytes(1 << 10)
        .block_bytes(256)
        .durability(Durability::Eventual)
}

async fn diff(store: &LanceDatastore, from: Version, to: Version, range: KeyRange) -> Result<Found> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let found: Vec<Difference> = store.diff(from, to, range)?.try_collect().await?;
    let found = found.into_iter();
    Ok(found.map(|d| (text(&d.key), d.old.as_deref().map(text), d.new.as_deref().map(text))).collect())
}

fn expected(old: &Model, new: &Model, range: &KeyRange) -> Found {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).filter(|key| range.contains(key.as_bytes())).collect();
    let both = keys.into_iter().map(|key| (key.clone(), old.get(key).cloned(), new.get(key).cloned()));
    both.filter(|(_, old, new)| old != new).collect()
}

/// Sets, deletes and, some of the time, erases a few keys in one transaction.
async fn step(store: &LanceDatastore, random: &mut Random, states: &mut [Model], erases: bool) -> Result<Version> {
    let tx = store.begin(TransactionOptions::write()).await?;
    for _ in 0..1 + random.below(6) {
        let key = format!("key{:02}", random.below(60));
        let val = format!("v{}", random.below(3));
        match random.below(8) {
            0 | 1 => {
                tx.del(key.clone().into()).await?;
                states.last_mut().unwrap().remove(&key);
            }
            2 if erases => {
                tx.clr(key.clone().into()).await?;
                // What it was before is not found any more.
                states.iter_mut().for_each(|model| drop(model.remove(&key)));
            }
            _ => {
                tx.set(key.clone().into(), val.clone().into()).await?;
                states.last_mut().unwrap().insert(key, val);
            }
        }
    }
    tx.commit().await?;
    Ok(tx.commit_version().unwrap())
}

async fn compare(store: &LanceDatastore, versions: &[Version], states: &[Model], random: &mut Random) -> Result<()> {
    for _ in 0..8 {
        let mut pick = || random.below(versions.len() as u64) as usize;
        let (from, to) = (pick(), pick());
        for range in [KeyRange::all(), KeyRange::from("key20".."key41")] {
            let found = diff(store, versions[from], versions[to], range.clone()).await?;
            assert_eq!(found, expected(&states[from], &states[to], &range), "{} to {}", versions[from], versions[to]);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn differences_are_those_of_two_scans() -> Result<()> {
    for (seed, erases) in [(3, false), (4, true)] {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(tiny(dir.path())).await?;
        let mut random = Random(seed);
        let (mut versions, mut states) = (vec![0], vec![Model::new()]);
        for number in 1..120 {
            states.push(states.last().unwrap().clone());
            versions.push(step(&store, &mut random, &mut states, erases).await?);
            match number % 60 {
                30 => store.compact().await?,
                45 => {
                    drop(store);
                    store = open(tiny(dir.path())).await?;
                }
                20 | 59 => compare(&store, &versions, &states, &mut random).await?,
                _ => {}
            }
        }
        store.compact().await?;
        compare(&store, &versions, &states, &mut random).await?;
        // A version after the newest is that, and one version has no differences.
        let newest = *versions.last().unwrap();
        let all = KeyRange::all;
        let found = diff(&store, versions[7], Version::MAX, all()).await?;
        assert_eq!(found, expected(&states[7], states.last().unwrap(), &all()));
        assert_eq!(diff(&store, newest, newest, all()).await?, []);
    }
    Ok(())
}

/// History between two tags is pruned, deletions too.
#[tokio::test]
async fn tags_whose_surroundings_are_gone_are_compared() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(tiny(dir.path()).retention(Duration::from_millis(1))).await?;
    let mut random = Random(21);
    let (mut versions, mut states) = (Vec::new(), Vec::new());
    let mut model = vec![Model::new()];
    for number in 0..100 {
        step(&store, &mut random, &mut model, false).await?;
        if number % 12 == 5 {
            versions.push(store.tag(&format!("t{number}"), None).await?);
            states.push(model[0].clone());
        }
        if number % 30 == 29 {
            store.compact_with(CompactOptions::no_history()).await?;
        }
    }
    store.compact_with(CompactOptions::no_history()).await?;
    assert!(matches!(store.diff(versions[0] + 1, versions[1], KeyRange::all()), Err(Error::VersionNotRetained { .. })));
    assert!(matches!(store.diff(versions[0], versions[1] + 1, KeyRange::all()), Err(Error::VersionNotRetained { .. })));
    for _ in 0..3 {
        compare(&store, &versions, &states, &mut random).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_have_changed_is_not_read() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let config = || LanceConfig::new(dir.path()).block_bytes(1 << 10).background_optimize(false);
    let store = open(config()).await?;
    let tx = store.begin(TransactionOptions::write()).await?;
    for (key, val) in (0..20_000).map(numbered) {
        tx.set(key.into(), val.into()).await?;
    }
    tx.commit().await?;
    let before = tx.commit_version().unwrap();
    store.flush().await?;
    let after = write(&store, &[("key000100", "new"), ("key010000", ""), ("other", "1")]).await?;
    store.flush().await?;
    drop(store);
    let store = open(config()).await?;
    let found = diff(&store, before, after, KeyRange::all()).await?;
    assert_eq!(found.iter().map(|(key, ..)| key.as_str()).collect::<Vec<_>>(), ["key000100", "key010000", "other"]);
    let few = figure(&store, "block_cache_misses");
    assert!(few < 20, "{few} blocks were read");
    assert_eq!(diff(&store, after, after, KeyRange::all()).await?, []);
    assert_eq!(figure(&store, "block_cache_misses"), few, "nothing has changed, and nothing is read");
    Ok(())
}

#[tokio::test]
async fn a_comparison_goes_on_with_what_it_began_with() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).retention(Duration::from_millis(1))).await?;
    let first = write(&store, &[("a", "1"), ("b", "1"), ("c", "1")]).await?;
    let second = write(&store, &[("a", "2"), ("b", ""), ("c", "2")]).await?;
    let mut differences = store.diff(first, second, KeyRange::all())?;
    assert_eq!(differences.try_next().await?.unwrap().key, "a");
    write(&store, &[("a", "3"), ("b", "3"), ("c", "3")]).await?;
    store.compact_with(CompactOptions::no_history()).await?;
    store.compact_with(CompactOptions::no_history()).await?;
    let rest: Vec<Difference> = differences.try_collect().await?;
    let text = |val: &Option<kv_api::Val>| val.as_ref().map(|val| String::from_utf8(val.to_vec()).unwrap());
    let rest: Vec<_> = rest.iter().map(|d| (&d.key[..], text(&d.old), text(&d.new))).collect();
    let some = |val: &str| Some(val.to_owned());
    assert_eq!(rest, [(&b"b"[..], some("1"), None), (&b"c"[..], some("1"), some("2"))]);
    Ok(())
}

#[tokio::test]
async fn stores_that_cannot_compare_say_so() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).versioned(false)).await?;
    assert!(matches!(store.diff(0, 1, KeyRange::all()), Err(Error::UnsupportedVersionedQueries)));
    drop(store);
    let store = open(LanceConfig::new(dir.path())).await?;
    store.shutdown().await?;
    assert!(matches!(store.diff(0, 1, KeyRange::all()), Err(Error::StoreClosed)));
    Ok(())
}
