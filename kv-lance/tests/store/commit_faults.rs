//! An error in the middle of a commit to the table: what has been committed counts as committed, or
//! as unknown.

use super::faulty::{EIO, EMFILE, Fault, Faulty, Operation};
use super::*;
use kv_api::Error;
use kv_lance::CompactOptions;
use std::path::Path;
use std::sync::Arc;

async fn open_with(files: &Faulty, dir: &Path) -> Result<LanceDatastore> {
    open(LanceConfig::new(dir).files(Arc::new(files.clone()))).await
}

/// The fault, and whether the commit can be seen after it.
fn faults() -> Vec<(Fault, bool)> {
    let link = Fault::always(Operation::Link, ".manifest", EIO);
    vec![
        (Fault::always(Operation::SyncDir, "_versions", EIO), true),
        (Fault::always(Operation::SyncDir, "kv.lance", EIO), true),
        (Fault::always(Operation::Open, ".lance", EMFILE), false),
        (Fault::always(Operation::SyncDir, "data", EIO), false),
        (Fault::always(Operation::Sync, ".draft", EIO), false),
        (link.clone(), false),
        (Fault { done: true, ..link }, true),
    ]
}

/// What is to be true however the commit ended.
async fn check(files: &Faulty, dir: &Path, expected: &Rows, run_rows: u64) -> Result<()> {
    let store = open_with(files, dir).await?;
    assert_eq!(all(&store, None).await?, *expected);
    store.flush().await?;
    assert_eq!(figure(&store, "run_rows"), run_rows);
    assert_eq!(all(&store, None).await?, *expected);
    store.shutdown().await?;
    let runs = run_files(&dir.join("runs"));
    let store = open_with(files, dir).await?;
    assert_eq!((runs, all(&store, None).await?), (figure(&store, "runs"), expected.clone()));
    Ok(())
}

/// The flush was taken for one that had not happened, and its rows were written a second time.
#[tokio::test]
async fn a_flush_that_fails_on_the_way_doubles_and_loses_nothing() -> Result<()> {
    for (fault, visible) in faults() {
        let dir = tempfile::tempdir().unwrap();
        let files = Faulty::default();
        let store = open_with(&files, dir.path()).await?;
        write(&store, &[("a", "1")]).await?;
        store.flush().await?;
        write(&store, &[("b", "2")]).await?;
        files.add(fault.clone());
        assert!(store.flush().await.is_err(), "{fault:?}");
        files.heal();
        let again = store.flush().await;
        let written = write(&store, &[("c", "3")]).await;
        let mut expected = rows(&[("a", "1"), ("b", "2")]);
        if visible {
            assert!(matches!(again, Err(Error::StoreFailed { .. })), "{fault:?}: {again:?}");
            assert!(matches!(written, Err(Error::StoreFailed { .. })), "{fault:?}: {written:?}");
        } else {
            again?;
            written?;
            expected.push(("c".into(), "3".into()));
        }
        assert_eq!(all(&store, None).await?, expected, "{fault:?}");
        drop(store);
        check(&files, dir.path(), &expected, expected.len() as u64).await?;
    }
    Ok(())
}

/// The compaction was taken for one that had not happened: the next flush wrote the old floor of
/// the history back, and keys whose tombstones had been dropped came back.
#[tokio::test]
async fn a_compaction_that_fails_on_the_way_brings_no_key_back() -> Result<()> {
    for (fault, visible) in faults() {
        let dir = tempfile::tempdir().unwrap();
        let files = Faulty::default();
        let store = open_with(&files, dir.path()).await?;
        let first = write(&store, &[("a", "1"), ("b", "1")]).await?;
        store.flush().await?;
        write(&store, &[("b", "")]).await?;
        store.flush().await?;
        files.add(fault.clone());
        assert!(store.compact_with(CompactOptions::no_history()).await.is_err(), "{fault:?}");
        files.heal();
        let again = store.compact_with(CompactOptions::no_history()).await;
        let mut expected = rows(&[("a", "1")]);
        if visible {
            assert!(matches!(again, Err(Error::StoreFailed { .. })), "{fault:?}: {again:?}");
        } else {
            again?;
            write(&store, &[("c", "3")]).await?;
            expected.push(("c".into(), "3".into()));
        }
        assert_eq!(all(&store, None).await?, expected, "{fault:?}");
        drop(store);
        let store = open_with(&files, dir.path()).await?;
        let past = all(&store, Some(first)).await;
        assert!(matches!(past, Err(Error::VersionNotRetained { .. })), "{fault:?}: {past:?}");
        drop(store);
        check(&files, dir.path(), &expected, expected.len() as u64).await?;
    }
    Ok(())
}
