//! Something fails while a tag is made or removed: it is there or not, the store says which, and goes on.

use super::super::faulty::{EIO, EMFILE, ENOSPC, Fault, Faulty, Operation};
use super::*;
use kv_api::Error;
use std::sync::Arc;

async fn open_with(files: &Faulty, dir: &Path) -> Result<LanceDatastore> {
    open(LanceConfig::new(dir).files(Arc::new(files.clone()))).await
}

/// What can fail on the way to a tag, and whether that leaves the store without knowing what has been committed.
fn faults() -> Vec<(Fault, bool)> {
    let link = Fault::always(Operation::Link, "ours.json", EIO);
    vec![
        (Fault::always(Operation::New, "ours.draft", ENOSPC), false),
        (Fault::always(Operation::Write, "ours.draft", ENOSPC), false),
        (Fault::always(Operation::Sync, "ours.draft", EIO), false),
        (link.clone(), false),
        (Fault { done: true, ..link }, false),
        (Fault { times: 1, ..Fault::always(Operation::SyncDir, "_refs/tags", EIO) }, false),
        (Fault::always(Operation::Open, ".manifest.draft", EMFILE), false),
        (Fault::always(Operation::Link, ".manifest", EIO), false),
        (Fault::always(Operation::SyncDir, "_versions", EIO), true),
    ]
}

#[tokio::test]
async fn a_tag_that_fails_on_the_way_is_none_and_the_store_goes_on() -> Result<()> {
    for (fault, unknown) in faults() {
        let dir = tempfile::tempdir().unwrap();
        let files = Faulty::default();
        let store = open_with(&files, dir.path()).await?;
        write(&store, &[("a", "1")]).await?;
        store.tag("before", None).await?;
        write(&store, &[("a", "2")]).await?;
        store.flush().await?;
        files.add(fault.clone());
        let failed = store.tag("ours", None).await;
        assert!(failed.is_err(), "{fault:?}");
        files.heal();
        if unknown {
            assert!(matches!(write(&store, &[("a", "3")]).await, Err(Error::StoreFailed { .. })), "{fault:?}");
            assert!(matches!(store.tag("ours", None).await, Err(Error::StoreFailed { .. })), "{fault:?}");
        } else {
            assert_eq!(names(&store).await?, ["before"], "{fault:?}");
            write(&store, &[("a", "3")]).await?;
            let version = store.tag("ours", None).await.unwrap_or_else(|e| panic!("{fault:?}: {e}"));
            store.compact_with(CompactOptions::no_history()).await?;
            assert_eq!(all(&store, Some(version)).await?, rows(&[("a", "3")]), "{fault:?}");
        }
        drop(store);
        let store = open_with(&files, dir.path()).await?;
        let tagged = names(&store).await?;
        assert!(tagged == ["before", "ours"] || unknown && tagged == ["before"], "{fault:?}: {tagged:?}");
        assert_eq!(all(&store, Some(store.tagged("before").await?)).await?, rows(&[("a", "1")]), "{fault:?}");
        let outside = lance::Dataset::open(dir.path().join("kv.lance").to_str().unwrap()).await.unwrap();
        let mut shown: Vec<_> = outside.tags().list().await.unwrap().into_keys().collect();
        shown.sort();
        assert_eq!(shown, tagged, "{fault:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_tag_whose_removal_fails_is_still_there() -> Result<()> {
    for fault in [
        Fault::always(Operation::Remove, "ours.json", EIO),
        Fault::always(Operation::Link, ".manifest", EIO),
        Fault { times: 1, ..Fault::always(Operation::SyncDir, "_refs/tags", EIO) },
    ] {
        let dir = tempfile::tempdir().unwrap();
        let files = Faulty::default();
        let store = open_with(&files, dir.path()).await?;
        write(&store, &[("a", "1")]).await?;
        let version = store.tag("ours", None).await?;
        write(&store, &[("a", "2")]).await?;
        files.add(fault.clone());
        assert!(store.untag("ours").await.is_err(), "{fault:?}");
        files.heal();
        assert_eq!(store.tagged("ours").await?, version, "{fault:?}");
        store.compact_with(CompactOptions::no_history()).await?;
        assert_eq!(all(&store, Some(version)).await?, rows(&[("a", "1")]), "{fault:?}");
        let outside = lance::Dataset::open(dir.path().join("kv.lance").to_str().unwrap()).await.unwrap();
        assert!(outside.tags().get("ours").await.is_ok(), "{fault:?}");
        assert_eq!(store.untag("ours").await?, version, "{fault:?}");
        drop(store);
        assert_eq!(names(&open_with(&files, dir.path()).await?).await?, [""; 0], "{fault:?}");
    }
    Ok(())
}
