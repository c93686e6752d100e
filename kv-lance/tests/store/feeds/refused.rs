//! What a feed cannot give is said, and never passed over.

use super::*;
use crate::faulty::{EIO, Fault, Faulty, Operation};
use kv_api::Error;
use kv_lance::CompactOptions;
use std::sync::Arc;

/// Nobody read those deletions, so that nothing else told that they were gone.
#[tokio::test]
async fn a_deletion_that_is_not_retained_is_not_passed_over() -> Result<()> {
    for (with_value, is_retained) in [(false, true), (true, true), (false, false), (true, false)] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(LanceConfig::new(dir.path())).await?;
        let first = write(&store, &[("z", "1")]).await?;
        if with_value {
            write(&store, &[("a", "1")]).await?;
        }
        write(&store, &[("a", "")]).await?;
        store.flush().await?;
        let last = write(&store, &[("y", "2")]).await?;
        let mut behind = changes(&store, first).await?;
        let commits_since = if with_value { 3 } else { 2 };
        if is_retained {
            store.compact().await?;
            assert_eq!(figure(&store, "run_tombstones"), 0);
            assert_eq!(take(&mut *changes(&store, first).await?, last).await?.len(), commits_since, "it is retained");
        }
        let mut options = CompactOptions::default();
        options.history = false;
        store.compact_with(options).await?;
        let refused = changes(&store, first).await.map(drop);
        let Err(Error::VersionNotRetained { requested, oldest }) = refused else { panic!("{refused:?}") };
        assert!(requested == first && first < oldest && oldest <= last, "{oldest}");
        // What is in memory is still given to who listens; after that the feed goes on, or says it.
        let next = behind.next().await;
        assert!(matches!(&next, Ok(Some(batch)) if commits(batch).len() == commits_since) || next.is_err(), "{next:?}");
        let next = write(&store, &[("x", "3")]).await?;
        assert_eq!(take(&mut *changes(&store, oldest).await?, next).await?.last().map(|commit| commit.0), Some(next));
        drop(behind);
        drop(store);
        let store = open(LanceConfig::new(dir.path())).await?;
        let refused = changes(&store, first).await.map(drop);
        assert!(matches!(refused, Err(Error::VersionNotRetained { .. })), "{refused:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_store_without_versions_has_no_feeds() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).versioned(false)).await?;
    assert!(!store.capabilities().change_feed);
    let refused = changes(&store, 0).await.map(drop);
    assert!(matches!(refused, Err(Error::Unsupported { operation: "changes" })), "{refused:?}");
    Ok(())
}

/// A commit of unknown outcome is not given: it may be gone at the next opening.
#[tokio::test]
async fn a_feed_of_a_store_that_has_failed_gives_what_was_committed_and_says_it() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let files = Faulty::default();
    let store = open(LanceConfig::new(dir.path()).files(Arc::new(files.clone()))).await?;
    let first = write(&store, &[("a", "1")]).await?;
    let mut feed = changes(&store, 0).await?;
    files.add(Fault { times: 1, ..Fault::always(Operation::Sync, ".log", EIO) });
    write(&store, &[("b", "2")]).await.unwrap_err();
    assert_eq!(take(&mut *feed, first).await?.len(), 1);
    let waits = feed.next().await;
    assert!(matches!(waits, Err(Error::StoreFailed { .. })), "{waits:?}");
    // The shutdown says it too, and then there is an end.
    let _ = store.shutdown().await;
    assert!(feed.next().await?.is_none());
    Ok(())
}
