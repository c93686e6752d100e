//! Something fails while a publication is made: what was published before is still there, the store goes on, and the next
//! publication is right.

use super::super::faulty::{EIO, EMFILE, ENOSPC, Fault, Faulty, Operation};
use super::*;
use std::sync::Arc;

async fn open_with(files: &Faulty, dir: &Path) -> Result<LanceDatastore> {
    open(LanceConfig::new(dir).background_optimize(false).files(Arc::new(files.clone()))).await
}

/// What can fail on the way, and whether the publication is there all the same.
fn faults() -> Vec<(Fault, bool)> {
    let (new, link) = (|path| Fault::always(Operation::New, path, ENOSPC), Operation::Link);
    vec![
        (new(".bin"), false),
        (Fault::always(Operation::Write, ".bin", ENOSPC), false),
        (Fault::always(Operation::Sync, ".bin", EIO), false),
        (Fault::always(Operation::SyncDir, "published.lance/_deletions", EIO), false),
        (Fault::always(Operation::SyncDir, "published.lance/data", EIO), false),
        (Fault::always(Operation::Open, ".manifest.draft", EMFILE), false),
        (Fault::always(Operation::Sync, ".manifest.draft", EIO), false),
        (Fault::always(link, ".manifest", EIO), false),
        (Fault { done: true, ..Fault::always(link, ".manifest", EIO) }, true),
        (Fault::always(Operation::SyncDir, "published.lance/_versions", EIO), true),
        (new("night.draft"), true),
        (Fault::always(link, "night.json", EIO), true),
    ]
}

#[tokio::test]
async fn a_publication_that_fails_leaves_the_last_one() -> Result<()> {
    for (fault, there) in faults() {
        let dir = tempfile::tempdir().unwrap();
        let files = Faulty::default();
        let store = open_with(&files, dir.path()).await?;
        write(&store, &[("a", "1"), ("b", "1"), ("c", "1")]).await?;
        let before = store.publish(None).await?;
        write(&store, &[("a", "2"), ("b", "")]).await?;
        store.flush().await?;
        files.add(fault.clone());
        let failed = store.publish(Some("night")).await;
        assert!(matches!(failed, Err(Error::Io { .. })), "{fault:?}: {failed:?}");
        files.heal();
        let now = dataset(dir.path()).await;
        let (after, expected) = match there {
            true => (before.dataset_version + 1, rows(&[("a", "2"), ("c", "1")])),
            false => (before.dataset_version, rows(&[("a", "1"), ("b", "1"), ("c", "1")])),
        };
        assert_eq!((now.manifest().version, shown_by(&now, Version::MAX).await), (after, expected), "{fault:?}");
        assert!(now.tags().list().await.unwrap().is_empty(), "{fault:?}");
        // The store itself has nothing to do with it.
        write(&store, &[("d", "3")]).await?;
        let published = store.publish(Some("night")).await.unwrap_or_else(|e| panic!("{fault:?}: {e}"));
        assert_eq!(shown(dir.path(), &published).await, rows(&[("a", "2"), ("c", "1"), ("d", "3")]), "{fault:?}");
        // Nothing is left of what did not happen.
        let named: usize = dataset(dir.path()).await.get_fragments().len();
        assert!(run_files(&dir.path().join("published.lance/data")) >= named as u64);
        let drafts = std::fs::read_dir(dir.path().join("published.lance/_versions")).unwrap();
        let drafts = drafts.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|e| e == "draft"));
        assert_eq!(drafts.count(), 0, "{fault:?}");
    }
    Ok(())
}

/// A publication reads the store's files; where one cannot be read, it says so.
#[tokio::test]
async fn a_damaged_run_is_named() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open_with(&Faulty::default(), dir.path()).await?;
    let many: Vec<_> = (0..2000).map(numbered).collect();
    let many: Vec<_> = many.iter().map(|(key, val)| (key.as_str(), val.as_str())).collect();
    write(&store, &many).await?;
    store.flush().await?;
    write(&store, &[("key000700", "new")]).await?;
    store.flush().await?;
    let largest = std::fs::read_dir(dir.path().join("runs")).unwrap().map(|file| file.unwrap());
    let largest = largest.max_by_key(|file| file.metadata().unwrap().len()).unwrap().path();
    let mut bytes = std::fs::read(&largest).unwrap();
    // The keys come first; their last page has none that is asked for.
    bytes[..8192].fill(0);
    std::fs::write(&largest, bytes).unwrap();
    let name = largest.file_name().unwrap().to_str().unwrap();
    let failed = store.publish(None).await;
    assert!(matches!(&failed, Err(Error::Corruption { .. })), "{failed:?}");
    assert!(failed.unwrap_err().to_string().contains(name));
    Ok(())
}
