//! Compactions: held, slowed down, of a range, on several threads, and begun for deletions.

use super::*;
use kv_lance::{Compression, Durability};
use std::time::{Duration, Instant};

fn config(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir).memtable_bytes(32 << 10).partition_bytes(32 << 10).durability(Durability::Eventual)
}

/// Writes each of some keys, in batches.
async fn write_keys(store: &LanceDatastore, keys: impl Iterator<Item = usize>, val: &str) -> Result<()> {
    let keys: Vec<_> = keys.collect();
    for batch in keys.chunks(100) {
        let tx = store.begin(TransactionOptions::write()).await?;
        for key in batch {
            match val {
                "" => tx.del(numbered(*key).0.into()).await?,
                val => tx.set(numbered(*key).0.into(), val.to_owned().into()).await?,
            }
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Six flushes of the same keys in orders that interleave.
async fn write_runs(store: &LanceDatastore) -> Result<()> {
    for run in 0..6 {
        write_keys(store, (run..1200).step_by(6), &format!("run {run}")).await?;
        store.flush().await?;
    }
    Ok(())
}

async fn until(store: &LanceDatastore, done: impl Fn(&LanceDatastore) -> bool) {
    let began = Instant::now();
    while !done(store) {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", store.statistics());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_paused_goes_on_when_it_is_resumed() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    store.pause_compactions();
    write_runs(&store).await?;
    let asked = store.compact();
    assert!(
        tokio::time::timeout(Duration::from_millis(200), asked).await.is_err(),
        "a compaction while they are paused"
    );
    assert_eq!((figure(&store, "compactions_paused"), figure(&store, "compactions")), (1, 0));
    assert!(figure(&store, "level_0_runs") >= 6);
    store.resume_compactions();
    until(&store, |store| figure(store, "level_0_runs") == 0).await;
    assert_eq!(figure(&store, "compactions_paused"), 0);
    assert_eq!(all(&store, None).await?.len(), 1200);
    // A store that closes does not wait for what is paused.
    write_runs(&store).await?;
    store.pause_compactions();
    let began = Instant::now();
    store.shutdown().await?;
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_holds_a_compaction_that_has_begun() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path()).background_optimize(false).compaction_bandwidth(64 << 10)).await?;
    write_runs(&store).await?;
    write_keys(&store, 0..1200, &"x".repeat(200)).await?;
    let began = Instant::now();
    {
        let compaction = store.compact();
        tokio::pin!(compaction);
        assert!(tokio::time::timeout(Duration::from_millis(500), &mut compaction).await.is_err());
        store.pause_compactions();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let steps = figure(&store, "compactions");
        assert!(tokio::time::timeout(Duration::from_secs(2), &mut compaction).await.is_err());
        assert!(figure(&store, "compactions") <= steps + 1);
        store.resume_compactions();
        compaction.await?;
    }
    // 250 KB of rows at 64 KiB a second.
    assert!(began.elapsed() > Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(all(&store, None).await?.len(), 1200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_is_compacted_by_itself() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path()).background_optimize(false)).await?;
    write_keys(&store, 0..3000, &"old".repeat(100)).await?;
    store.compact().await?;
    let partitions = store.levels().last().unwrap().runs.len();
    assert!(partitions > 8, "{partitions}");
    write_keys(&store, (0..3000).step_by(3), "new").await?;
    store.flush().await?;
    let before = store.levels();
    let (first, last) = (numbered(1000).0, numbered(1100).0);
    store.compact_range(KeyRange::from(first..last)).await?;
    let after = store.levels();
    let names = |levels: &[kv_lance::LevelInfo]| -> Vec<String> {
        levels.last().unwrap().runs.iter().map(|run| run.file.clone()).collect()
    };
    let kept = names(&before).iter().filter(|name| names(&after).contains(name)).count();
    assert!(kept < partitions && kept + 4 > partitions, "{kept} of {partitions}");
    let expected: Rows =
        (0..3000).map(|n| (numbered(n).0, if n % 3 == 0 { "new".to_owned() } else { "old".repeat(100) })).collect();
    assert_eq!(all(&store, None).await?, expected);
    store.shutdown().await?;
    let store = open(config(dir.path()).background_optimize(false)).await?;
    assert_eq!(all(&store, None).await?, expected);
    store.compact().await?;
    assert_eq!(all(&store, None).await?, expected);
    assert_eq!(figure(&store, "level_0_runs"), 0);
    Ok(())
}

/// Deletions stayed on their level until that was full, and each scan passed over all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletions_do_not_wait_for_their_level_to_be_full() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path()).memtable_bytes(1 << 20).partition_bytes(0).compression(Compression::None);
    let store = open(config.retention(Duration::from_millis(1))).await?;
    for key in 0..2000 {
        write(&store, &[(&numbered(key).0, &format!("{key:06}").repeat(500))]).await?;
    }
    store.compact().await?;
    assert!(figure(&store, "levels") >= 3, "{:?}", store.statistics());
    for part in 0..4 {
        write_keys(&store, (part..2000).step_by(4), "").await?;
        store.flush().await?;
    }
    until(&store, |store| figure(store, "run_tombstones") == 0).await;
    assert_eq!(all(&store, None).await?, []);
    Ok(())
}

/// A compaction of everything held up those of level 0, and so writers, until its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_compaction_gives_way_to_level_0() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    for key in 0..3000 {
        write(&store, &[(&numbered(key).0, &format!("{key:06}").repeat(30))]).await?;
    }
    store.compact().await?;
    assert!(figure(&store, "levels") >= 3, "{:?}", store.statistics());
    store.shutdown().await?;
    let store = open(config(dir.path()).compaction_bandwidth(160 << 10)).await?;
    // Every row has something to be merged with.
    write_keys(&store, 0..3000, "new").await?;
    store.flush().await?;
    let mut compaction = Box::pin(store.compact());
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut compaction).await.is_err());
    for round in 0..9 {
        write_keys(&store, round..round + 1, "newest").await?;
        store.flush().await?;
    }
    assert!(figure(&store, "level_0_runs") >= 8);
    let gave_way = until(&store, |store| figure(store, "level_0_runs") < 8);
    tokio::select! {
        biased;
        () = gave_way => {}
        ended = &mut compaction => panic!("it has not given way: {ended:?}"),
    }
    compaction.await?;
    let newest = |n: usize| if n < 9 { "newest" } else { "new" };
    let expected: Rows = (0..3000).map(|n| (numbered(n).0, newest(n).to_owned())).collect();
    assert_eq!(all(&store, None).await?, expected);
    Ok(())
}

/// Runs that do not overlap are moved to the next level as they are, but for those that a flush has written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_ascend_are_compressed_all_the_same() -> Result<()> {
    let size = async |compression: Compression| -> Result<u64> {
        let dir = tempfile::tempdir().unwrap();
        // Lance compresses no page of less than 32 KiB.
        let store =
            open(config(dir.path()).memtable_bytes(128 << 10).partition_bytes(128 << 10).compression(compression))
                .await?;
        for batch in 0..80 {
            let tx = store.begin(TransactionOptions::write()).await?;
            for key in batch * 100..(batch + 1) * 100 {
                let val = format!("{:?}", (key..key + 8).map(|n| ("the words", n, "again")).collect::<Vec<_>>());
                tx.set(numbered(key).0.into(), val.into()).await?;
            }
            tx.commit().await?;
        }
        store.flush().await?;
        until(&store, |store| figure(store, "level_0_runs") < 4 && figure(store, "compaction_debt_bytes") == 0).await;
        let levels = store.levels();
        assert!(levels.len() > 2, "it has grown beyond one level: {}", levels.len());
        assert_eq!(figure(&store, "compaction_written_bytes"), 0, "nothing is written twice");
        assert_eq!(all(&store, None).await?.len(), 8000);
        Ok(levels.iter().skip(1).flat_map(|level| &level.runs).map(|run| run.bytes).sum())
    };
    let (as_it_is, compressed) = (size(Compression::None).await?, size(Compression::Fsst).await?);
    assert!(compressed * 2 < as_it_is, "{compressed} bytes, and {as_it_is} without compression");
    Ok(())
}

/// A flush of one large transaction gives many runs at once. They move down as they are, with no merge after which anybody
/// would look again at how many lie on level 0: writers waited for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_go_on_when_runs_have_moved_down() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store =
        open(config(dir.path()).versioned(false).memtable_bytes(1 << 10).partition_bytes(1 << 10).frozen_memtables(1))
            .await?;
    for batch in 0..3 {
        let tx = store.begin(TransactionOptions::write()).await?;
        for key in batch * 4000..(batch + 1) * 4000 {
            tx.set(numbered(key).0.into(), "x".repeat(40).into()).await?;
        }
        tx.commit().await?;
        // Nobody asks for anything: that would have it look again.
        until(&store, |store| {
            let levels = store.levels();
            let below: usize = levels.iter().skip(1).map(|level| level.runs.len()).sum();
            levels.first().is_some_and(|flushed| flushed.runs.len() < 4) && below > 36 * (batch + 1)
        })
        .await;
        let written = tokio::time::timeout(Duration::from_secs(20), write_keys(&store, 0..1, "beside"));
        written.await.expect("a writer waits where nothing is left to merge")?;
    }
    assert_eq!(all(&store, None).await?.len(), 12_000);
    Ok(())
}

/// Who waited for merges when these were paused waited until they were resumed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_lets_writers_go_on_that_wait_for_merges() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path()).compaction_bandwidth(64 << 10)).await?;
    let fill = async || -> Result<()> {
        for round in 0..100 {
            write_keys(&store, 0..40, &format!("round {round} {}", "x".repeat(1000))).await?;
        }
        Ok(())
    };
    let mut filling = std::pin::pin!(fill());
    // A merge of four of them takes some seconds.
    let stalled = until(&store, |store| figure(store, "level_0_runs") >= 36 && figure(store, "run_stalls") > 0);
    tokio::select! {
        ended = &mut filling => panic!("nobody waits: {ended:?}"),
        () = stalled => {}
    }
    let waits = tokio::time::timeout(Duration::from_millis(300), &mut filling).await;
    assert!(waits.is_err(), "nobody waits: {waits:?}");
    store.pause_compactions();
    tokio::time::timeout(Duration::from_secs(60), filling).await.expect("writers wait for merges that are paused")?;
    Ok(())
}

/// Keys that ascend and are deleted soon, as those of a queue: no run of theirs overlaps another, and yet the lowest level is to
/// hold live keys only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletions_of_what_was_never_flushed_go() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path()).versioned(false)).await?;
    for batch in 0..8 {
        let keys = batch * 100..(batch + 1) * 100;
        write_keys(&store, keys.clone(), "a task").await?;
        write_keys(&store, keys.skip(1), "").await?;
        store.flush().await?;
    }
    until(&store, |store| figure(store, "level_0_runs") < 4 && figure(store, "compaction_debt_bytes") == 0).await;
    let below: Vec<_> = store.levels().into_iter().skip(1).flat_map(|level| level.runs).collect();
    assert!(!below.is_empty());
    assert_eq!(below.iter().map(|run| run.tombstones).sum::<u64>(), 0, "{below:?}");
    assert_eq!(all(&store, None).await?.len(), 8);
    Ok(())
}

/// The niceness of each thread of this process that merges: the 19th field of its `stat`, 16 after
/// its name.
#[cfg(target_os = "linux")]
fn merging_threads() -> Vec<i32> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("stat")).ok());
    stats
        .filter(|stat| stat.contains("(kv-lance-merge)"))
        .filter_map(|stat| stat.rsplit_once(") ")?.1.split(' ').nth(16)?.parse().ok())
        .collect()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_that_merge_let_others_go_first() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    write_runs(&store).await?;
    store.compact().await?;
    // Other tests have such threads, some of which have only just begun.
    let niceness = merging_threads();
    assert!(niceness.contains(&10), "{niceness:?}");
    Ok(())
}
