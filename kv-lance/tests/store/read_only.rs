//! Reading a store that is open elsewhere: one flushed state, whatever the writer does, and nothing is written.

use super::faulty::{Fault, Faulty, Operation};
use super::*;
use kv_api::Error;
use kv_lance::{CompactOptions, Durability};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

async fn read(dir: &Path) -> Result<LanceDatastore> {
    LanceDatastore::open_read_only(LanceConfig::new(dir)).await
}

fn tiny(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir)
        .memtable_bytes(1 << 10)
        .partition_bytes(1 << 10)
        .block_bytes(256)
        .durability(Durability::Eventual)
}

/// Everything in a folder: names, sizes, times of change, inodes.
fn listing(dir: &Path) -> BTreeMap<PathBuf, (u64, SystemTime, i64, u64)> {
    let mut listed = BTreeMap::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            listed.insert(path, (metadata.len(), metadata.modified().unwrap(), metadata.ctime_nsec(), metadata.ino()));
        }
    }
    listed
}

/// A file system on which nothing can be written.
fn read_only_files() -> Faulty {
    let files = Faulty::default();
    for operation in [
        Operation::New,
        Operation::Write,
        Operation::Sync,
        Operation::SetLen,
        Operation::Rename,
        Operation::Link,
        Operation::Remove,
        Operation::SyncDir,
    ] {
        files.add(Fault::always(operation, "", 30));
    }
    files
}

#[tokio::test]
async fn a_flushed_state_is_read_beside_the_writer_and_refreshed() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    let empty = read(dir.path()).await?;
    assert_eq!((all(&empty, None).await?, empty.current_version().await?), (rows(&[]), 0));
    let first = write(&store, &[("a", "1"), ("b", "1")]).await?;
    store.flush().await?;
    let reader = read(dir.path()).await?;
    assert_eq!((all(&reader, None).await?, reader.current_version().await?), (rows(&[("a", "1"), ("b", "1")]), first));
    let second = write(&store, &[("a", "2"), ("b", "")]).await?;
    // Not in the journal's time.
    assert_eq!(reader.refresh().await?, first);
    store.flush().await?;
    assert_eq!(all(&reader, None).await?, rows(&[("a", "1"), ("b", "1")]), "before it is refreshed");
    let old = reader.begin(TransactionOptions::read()).await?;
    assert_eq!(reader.refresh().await?, second);
    assert_eq!(all(&reader, None).await?, rows(&[("a", "2")]));
    assert_eq!(all(&reader, Some(first)).await?, rows(&[("a", "1"), ("b", "1")]));
    assert_eq!(old.get(b"b", None).await?.as_deref(), Some(&b"1"[..]), "as it was when it began");
    assert_eq!(empty.refresh().await?, second);
    store.tag("kept", Some(first)).await?;
    reader.refresh().await?;
    assert_eq!(reader.tagged("kept").await?, first);
    assert_eq!(reader.levels(), store.levels());
    // Nobody keeps what it reads but itself.
    let old = reader.begin(TransactionOptions::read()).await?;
    write(&store, &[("a", "3")]).await?;
    store.compact_with(CompactOptions::no_history()).await?;
    reader.refresh().await?;
    assert_eq!(all(&reader, None).await?, rows(&[("a", "3")]));
    assert_eq!(old.get(b"a", None).await?.as_deref(), Some(&b"2"[..]));
    assert_eq!(old.count(KeyRange::all(), None).await?, 1);
    // The writer has noticed nothing, and goes.
    store.shutdown().await?;
    drop(store);
    assert_eq!(all(&reader, None).await?, rows(&[("a", "3")]));
    reader.shutdown().await?;
    assert!(matches!(reader.refresh().await, Err(Error::StoreClosed)));
    assert!(matches!(reader.begin(TransactionOptions::read()).await, Err(Error::StoreClosed)));
    Ok(())
}

#[tokio::test]
async fn nothing_is_written_and_no_lock_is_taken() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(tiny(dir.path())).await?;
    for n in 0..100 {
        write(&store, &[(&format!("key{n:03}"), &n.to_string()), ("hot", &n.to_string())]).await?;
    }
    store.flush().await?;
    store.tag("t", None).await?;
    write(&store, &[("journal", "1")]).await?;
    // As a crash leaves it, with a draft and a lock that nobody holds; and without a lock.
    store.shutdown().await?;
    drop(store);
    std::fs::write(dir.path().join("kv.lance/_versions/x.draft"), "x").unwrap();
    for round in 0..2 {
        let before = listing(dir.path());
        let files = read_only_files();
        let reader = LanceDatastore::open_read_only(tiny(dir.path()).files(Arc::new(files.clone()))).await?;
        assert_eq!(all(&reader, None).await?.len(), 101, "what is in the journal is not seen");
        let other = read(dir.path()).await?;
        all(&reader, Some(reader.tagged("t").await?)).await?;
        reader.refresh().await?;
        assert!(reader.statistics().get("open_files").unwrap() > 1);
        reader.shutdown().await?;
        drop((reader, other));
        assert_eq!(listing(dir.path()), before);
        if round == 0 {
            std::fs::remove_file(dir.path().join("LOCK")).unwrap();
        }
    }
    assert!(!dir.path().join("LOCK").exists());
    Ok(())
}

#[tokio::test]
async fn whatever_would_write_is_refused() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1")]).await?;
    store.flush().await?;
    drop(store);
    let reader = read(dir.path()).await?;
    let refused = |result: Result<()>| match result {
        Err(Error::StoreReadonly { path }) => assert_eq!(path, dir.path()),
        other => panic!("{other:?}"),
    };
    refused(reader.begin(TransactionOptions::write()).await.map(drop));
    refused(reader.flush().await);
    refused(reader.compact().await);
    refused(reader.compact_range(KeyRange::all()).await);
    refused(reader.tag("a", None).await.map(drop));
    refused(reader.untag("a").await.map(drop));
    let tx = reader.begin(TransactionOptions::read()).await?;
    refused(tx.compact(None).await);
    assert!(matches!(tx.set("a".into(), "2".into()).await, Err(Error::TransactionReadonly)));
    assert!(matches!(tx.commit().await, Err(Error::TransactionReadonly)));
    let changes = reader.changes(0, Default::default()).await.map(drop);
    assert!(!reader.capabilities().change_feed && matches!(changes, Err(Error::Unsupported { .. })));
    assert_eq!(all(&reader, None).await?, rows(&[("a", "1")]));
    Ok(())
}

#[tokio::test]
async fn what_is_no_store_is_refused() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    assert!(matches!(read(&missing).await, Err(Error::NotAStore { .. })));
    assert!(!missing.exists());
    assert!(matches!(read(dir.path()).await, Err(Error::NotAStore { .. })));
    std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    assert!(matches!(read(dir.path()).await, Err(Error::NotAStore { .. })));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);

    let store = dir.path().join("store");
    let writer = open(LanceConfig::new(&store)).await?;
    write(&writer, &[("a", "1")]).await?;
    writer.flush().await?;
    drop(writer);
    // A newer format.
    let record = store.join("runs/RECORD");
    let lines = "kv-lance:format=5\n";
    std::fs::write(&record, format!("{lines}{}\n", crc32c::crc32c(lines.as_bytes()))).unwrap();
    match read(&store).await {
        Err(Error::UnsupportedFormat { found, .. }) => assert_eq!(found, "5"),
        other => panic!("{:?}", other.map(drop)),
    }
    Ok(())
}

/// All keys have the value of the last commit: one of another is a state that never was.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_state_is_whole_while_a_writer_replaces_all_files_again_and_again() -> Result<()> {
    const KEYS: usize = 300;
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(tiny(dir.path())).await?);
    let fill = async |store: &LanceDatastore, n: usize| {
        let tx = store.begin(TransactionOptions::write()).await?;
        for key in 0..KEYS {
            tx.set(format!("key{key:04}").into(), format!("{n:06} {}", "x".repeat(40)).into()).await?;
        }
        tx.commit().await
    };
    fill(&store, 0).await?;
    store.flush().await?;
    let done = Arc::new(AtomicBool::new(false));
    let rounds = Arc::new(AtomicUsize::new(0));
    let (writer, stop, ended) = (store.clone(), done.clone(), rounds.clone());
    let writing = tokio::spawn(async move {
        while !stop.load(Ordering::SeqCst) {
            fill(&writer, ended.load(Ordering::SeqCst) + 1).await?;
            writer.flush().await?;
            // What has been replaced goes at once.
            writer.compact_with(CompactOptions::no_history()).await?;
            ended.fetch_add(1, Ordering::SeqCst);
        }
        Ok::<_, Error>(())
    });
    let is_whole = async |reader: &LanceDatastore| {
        let tx = reader.begin(TransactionOptions::read()).await?;
        let found = tx.scan(KeyRange::all(), ScanLimit::Count(u32::MAX), 0, None).await?;
        let first = found.first().map(|(_, val)| val.clone());
        assert!(found.len() == KEYS && found.iter().all(|(_, val)| Some(val) == first.as_ref()), "{first:?}");
        Ok::<_, Error>(first)
    };
    let mut versions = Vec::new();
    let still = read(dir.path()).await?;
    let of_still = is_whole(&still).await?;
    let began = std::time::Instant::now();
    let reader = read(dir.path()).await?;
    // A machine that does something else needs longer for as much.
    while began.elapsed() < Duration::from_secs(4) || versions.len() <= 5 || rounds.load(Ordering::SeqCst) <= 5 {
        assert!(began.elapsed() < Duration::from_secs(100), "{} states of {rounds:?}", versions.len());
        // One that moves on, one that is opened each time, and one that stays where it is.
        versions.push(reader.refresh().await?);
        versions.dedup();
        let tx = reader.begin(TransactionOptions::read()).await?;
        let before = is_whole(&reader).await?;
        reader.refresh().await?;
        assert_eq!(tx.get(b"key0007", None).await?, before, "a transaction stays at its state");
        is_whole(&read(dir.path()).await?).await?;
        assert_eq!(is_whole(&still).await?, of_still);
    }
    done.store(true, Ordering::SeqCst);
    writing.await.unwrap()?;
    assert!(versions.is_sorted(), "{versions:?}");
    let newest = store.current_version().await?;
    assert_eq!(reader.refresh().await?, newest);
    // The writer has kept nothing for them.
    store.compact_with(CompactOptions::no_history()).await?;
    assert_eq!(run_files(&dir.path().join("runs")), figure(&store, "runs"));
    Ok(())
}

/// A handle of each file is held, so that too few are said.
#[tokio::test]
async fn a_file_that_cannot_be_opened_is_named() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1")]).await?;
    store.flush().await?;
    let files = Faulty::default();
    files.add(Fault::always(Operation::Open, ".lance", faulty::EMFILE));
    let opened = LanceDatastore::open_read_only(LanceConfig::new(dir.path()).files(Arc::new(files.clone()))).await;
    match opened {
        Err(Error::Io { path, source, .. }) => {
            assert!(path.starts_with(dir.path().join("runs")) && source.raw_os_error() == Some(faulty::EMFILE));
        }
        other => panic!("{:?}", other.map(drop)),
    }
    files.heal();
    LanceDatastore::open_read_only(LanceConfig::new(dir.path()).files(Arc::new(files))).await?;
    Ok(())
}
