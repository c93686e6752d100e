//! Retention: what compaction keeps, and what is said of what it dropped.

use super::*;
use kv_api::{CounterSource, Error, MvccSource};
use kv_lance::CompactOptions;
use std::sync::Arc;
use std::time::SystemTime;

#[tokio::test]
async fn compaction_keeps_history_within_the_retention() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    let first = write(&store, &[("a", "1")]).await?;
    store.flush().await?;
    write(&store, &[("a", "2")]).await?;
    store.compact().await?;
    assert_eq!((figure(&store, "runs"), figure(&store, "run_rows"), figure(&store, "history_rows")), (1, 1, 1));
    assert_eq!(all(&store, Some(first)).await?, rows(&[("a", "1")]));
    assert_eq!(all(&store, Some(0)).await?, rows(&[]));
    Ok(())
}

#[tokio::test]
async fn a_read_of_pruned_history_is_refused_also_after_reopening() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    let first = write(&store, &[("a", "1"), ("b", "1")]).await?;
    let second = write(&store, &[("a", "2"), ("b", "")]).await?;
    store.compact_with(CompactOptions::no_history()).await?;
    assert_eq!((figure(&store, "run_rows"), figure(&store, "run_tombstones")), (1, 0));
    let refused = |result: Result<Rows>| match result {
        Err(Error::VersionNotRetained { requested, oldest }) => assert_eq!((requested, oldest), (first, second)),
        other => panic!("{other:?}"),
    };
    refused(all(&store, Some(first)).await);
    assert_eq!(all(&store, Some(second)).await?, rows(&[("a", "2")]));
    write(&store, &[("c", "3")]).await?;
    store.flush().await?;
    drop(store);
    let store = open(LanceConfig::new(dir.path())).await?;
    refused(all(&store, Some(first)).await);
    assert_eq!(all(&store, Some(second)).await?, rows(&[("a", "2")]));
    Ok(())
}

#[tokio::test]
async fn an_open_snapshot_is_never_pruned() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    let first = write(&store, &[("a", "1"), ("b", "1")]).await?;
    let old = store.begin(TransactionOptions::read()).await?;
    write(&store, &[("a", "2"), ("b", "")]).await?;
    store.compact_with(CompactOptions::no_history()).await?;
    // Begun before the compaction: reads its own view. A transaction begun now reads from the new run, which still has it.
    assert_eq!(old.get(b"a", None).await?.as_deref(), Some(&b"1"[..]));
    assert_eq!(old.count(KeyRange::all(), None).await?, 2);
    assert_eq!(all(&store, Some(first)).await?, rows(&[("a", "1"), ("b", "1")]));
    drop(old);
    store.compact_with(CompactOptions::no_history()).await?;
    assert!(matches!(all(&store, Some(first)).await, Err(Error::VersionNotRetained { .. })));
    assert_eq!(figure(&store, "run_rows"), 1);
    Ok(())
}

/// Counts versions, and takes any time for the one at which version 2 was current.
#[derive(Debug, Default)]
struct RetainedFromTwo(CounterSource);

impl MvccSource for RetainedFromTwo {
    fn next(&self) -> Result<Version> {
        self.0.next()
    }
    fn observe(&self, version: Version) {
        self.0.observe(version);
    }
    fn at_time(&self, _: SystemTime) -> Option<Version> {
        Some(2)
    }
    fn time_of(&self, _: Version) -> Option<SystemTime> {
        None
    }
}

#[tokio::test]
async fn compaction_prunes_what_is_older_than_the_retention() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).version_source(Arc::new(RetainedFromTwo::default()))).await?;
    for val in ["1", "2", "3"] {
        write(&store, &[("a", val)]).await?;
    }
    store.compact().await?;
    // The value that was current when the retention began is part of it.
    assert_eq!((figure(&store, "run_rows"), figure(&store, "history_rows")), (1, 1));
    assert!(matches!(all(&store, Some(1)).await, Err(Error::VersionNotRetained { requested: 1, oldest: 2 })));
    assert_eq!(all(&store, Some(2)).await?, rows(&[("a", "2")]));
    assert_eq!(all(&store, Some(3)).await?, rows(&[("a", "3")]));
    Ok(())
}

#[tokio::test]
async fn a_store_without_versions_keeps_one_row_a_key() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).versioned(false)).await?;
    for val in ["1", "2", "3"] {
        let tx = store.begin(TransactionOptions::write()).await?;
        tx.set("a".into(), val.into()).await?;
        tx.commit().await?;
    }
    store.compact().await?;
    assert_eq!(figure(&store, "run_rows"), 1);
    let tx = store.begin(TransactionOptions::read()).await?;
    assert!(matches!(tx.get(b"a", Some(1)).await, Err(Error::UnsupportedVersionedQueries)));
    assert!(matches!(store.current_version().await, Err(Error::UnsupportedVersionedQueries)));
    Ok(())
}
