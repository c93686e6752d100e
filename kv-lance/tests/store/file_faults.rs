//! What the file system refuses is told, loses nothing and, where nothing was written, is survived.

use super::faulty::{EIO, EMFILE, ENOSPC, Fault, Faulty, Operation};
use super::*;
use kv_api::{Error, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

async fn open_with(files: &Faulty, dir: &Path) -> Result<LanceDatastore> {
    open(LanceConfig::new(dir).files(Arc::new(files.clone()))).await
}

#[tokio::test]
async fn a_journal_that_cannot_be_synced_fails_the_store_and_loses_nothing() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let files = Faulty::default();
    let store = open_with(&files, dir.path()).await?;
    write(&store, &[("a", "1")]).await?;
    assert!(files.count(Operation::Sync, ".log") > 1);
    files.add(Fault { times: 1, ..Fault::always(Operation::Sync, ".log", EIO) });
    let failure = write(&store, &[("b", "2")]).await.unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::UnknownOutcome, "{failure}");
    // Also when the medium works again: what the failed sync has lost, nobody knows.
    let refused = write(&store, &[("c", "3")]).await;
    assert!(matches!(refused, Err(Error::StoreFailed { .. })), "{refused:?}");
    assert_eq!(all(&store, None).await?, rows(&[("a", "1")]));
    drop(store);
    let found = all(&open_with(&files, dir.path()).await?, None).await?;
    assert!(found == rows(&[("a", "1")]) || found == rows(&[("a", "1"), ("b", "2")]), "{found:?}");
    Ok(())
}

#[tokio::test]
async fn a_store_that_could_not_be_opened_opens_when_the_fault_is_gone() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let files = Faulty::default();
    let store = open_with(&files, dir.path()).await?;
    write(&store, &[("a", "1")]).await?;
    store.shutdown().await?;
    for (operation, path, error) in [
        (Operation::New, ".log", EMFILE),
        (Operation::Write, ".log", ENOSPC),
        (Operation::Sync, ".log", EIO),
        (Operation::SyncDir, "journal", EIO),
        (Operation::Write, "HEAD", ENOSPC),
        (Operation::Sync, "HEAD", EIO),
    ] {
        for done in [false, true] {
            files.add(Fault { done, ..Fault::always(operation, path, error) });
            match open_with(&files, dir.path()).await {
                Err(e) => assert_eq!(e.kind(), ErrorKind::Io, "{operation:?} of {path}: {e}"),
                Ok(_) => panic!("{operation:?} of {path} failed and the store opened"),
            }
            files.heal();
        }
        let store = open_with(&files, dir.path()).await?;
        assert_eq!(all(&store, None).await?, rows(&[("a", "1")]), "{operation:?} of {path}");
        store.shutdown().await?;
    }
    Ok(())
}

/// A store that had no file handle left for its next segment took no more writes, for good.
#[tokio::test]
async fn a_segment_that_cannot_be_begun_is_begun_later() -> Result<()> {
    for (operation, path, error) in
        [(Operation::New, ".log", EMFILE), (Operation::Write, "2.log", ENOSPC), (Operation::Sync, "2.log", EIO)]
    {
        let dir = tempfile::tempdir().unwrap();
        let files = Faulty::default();
        let store = open(
            LanceConfig::new(dir.path())
                .memtable_bytes(16 << 10)
                .partition_bytes(16 << 10)
                .files(Arc::new(files.clone())),
        )
        .await?;
        files.add(Fault::always(operation, path, error));
        let mut expected: Rows = (0..100).map(numbered).collect();
        for (key, val) in &expected {
            write(&store, &[(key, val)]).await?;
        }
        assert!(figure(&store, "memtable_bytes") > 16 << 10, "the memtable was to be full");
        // It takes no more than twice its budget: what comes then is refused, and is not in the
        // store.
        let refused = loop {
            let (key, val) = numbered(expected.len());
            match write(&store, &[(&key, &val)]).await {
                Ok(_) => expected.push((key, val)),
                Err(e) => break e,
            }
            assert!(expected.len() < 1000, "a memtable without bounds");
        };
        assert_eq!(refused.kind(), ErrorKind::Io, "{refused}");
        assert_eq!(all(&store, None).await?, expected);
        // What was begun of the segment is gone: after a crash it would pass for one that follows another, which lost its end.
        let copy = tempfile::tempdir().unwrap();
        super::recovery::crash_copy(dir.path(), copy.path());
        assert!(!copy.path().join("journal/0000000002.log").exists(), "{operation:?}");
        assert_eq!(all(&open(LanceConfig::new(copy.path())).await?, None).await?, expected);
        files.heal();
        // The commit that begins the segment lies in it: it was once written with the number of the
        // one before, and lost.
        write(&store, &[("later", "1")]).await?;
        expected.push(("later".into(), "1".into()));
        drop(store);
        let store = open_with(&files, dir.path()).await?;
        assert_eq!(all(&store, None).await?, expected);
        store.flush().await?;
        assert!(figure(&store, "runs") > 0);
        write(&store, &[("more", "1")]).await?;
        drop(store);
        expected.push(("more".into(), "1".into()));
        assert_eq!(all(&open_with(&files, dir.path()).await?, None).await?, expected);
    }
    Ok(())
}

/// A commit that found no space for the journal to grow was said to be of unknown outcome, and
/// ended the store.
#[tokio::test]
async fn a_commit_without_space_is_refused_and_the_store_goes_on() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let files = Faulty::default();
    let store = open_with(&files, dir.path()).await?;
    write(&store, &[("a", "1")]).await?;
    files.add(Fault::always(Operation::Write, ".log", ENOSPC));
    let failure = write(&store, &[("b", &"x".repeat(100_000))]).await.unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::Io, "{failure}");
    assert!(failure.to_string().contains("No space left"), "{failure}");
    files.heal();
    write(&store, &[("c", "3")]).await?;
    drop(store);
    assert_eq!(all(&open_with(&files, dir.path()).await?, None).await?, rows(&[("a", "1"), ("c", "3")]));
    Ok(())
}

/// The flush that a store begins with was not tried again, so that writers got its error for ever.
#[tokio::test]
async fn a_first_flush_that_fails_is_tried_again() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let files = Faulty::default();
    let config =
        || LanceConfig::new(dir.path()).memtable_bytes(4 << 10).partition_bytes(4 << 10).files(Arc::new(files.clone()));
    let store = open(config()).await?;
    files.add(Fault::always(Operation::Sync, ".draft", ENOSPC));
    let mut expected = vec![];
    let no_room = loop {
        let (key, val) = numbered(expected.len());
        match write(&store, &[(&key, &val)]).await {
            Ok(_) => expected.push((key, val)),
            Err(e) => break e,
        }
        assert!(expected.len() < 1000, "memtables without bounds");
    };
    assert_eq!(no_room.kind(), ErrorKind::Io, "{no_room}");
    drop(store);

    let store = open(config()).await?;
    assert!(figure(&store, "frozen_memtables") >= 2, "there was to be no room from the beginning");
    let no_room = write(&store, &[("later", "1")]).await.unwrap_err();
    assert_eq!(no_room.kind(), ErrorKind::Io, "{no_room}");
    assert!(no_room.to_string().contains("No space left"), "{no_room}");
    files.heal();
    let healed = Instant::now();
    while let Err(e) = write(&store, &[("later", "1")]).await {
        assert!(healed.elapsed() < Duration::from_secs(20), "there is space again, and writers are told still: {e}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    expected.push(("later".into(), "1".into()));
    assert_eq!(all(&store, None).await?, expected);
    Ok(())
}
