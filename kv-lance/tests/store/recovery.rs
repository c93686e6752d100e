//! What a store holds after it was opened again.

use super::*;
use kv_lance::Durability;

#[tokio::test]
async fn commits_are_there_after_reopening_from_the_journal_from_runs_and_from_both() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = vec![];
    let mut versions = vec![];
    for round in 0..6 {
        let store = open(LanceConfig::new(dir.path())).await?;
        assert_eq!(all(&store, None).await?, expected, "round {round}");
        let (key, val) = numbered(round);
        versions.push(write(&store, &[(&key, &val)]).await?);
        expected.push((key, val));
        if round % 3 == 1 {
            store.flush().await?;
        }
        match round % 2 {
            0 => store.shutdown().await?,
            _ => drop(store),
        }
    }
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    let store = open(LanceConfig::new(dir.path())).await?;
    for (i, version) in versions.iter().enumerate() {
        assert_eq!(all(&store, Some(*version)).await?, expected[..=i]);
    }
    assert_eq!(store.current_version().await?, *versions.last().unwrap());
    Ok(())
}

/// A copy of the files of a running store is what a crash leaves.
pub(crate) fn crash_copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => crash_copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[tokio::test]
async fn a_crash_loses_nothing_that_was_acknowledged() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    for durability in [Durability::Immediate, Durability::Eventual] {
        let live = dir.path().join(format!("live {durability:?}"));
        let store = open(LanceConfig::new(&live).durability(durability)).await?;
        let mut expected = vec![];
        for i in 0..5 {
            let (key, val) = numbered(i);
            write(&store, &[(&key, &val)]).await?;
            expected.push((key, val));
            if i == 2 {
                store.flush().await?;
            }
            let copy = dir.path().join(format!("copy {durability:?} {i}"));
            crash_copy(&live, &copy);
            let crashed = open(LanceConfig::new(&copy)).await?;
            assert_eq!(all(&crashed, None).await?, expected);
            // Goes on where it was.
            write(&crashed, &[("zzz", "more")]).await?;
            crashed.flush().await?;
            drop(crashed);
            let crashed = open(LanceConfig::new(&copy)).await?;
            assert_eq!(all(&crashed, None).await?.len(), expected.len() + 1);
        }
    }
    Ok(())
}

#[tokio::test]
async fn journal_segments_that_a_flush_covered_but_did_not_remove_change_nothing() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (live, copy) = (dir.path().join("live"), dir.path().join("copy"));
    let store = open(LanceConfig::new(&live)).await?;
    write(&store, &[("a", "1"), ("b", "1")]).await?;
    let covered = live.join("journal/0000000001.log");
    let kept = std::fs::read(&covered).unwrap();
    store.flush().await?;
    assert!(!covered.exists());
    write(&store, &[("a", "2")]).await?;
    crash_copy(&live, &copy);
    std::fs::write(copy.join("journal/0000000001.log"), kept).unwrap();
    let crashed = open(LanceConfig::new(&copy)).await?;
    assert_eq!(all(&crashed, None).await?, rows(&[("a", "2"), ("b", "1")]));
    assert!(!copy.join("journal/0000000001.log").exists());
    Ok(())
}

#[tokio::test]
async fn a_run_that_no_commit_refers_to_is_left_out_and_removed_in_time() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1")]).await?;
    store.flush().await?;
    drop(store);
    let (runs, data) = (dir.path().join("runs"), dir.path().join("kv.lance/data"));
    std::fs::write(runs.join("half.lance"), b"half a file").unwrap();
    std::fs::write(runs.join("whole.lance"), b"of a commit that did not happen").unwrap();
    std::fs::hard_link(runs.join("whole.lance"), data.join("whole.lance")).unwrap();
    // Another tool may be writing this one.
    std::fs::write(data.join("theirs.lance"), b"half a file").unwrap();
    std::fs::write(dir.path().join("kv.lance/_versions/7.manifest.draft"), b"half a manifest").unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    assert_eq!(all(&store, None).await?, rows(&[("a", "1")]));
    store.compact_with(kv_lance::CompactOptions::no_history()).await?;
    assert_eq!((run_files(&runs), run_files(&data)), (1, 2));
    assert!(data.join("theirs.lance").exists());
    Ok(())
}

#[tokio::test]
async fn versions_go_on_after_everything_was_deleted_and_compacted_away() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let config = || LanceConfig::new(dir.path()).version_source(std::sync::Arc::new(kv_api::CounterSource::new()));
    let store = open(config()).await?;
    write(&store, &[("a", "1")]).await?;
    let last = write(&store, &[("a", "")]).await?;
    store.compact_with(kv_lance::CompactOptions::no_history()).await?;
    assert_eq!((figure(&store, "runs"), last), (0, 2));
    drop(store);
    let store = open(config()).await?;
    assert_eq!(store.current_version().await?, 2);
    assert_eq!(write(&store, &[("b", "1")]).await?, 3);
    Ok(())
}

#[tokio::test]
async fn an_open_transaction_neither_keeps_the_store_locked_nor_commits_after_its_end() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1")]).await?;
    let tx = store.begin(TransactionOptions::write()).await?;
    tx.set("b".into(), "2".into()).await?;
    drop(store);
    let store = open(LanceConfig::new(dir.path())).await?;
    assert_eq!(tx.get(b"a", None).await?.as_deref(), Some(&b"1"[..]));
    assert!(matches!(tx.commit().await, Err(kv_api::Error::StoreClosed)));
    assert_eq!(all(&store, None).await?, rows(&[("a", "1")]));
    Ok(())
}

#[tokio::test]
async fn many_small_segments_are_replayed_within_the_memtable_budget() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = vec![];
    for round in 0..8 {
        let store = open(LanceConfig::new(dir.path())).await?;
        let (key, val) = (format!("{round}"), "v".repeat(600));
        write(&store, &[(&key, &val)]).await?;
        expected.push((key, val));
    }
    let store = open(LanceConfig::new(dir.path()).memtable_bytes(1 << 10).partition_bytes(1 << 10)).await?;
    assert_eq!(all(&store, None).await?, expected);
    store.flush().await?;
    assert_eq!(all(&store, None).await?, expected);
    assert!(figure(&store, "runs") >= 2);
    Ok(())
}
