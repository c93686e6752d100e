//! A store that closes writes nothing behind a write that failed: the closing record, and the end
//! in `HEAD`, would vouch for what may not be there.

use super::faulty::{EIO, Fault, Faulty, Operation};
use super::*;
use kv_api::Error;
use std::path::Path;
use std::sync::Arc;

const SEGMENT: &str = "0000000001.log";

fn config(files: &Faulty, dir: &Path) -> LanceConfig {
    LanceConfig::new(dir).files(Arc::new(files.clone()))
}

/// What has been done to the journal so far: writes and syncs of its segment, writes of `HEAD`.
fn done(files: &Faulty) -> [usize; 3] {
    let count = |operation, path| files.count(operation, path);
    [count(Operation::Write, SEGMENT), count(Operation::Sync, SEGMENT), count(Operation::Write, "HEAD")]
}

/// Whether the segment still has the space that was made ahead, which an orderly end cuts off.
fn has_space_ahead(dir: &Path) -> bool {
    std::fs::metadata(dir.join("journal").join(SEGMENT)).unwrap().len() >= 64 << 10
}

fn syncs_fail_after(skip: usize) -> Fault {
    Fault { skip, times: 1, ..Fault::always(Operation::Sync, SEGMENT, EIO) }
}

#[tokio::test]
async fn a_close_after_a_group_that_failed_writes_nothing() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let files = Faulty::default();
    let store = open(config(&files, dir.path())).await?;
    write(&store, &[("a", "1")]).await?;
    files.add(syncs_fail_after(0));
    let unknown = write(&store, &[("b", "2")]).await;
    assert!(matches!(unknown, Err(Error::CommitOutcomeUnknown { .. })), "{unknown:?}");
    let before = done(&files);
    // Whoever wrote has been told already.
    store.shutdown().await?;
    assert_eq!(done(&files), before);
    assert!(has_space_ahead(dir.path()));
    let found = all(&open(config(&files, dir.path())).await?, None).await?;
    assert!(found == rows(&[("a", "1")]) || found == rows(&[("a", "1"), ("b", "2")]), "{found:?}");
    Ok(())
}

#[tokio::test]
async fn a_close_whose_own_group_fails_says_so_and_writes_nothing_behind_it() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let files = Faulty::default();
    let store = open(config(&files, dir.path())).await?;
    let tx = store.begin(TransactionOptions::write()).await?;
    tx.set("a".into(), "1".into()).await?;
    let mut commit = tx.commit();
    assert!(futures::poll!(&mut commit).is_pending(), "it is not queued: the test shows nothing");
    files.add(syncs_fail_after(0));
    let [writes, syncs, heads] = done(&files);
    let closed = store.shutdown().await;
    assert!(matches!(closed, Err(Error::StoreFailed { .. })), "{closed:?}");
    let unknown = commit.await;
    assert!(matches!(unknown, Err(Error::CommitOutcomeUnknown { .. })), "{unknown:?}");
    assert_eq!(done(&files), [writes + 1, syncs + 1, heads], "the group and nothing more");
    assert!(has_space_ahead(dir.path()));
    Ok(())
}

/// The group fills the memtable, and the segment that belongs to it cannot be synced to its end.
#[tokio::test]
async fn a_close_whose_segment_cannot_be_ended_leaves_it_as_it_is() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let files = Faulty::default();
    let store = open(config(&files, dir.path()).memtable_bytes(1 << 10).partition_bytes(1 << 10)).await?;
    let tx = store.begin(TransactionOptions::write()).await?;
    let val = "x".repeat(2000);
    tx.set("a".into(), val.clone().into()).await?;
    let mut commit = tx.commit();
    assert!(futures::poll!(&mut commit).is_pending(), "it is not queued: the test shows nothing");
    files.add(syncs_fail_after(1));
    let [writes, syncs, heads] = done(&files);
    let closed = store.shutdown().await;
    assert!(matches!(closed, Err(Error::StoreFailed { .. })), "{closed:?}");
    commit.await?;
    let expected = [writes + 2, syncs + 2, heads + 1];
    assert_eq!(done(&files), expected, "the group and its mark, the end of the segment and nothing more");
    assert!(has_space_ahead(dir.path()));
    drop(store);
    assert_eq!(all(&open(config(&files, dir.path())).await?, None).await?, rows(&[("a", &val)]));
    Ok(())
}

/// The segment was cut before `HEAD` said where it ends: a store that was killed between the two never opened again.
#[tokio::test]
async fn a_close_that_is_cut_off_leaves_a_journal_that_opens() -> Result<()> {
    for (operation, path) in [(Operation::Sync, SEGMENT), (Operation::Write, "HEAD"), (Operation::SetLen, SEGMENT)] {
        for (skip, done) in [(0, false), (0, true), (1, false), (1, true)] {
            for val in ["1", ""] {
                let dir = tempfile::tempdir().unwrap();
                let files = Faulty::default();
                let store = open(config(&files, dir.path())).await?;
                let mut expected = rows(&[]);
                if !val.is_empty() {
                    write(&store, &[("a", val)]).await?;
                    expected = rows(&[("a", val)]);
                }
                files.add(Fault { skip, done, ..Fault::always(operation, path, EIO) });
                // It succeeds where nothing of that kind was asked for.
                let closed = store.shutdown().await;
                drop(store);
                files.heal();
                let case = format!("{operation:?} {path} {skip} {done}: {closed:?}");
                let store = open(config(&files, dir.path())).await.unwrap_or_else(|e| panic!("{case}: {e}"));
                assert_eq!(all(&store, None).await?, expected, "{case}");
            }
        }
    }
    Ok(())
}
