//! `history.lance`: what outside readers find in it, and what becomes of it when they do it harm.

use super::*;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use futures::TryStreamExt;
use kv_lance::CompactOptions;
use lance::Dataset;

/// What is done to the bytes of a file, and how it is called.
type Harm = (&'static str, fn(&mut Vec<u8>));

/// Key, version, when it was superseded, and the value.
type Past = (String, u64, u64, Option<String>);

async fn dataset(dir: &Path, name: &str) -> Dataset {
    Dataset::open(dir.join(name).to_str().unwrap()).await.unwrap()
}

async fn past(dir: &Path) -> Vec<Past> {
    let batches = dataset(dir, "history.lance").await.scan().try_into_stream().await.unwrap();
    let batches: Vec<RecordBatch> = batches.try_collect().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut rows = Vec::new();
    for batch in batches {
        let column = |name: &str| batch.column_by_name(name).unwrap();
        let numbers = |name| column(name).as_primitive::<UInt64Type>();
        let (keys, vals) = (column("key").as_binary::<i32>(), column("val").as_binary::<i32>());
        for row in 0..batch.num_rows() {
            let val = vals.is_valid(row).then(|| text(vals.value(row)));
            rows.push((text(keys.value(row)), numbers("version").value(row), numbers("superseded").value(row), val));
        }
    }
    rows.sort();
    rows
}

/// A store with history, and what that is.
async fn with_history(dir: &Path) -> Result<(LanceDatastore, Vec<Past>)> {
    let store = open(LanceConfig::new(dir)).await?;
    let first = write(&store, &[("a", "1"), ("b", "1"), ("c", "1")]).await?;
    store.flush().await?;
    let second = write(&store, &[("a", "2"), ("b", "")]).await?;
    store.flush().await?;
    let third = write(&store, &[("a", "3"), ("b", "3")]).await?;
    store.compact().await?;
    let mut expected = vec![
        ("a".into(), first, second, Some("1".into())),
        ("a".into(), second, third, Some("2".into())),
        ("b".into(), first, second, Some("1".into())),
        // Nothing lay under it any more.
        ("b".into(), second, second, None),
    ];
    expected.sort();
    Ok((store, expected))
}

#[tokio::test]
async fn outside_readers_find_current_rows_in_one_table_and_history_in_the_other() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, expected) = with_history(dir.path()).await?;
    assert_eq!(past(dir.path()).await, expected);
    assert_eq!(dataset(dir.path(), "kv.lance").await.count_rows(None).await.unwrap(), 3, "one row a key");
    store.compact_with(CompactOptions::no_history()).await?;
    assert_eq!(past(dir.path()).await, []);
    assert_eq!(run_files(&dir.path().join("history.lance/data")), 0);
    Ok(())
}

#[tokio::test]
async fn a_store_without_history_has_no_table_of_it() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1"), ("b", "1")]).await?;
    store.flush().await?;
    store.compact().await?;
    assert!(!dir.path().join("history.lance").exists());
    Ok(())
}

#[tokio::test]
async fn what_other_tools_do_to_it_is_undone_and_the_store_reads_on() -> Result<()> {
    for (harm, closed) in
        [("rows", false), ("rows", true), ("files", false), ("files", true), ("all", false), ("all", true)]
    {
        let dir = tempfile::tempdir().unwrap();
        let (mut store, expected) = with_history(dir.path()).await?;
        let version = expected.iter().map(|row| row.1).min();
        if closed {
            store.shutdown().await?;
        }
        let path = dir.path().join("history.lance");
        match harm {
            "rows" => drop(dataset(dir.path(), "history.lance").await.delete("true").await.unwrap()),
            "files" => std::fs::remove_dir_all(path.join("data")).unwrap(),
            _ => std::fs::remove_dir_all(&path).unwrap(),
        }
        let before = rows(&[("a", "1"), ("b", "1"), ("c", "1")]);
        if closed {
            drop(store);
            store = open(LanceConfig::new(dir.path())).await?;
        } else {
            assert_eq!(all(&store, version).await?, before);
            // The next change of history mends it.
            write(&store, &[("c", "4")]).await?;
            write(&store, &[("c", "5")]).await?;
            store.flush().await?;
        }
        assert_eq!(all(&store, version).await?, before, "{harm}, closed: {closed}");
        let mended: Vec<_> = past(dir.path()).await.into_iter().filter(|row| row.0 != "c").collect();
        assert_eq!(mended, expected, "{harm}, closed: {closed}");
    }
    Ok(())
}

/// The store opened, and warned; the table stayed as it was, for good: no outside reader could open it.
#[tokio::test]
async fn a_damaged_manifest_is_mended_when_the_store_is_opened() -> Result<()> {
    let harms: [Harm; 4] = [
        ("cut", |bytes| bytes.truncate(63)),
        ("emptied", Vec::clear),
        ("zeroed", |bytes| bytes.fill(0)),
        ("flipped", |bytes| {
            let at = bytes.len() - 20;
            bytes[4..at].iter_mut().for_each(|byte| *byte ^= 0x55);
        }),
    ];
    // The newest, one before it, and all of them.
    for which in [0..1, 1..2, 0..usize::MAX] {
        for (how, harm) in harms {
            let dir = tempfile::tempdir().unwrap();
            let (store, expected) = with_history(dir.path()).await?;
            store.shutdown().await?;
            drop(store);
            let versions = dir.path().join("history.lance/_versions");
            let mut manifests: Vec<_> = std::fs::read_dir(&versions).unwrap().map(|e| e.unwrap().path()).collect();
            // Their names count down.
            manifests.sort();
            assert!(manifests.len() > 1, "{manifests:?}");
            for path in manifests.iter().skip(which.start).take(which.end - which.start) {
                let mut bytes = std::fs::read(path).unwrap();
                harm(&mut bytes);
                std::fs::write(path, bytes).unwrap();
            }
            let sound = async || kv_lance::verify(&LanceConfig::new(dir.path())).await.map(|found| found.damage);
            assert_ne!(sound().await?, [], "{which:?} {how}");
            let store = open(LanceConfig::new(dir.path())).await?;
            assert_eq!(all(&store, expected.iter().map(|row| row.1).min()).await?.len(), 3);
            store.shutdown().await?;
            assert_eq!(sound().await?, [], "{which:?} {how}");
            assert_eq!(past(dir.path()).await, expected, "{which:?} {how}");
        }
    }
    Ok(())
}
