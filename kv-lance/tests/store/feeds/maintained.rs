//! Flushes, compactions, history, erasure and restarts in between: a feed gives what was committed.

use super::*;
use kv_api::KeyRange;
use kv_lance::Durability;
use std::collections::HashMap;

/// Everything flushes, merges and becomes history after a few commits.
fn tiny(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir)
        .memtable_bytes(1 << 10)
        .partition_bytes(1 << 10)
        .block_bytes(128)
        .durability(Durability::Eventual)
}

/// What was committed, and at which version each key was last erased.
#[derive(Default)]
struct Log {
    commits: Vec<Commit>,
    erased: HashMap<String, Version>,
}

impl Log {
    /// Writes, deletes and now and then erases a few keys, some of which never were there, in one transaction.
    async fn step(&mut self, store: &LanceDatastore, random: &mut Random, number: u64) -> Result<()> {
        let tx = store.begin(TransactionOptions::write()).await?;
        let (mut rows, mut erased) = (std::collections::BTreeMap::new(), Vec::new());
        for _ in 0..1 + random.below(5) {
            let hot = random.below(3) > 0;
            let key = if hot { format!("hot{}", random.below(4)) } else { format!("key{:03}", random.below(150)) };
            if rows.contains_key(&key) {
                continue;
            }
            match random.below(40) {
                0 => {
                    tx.clr(key.clone().into()).await?;
                    erased.push(key.clone());
                    rows.insert(key, None);
                }
                1..14 => {
                    tx.del(key.clone().into()).await?;
                    rows.insert(key, None);
                }
                _ => {
                    let val = format!("{number}{}", "v".repeat(random.below(30) as usize));
                    tx.set(key.clone().into(), val.clone().into()).await?;
                    rows.insert(key, Some(val));
                }
            }
        }
        tx.commit().await?;
        let version = tx.commit_version().unwrap();
        self.erased.extend(erased.into_iter().map(|key| (key, version)));
        self.commits.push((version, rows.into_iter().collect()));
        Ok(())
    }

    /// What a feed gives after a version, without what has been erased.
    fn after(&self, since: Version) -> Vec<Commit> {
        let is_left = |version: Version, key: &str| self.erased.get(key).is_none_or(|erased| *erased <= version);
        let left = |(version, rows): &Commit| {
            (*version, rows.iter().filter(|(key, _)| is_left(*version, key.as_str())).cloned().collect::<Vec<_>>())
        };
        let later = self.commits.iter().filter(|(version, _)| *version > since);
        later.map(left).filter(|(_, rows)| !rows.is_empty()).collect()
    }

    async fn check(&self, store: &LanceDatastore, since: Version) -> Result<()> {
        let expected = self.after(since);
        let Some((last, _)) = expected.last() else { return Ok(()) };
        let given = take(&mut *changes(store, since).await?, *last).await?;
        assert_eq!(given, expected, "after {since}");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_gives_what_was_committed_wherever_its_rows_have_gone() -> Result<()> {
    for seed in 1..3 {
        let dir = tempfile::tempdir().unwrap();
        let (mut random, mut log) = (Random(seed), Log::default());
        for round in 0..3 {
            let store = open(tiny(dir.path())).await?;
            let mut live = changes(&store, store.current_version().await?).await?;
            let began = store.current_version().await?;
            for number in 0..80 {
                log.step(&store, &mut random, number).await?;
                match random.below(40) {
                    0 => store.flush().await?,
                    1 => store.compact().await?,
                    2 => store.compact_range(KeyRange::from("hot1".."key050")).await?,
                    _ => {}
                }
            }
            let (newest, _) = *log.commits.last().unwrap();
            let since = log.commits[random.below(log.commits.len() as u64) as usize].0;
            log.check(&store, since).await?;
            log.check(&store, 0).await?;
            // From memory, and with nothing of what was erased on the way either.
            let (last, _) = *log.after(began).last().unwrap();
            assert_eq!(take(&mut *live, last).await?, log.after(began), "live after {began}");
            store.compact().await?;
            log.check(&store, 0).await?;
            log.check(&store, since).await?;
            assert!(figure(&store, "run_tombstones") <= log.erased.len() as u64, "no other deletion is current");
            assert_eq!((figure(&store, "change_feeds"), figure(&store, "change_feed_version")), (1, last.min(newest)));
            drop(live);
            assert_eq!((figure(&store, "change_feeds"), figure(&store, "change_feed_bytes")), (0, 0));
            if round % 2 == 0 {
                store.shutdown().await?;
            }
        }
        assert!(kv_lance::verify(&tiny(dir.path())).await?.damage.is_empty());
    }
    Ok(())
}

/// What a feed had looked for before it was given more time is not what it gives, if it has been erased since.
#[tokio::test]
async fn what_is_erased_while_a_feed_catches_up_is_left_out() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).durability(Durability::Eventual)).await?;
    let mut log = Log::default();
    for number in 0..50 {
        let tx = store.begin(TransactionOptions::write()).await?;
        let rows: Vec<_> = (0..1000).map(|n| (format!("key{n:04}"), Some(format!("{number}")))).collect();
        for (key, val) in &rows {
            tx.set(key.clone().into(), val.clone().unwrap().into()).await?;
        }
        tx.commit().await?;
        log.commits.push((tx.commit_version().unwrap(), rows));
    }
    let mut feed = changes(&store, 0).await?;
    let mut polls = 0;
    for n in 0..1000 {
        // It is dropped where it gives way.
        let next = futures::poll!(feed.next());
        polls += 1;
        if next.is_ready() {
            panic!("it gives everything at its {polls}. poll");
        }
        if polls == 2 {
            let tx = store.begin(TransactionOptions::write()).await?;
            tx.clr("key0007".into()).await?;
            tx.commit().await?;
            log.erased.insert("key0007".into(), tx.commit_version().unwrap());
            log.commits.push((tx.commit_version().unwrap(), vec![("key0007".into(), None)]));
            break;
        }
        assert!(n < 10);
        tokio::task::yield_now().await;
    }
    let (last, _) = *log.commits.last().unwrap();
    assert_eq!(take(&mut *feed, last).await?, log.after(0));
    Ok(())
}
