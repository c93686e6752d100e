//! What other tools do to the table, here through Lance's own API, and what the store says and
//! holds then.

use super::*;
use arrow_array::{BinaryArray, BooleanArray, RecordBatch, RecordBatchIterator, UInt64Array};
use kv_api::ErrorKind;
use kv_lance::CompactOptions;
use lance::Dataset;
use lance::dataset::optimize::{CompactionOptions, compact_files};
use lance::dataset::{NewColumnTransform, WriteMode, WriteParams};
use lance::index::DatasetIndexExt;
use lance_index::IndexType;
use lance_index::scalar::ScalarIndexParams;
use std::path::Path;
use std::sync::Arc;

async fn table(dir: &Path) -> Dataset {
    Dataset::open(dir.join("kv.lance").to_str().unwrap()).await.unwrap()
}

/// A store of two runs, one with a tombstone for a key of the other, and what it holds.
async fn two_runs(dir: &Path) -> Result<(LanceDatastore, Rows)> {
    let store = open(LanceConfig::new(dir)).await?;
    write(&store, &[("a", "1"), ("b", "1"), ("c", "1")]).await?;
    store.flush().await?;
    write(&store, &[("b", ""), ("c", "2")]).await?;
    store.flush().await?;
    Ok((store, rows(&[("a", "1"), ("c", "2")])))
}

/// As the tools do that make one file of small ones.
async fn rewrite(table: &mut Dataset) {
    let options = CompactionOptions { target_rows_per_fragment: 1 << 20, ..CompactionOptions::default() };
    compact_files(table, options, None).await.unwrap();
    assert_eq!(table.get_fragments().len(), 1);
}

/// Removes all versions but the newest, and every file that it does not refer to.
async fn clean(table: &Dataset) {
    table.cleanup_old_versions(chrono::TimeDelta::zero(), Some(true), Some(false)).await.unwrap();
}

async fn append(dir: &Path) {
    let columns: Vec<Arc<dyn arrow_array::Array>> = vec![
        Arc::new(BinaryArray::from_vec(vec![b"foreign"])),
        Arc::new(UInt64Array::from(vec![7])),
        Arc::new(BooleanArray::from(vec![false])),
        Arc::new(BinaryArray::from_vec(vec![b"row"])),
    ];
    let schema: arrow_schema::Schema = table(dir).await.schema().into();
    let schema = Arc::new(schema);
    let batch = RecordBatch::try_new(schema.clone(), columns).unwrap();
    let params = WriteParams { mode: WriteMode::Append, ..WriteParams::default() };
    let uri = dir.join("kv.lance");
    Dataset::write(RecordBatchIterator::new([Ok(batch)], schema), uri.to_str().unwrap(), Some(params)).await.unwrap();
}

/// An index made by another tool, then two compactions: the clean-up removed the last manifest of
/// the engine's own state, and the store did not open again.
#[tokio::test]
async fn an_index_is_carried_along_and_the_store_opens_again() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, expected) = two_runs(dir.path()).await?;
    store.shutdown().await?;
    let index = ScalarIndexParams::default();
    table(dir.path()).await.create_index(&["key"], IndexType::BTree, None, &index, true).await.unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    for _ in 0..2 {
        store.compact_with(CompactOptions::no_history()).await?;
    }
    let mut outside = table(dir.path()).await;
    outside.create_index(&["key"], IndexType::BTree, None, &index, true).await.unwrap();
    outside.update_config([("theirs", "1")]).await.unwrap();
    outside.tags().create("theirs", outside.version().version).await.unwrap();
    clean(&outside).await;
    for _ in 0..2 {
        store.compact_with(CompactOptions::no_history()).await?;
    }
    store.shutdown().await?;
    assert_eq!(all(&open(LanceConfig::new(dir.path())).await?, None).await?, expected);
    assert!(!table(dir.path()).await.load_indices().await.unwrap().is_empty());
    Ok(())
}

/// LanceDB's `optimize()` ended the store: it did not open again with a file that it had not
/// written.
#[tokio::test]
async fn a_rewrite_is_undone_when_the_store_is_opened() -> Result<()> {
    for cleaned in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (store, expected) = two_runs(dir.path()).await?;
        store.shutdown().await?;
        let mut outside = table(dir.path()).await;
        rewrite(&mut outside).await;
        if cleaned {
            clean(&outside).await;
        }
        let store = open(LanceConfig::new(dir.path())).await?;
        assert_eq!(all(&store, None).await?, expected, "cleaned: {cleaned}");
        assert_eq!(figure(&store, "runs"), 2);
        store.compact().await?;
        store.shutdown().await?;
        assert_eq!(all(&open(LanceConfig::new(dir.path())).await?, None).await?, expected);
        let read = table(dir.path()).await;
        assert_eq!(
            read.count_rows(None).await.unwrap(),
            figure(&open(LanceConfig::new(dir.path())).await?, "run_rows") as usize
        );
    }
    Ok(())
}

/// On a running store flush and compaction answered `Ok` on top of a manifest that was no longer
/// the engine's.
#[tokio::test]
async fn a_rewrite_beside_a_running_store_is_undone_by_its_next_commit() -> Result<()> {
    for compact in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (store, mut expected) = two_runs(dir.path()).await?;
        let mut outside = table(dir.path()).await;
        rewrite(&mut outside).await;
        clean(&outside).await;
        assert_eq!(all(&store, None).await?, expected);
        write(&store, &[("d", "4")]).await?;
        expected.push(("d".into(), "4".into()));
        store.flush().await?;
        assert_eq!(table(dir.path()).await.get_fragments().len(), 3);
        if compact {
            rewrite(&mut table(dir.path()).await).await;
            store.compact_with(CompactOptions::no_history()).await?;
            // What was deleted is not back for anybody.
            assert_eq!(table(dir.path()).await.count_rows(None).await.unwrap(), 3);
        }
        assert_eq!(all(&store, None).await?, expected);
        store.shutdown().await?;
        assert_eq!(all(&open(LanceConfig::new(dir.path())).await?, None).await?, expected);
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Append,
    Delete,
    DeleteAndRewrite,
    AddColumn,
    Overwrite,
    Restore,
}

async fn change(dir: &Path, change: Change) {
    let mut outside = table(dir).await;
    match change {
        Change::Append => append(dir).await,
        Change::Delete => drop(outside.delete("tombstone = false").await.unwrap()),
        Change::DeleteAndRewrite => {
            outside.delete("key = X'61'").await.unwrap();
            rewrite(&mut outside).await;
            clean(&outside).await;
        }
        Change::AddColumn => {
            let column = NewColumnTransform::SqlExpressions(vec![("more".into(), "version + 1".into())]);
            outside.add_columns(column, None, None).await.unwrap();
        }
        Change::Overwrite => {
            let schema = Arc::new(arrow_schema::Schema::new(vec![arrow_schema::Field::new(
                "x",
                arrow_schema::DataType::UInt64,
                false,
            )]));
            let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(UInt64Array::from(vec![1]))]).unwrap();
            let params = WriteParams { mode: WriteMode::Overwrite, ..WriteParams::default() };
            let uri = dir.join("kv.lance");
            let batches = RecordBatchIterator::new([Ok(batch)], schema);
            Dataset::write(batches, uri.to_str().unwrap(), Some(params)).await.unwrap();
        }
        Change::Restore => outside.checkout_version(2).await.unwrap().restore().await.unwrap(),
    }
}

const CHANGES: [(Change, &str); 6] = [
    (Change::Append, "Append"),
    (Change::Delete, "Delete"),
    (Change::DeleteAndRewrite, "other rows"),
    (Change::AddColumn, "Merge"),
    (Change::Overwrite, "Overwrite"),
    (Change::Restore, "Restore"),
];

fn refused(error: &kv_api::Error, name: &str) {
    assert_eq!(error.kind(), ErrorKind::CannotOpen, "{error}");
    let text = error.to_string();
    assert!(text.contains(name) && text.contains("kv --store") && text.contains("restore"), "{text}");
}

/// A change of the rows was refused in words that did not say what it was, nor how to get the store
/// back.
#[tokio::test]
async fn a_change_of_a_closed_store_is_refused_by_name_and_restored() -> Result<()> {
    for (what, name) in CHANGES {
        let dir = tempfile::tempdir().unwrap();
        let (store, expected) = two_runs(dir.path()).await?;
        store.shutdown().await?;
        change(dir.path(), what).await;
        let foreign = table(dir.path()).await;
        let foreign_rows = foreign.count_rows(None).await.unwrap();
        refused(&open(LanceConfig::new(dir.path())).await.err().unwrap(), name);
        let restored = kv_lance::restore(&LanceConfig::new(dir.path())).await?.unwrap();
        assert_eq!(restored.tag, format!("foreign-{}", foreign.version().version), "{what:?}");
        let store = open(LanceConfig::new(dir.path())).await?;
        assert_eq!(all(&store, None).await?, expected, "{what:?}");
        store.compact_with(CompactOptions::no_history()).await?;
        store.shutdown().await?;
        assert_eq!(kv_lance::restore(&LanceConfig::new(dir.path())).await?, None);
        let tagged = table(dir.path()).await.checkout_version(restored.tag.as_str()).await.unwrap();
        assert_eq!(tagged.count_rows(None).await.unwrap(), foreign_rows, "{what:?}");
        assert_eq!(all(&open(LanceConfig::new(dir.path())).await?, None).await?, expected, "{what:?}");
    }
    Ok(())
}

/// Flush, compaction and shutdown answered `Ok` while the table was no longer the store's.
#[tokio::test]
async fn a_change_beside_a_running_store_is_refused_and_loses_nothing() -> Result<()> {
    for (what, name) in CHANGES {
        let dir = tempfile::tempdir().unwrap();
        let (store, mut expected) = two_runs(dir.path()).await?;
        change(dir.path(), what).await;
        refused(&store.flush().await.unwrap_err(), name);
        write(&store, &[("d", "4")]).await?;
        expected.push(("d".into(), "4".into()));
        refused(&store.flush().await.unwrap_err(), name);
        refused(&store.compact().await.unwrap_err(), name);
        assert_eq!(all(&store, None).await?, expected, "{what:?}");
        refused(&store.shutdown().await.unwrap_err(), name);
        drop(store);
        assert!(kv_lance::restore(&LanceConfig::new(dir.path())).await?.is_some());
        let store = open(LanceConfig::new(dir.path())).await?;
        assert_eq!(all(&store, None).await?, expected, "{what:?}");
        store.compact().await?;
        assert_eq!(all(&store, None).await?, expected, "{what:?}");
    }
    Ok(())
}

/// Each flush that was refused froze a memtable, and the second one left no room: writers were refused too, with almost
/// nothing in memory.
#[tokio::test]
async fn refused_flushes_leave_writers_their_room() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut expected) = two_runs(dir.path()).await?;
    change(dir.path(), Change::Append).await;
    for key in ["d", "e", "f", "g"] {
        write(&store, &[(key, "1")]).await?;
        expected.push((key.into(), "1".into()));
        refused(&store.flush().await.unwrap_err(), "Append");
        refused(&store.compact().await.unwrap_err(), "Append");
    }
    assert_eq!(figure(&store, "frozen_memtables"), 1);
    refused(&store.shutdown().await.unwrap_err(), "Append");
    drop(store);
    assert!(kv_lance::restore(&LanceConfig::new(dir.path())).await?.is_some());
    assert_eq!(all(&open(LanceConfig::new(dir.path())).await?, None).await?, expected);
    Ok(())
}

/// A store as it was made before the state was in the table's configuration.
#[tokio::test]
async fn a_store_without_state_in_the_configuration_opens() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, expected) = two_runs(dir.path()).await?;
    store.shutdown().await?;
    let none: [(&str, &str); 0] = [];
    table(dir.path()).await.update_config(none).replace().await.unwrap();
    std::fs::remove_dir_all(dir.path().join("runs")).unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    assert_eq!(all(&store, None).await?, expected);
    store.compact_with(CompactOptions::no_history()).await?;
    store.shutdown().await?;
    assert_eq!(all(&open(LanceConfig::new(dir.path())).await?, None).await?, expected);
    Ok(())
}

/// What had a record of the engine was taken for a table of this format that another tool had
/// changed.
#[tokio::test]
async fn a_table_of_an_older_format_is_refused_by_its_number() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = two_runs(dir.path()).await?;
    store.shutdown().await?;
    table(dir.path()).await.update_schema_metadata([("kv-lance:format", "2")]).replace().await.unwrap();
    match open(LanceConfig::new(dir.path())).await.map(drop) {
        Err(kv_api::Error::UnsupportedFormat { found, supported, .. }) => {
            assert_eq!((&*found, &*supported), ("2", "4"))
        }
        other => panic!("{other:?}"),
    }
    Ok(())
}

/// A table last flushed an hour ago lost its files under its readers at once: the grace began when
/// a version was made, not when it was replaced.
#[tokio::test]
async fn a_version_is_readable_for_a_while_after_it_was_replaced() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, expected) = two_runs(dir.path()).await?;
    let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    for path in std::fs::read_dir(dir.path().join("kv.lance/_versions")).unwrap() {
        std::fs::File::options().write(true).open(path.unwrap().path()).unwrap().set_modified(hour_ago).unwrap();
    }
    let before = table(dir.path()).await;
    store.compact().await?;
    assert_eq!(before.scan().try_into_batch().await.unwrap().num_rows(), 5);
    // What had been replaced an hour ago is gone.
    assert!(before.checkout_version(before.manifest().version - 1).await.is_err());
    assert_eq!(all(&store, None).await?, expected);
    Ok(())
}

/// A part of the table that another tool has removed.
const PARTS: [&str; 3] = ["kv.lance/data", "kv.lance/_versions", "kv.lance"];

/// LanceDB's `drop_table` left a closed store that did not open, with all its rows in `runs` and the journal.
#[tokio::test]
async fn a_table_that_was_removed_from_a_closed_store_is_made_again() -> Result<()> {
    for part in PARTS {
        let dir = tempfile::tempdir().unwrap();
        let (store, mut expected) = two_runs(dir.path()).await?;
        write(&store, &[("d", "4")]).await?;
        expected.push(("d".into(), "4".into()));
        let first = store.current_version().await?;
        store.shutdown().await?;
        std::fs::remove_dir_all(dir.path().join(part)).unwrap();
        if part == "kv.lance" {
            // A crash between the new table and its first commit.
            let keep = std::fs::read(dir.path().join("runs/RECORD")).unwrap();
            let empty = tempfile::tempdir().unwrap();
            open(LanceConfig::new(empty.path())).await?.shutdown().await?;
            std::fs::rename(empty.path().join("kv.lance"), dir.path().join("kv.lance")).unwrap();
            assert_eq!(std::fs::read(dir.path().join("runs/RECORD")).unwrap(), keep);
        }
        let store = open(LanceConfig::new(dir.path())).await?;
        assert_eq!(all(&store, None).await?, expected, "{part}");
        assert_eq!(figure(&store, "runs"), 2, "{part}");
        assert_eq!(table(dir.path()).await.count_rows(None).await.unwrap(), 5, "{part}");
        write(&store, &[("a", "")]).await?;
        store.flush().await?;
        assert_eq!(all(&store, Some(first)).await?, expected, "{part}");
        store.shutdown().await?;
        assert_eq!(kv_lance::restore(&LanceConfig::new(dir.path())).await?, None);
        expected.remove(0);
        assert_eq!(all(&open(LanceConfig::new(dir.path())).await?, None).await?, expected, "{part}");
    }
    Ok(())
}

/// A flush of nothing, and the shutdown, left the store without its table.
#[tokio::test]
async fn a_table_that_was_removed_beside_a_running_store_is_made_again() -> Result<()> {
    for part in PARTS {
        for what in ["a flush", "a flush of nothing", "a compaction", "a shutdown"] {
            let dir = tempfile::tempdir().unwrap();
            let (store, mut expected) = two_runs(dir.path()).await?;
            table(dir.path())
                .await
                .create_index(&["key"], IndexType::BTree, None, &ScalarIndexParams::default(), true)
                .await
                .unwrap();
            std::fs::remove_dir_all(dir.path().join(part)).unwrap();
            assert_eq!(all(&store, None).await?, expected);
            if what != "a flush of nothing" {
                write(&store, &[("d", "4")]).await?;
                expected.push(("d".into(), "4".into()));
            }
            match what {
                "a compaction" => store.compact_with(CompactOptions::no_history()).await?,
                "a shutdown" => store.shutdown().await?,
                _ => store.flush().await?,
            }
            let rows = match what {
                "a flush" => 6,
                "a compaction" => 3,
                _ => 5,
            };
            assert_eq!(table(dir.path()).await.count_rows(None).await.unwrap(), rows, "{part} before {what}");
            let read = table(dir.path()).await;
            read.scan().filter("key = X'61'").unwrap().try_into_batch().await.unwrap();
            assert_eq!(all(&store, None).await.unwrap_or_else(|_| expected.clone()), expected);
            store.shutdown().await?;
            drop(store);
            assert_eq!(all(&open(LanceConfig::new(dir.path())).await?, None).await?, expected, "{part} before {what}");
        }
    }
    Ok(())
}

/// A table made in the place of one that was dropped, with the store's very columns: nothing said whose it is, and the
/// closed store did not open nor restore; the running one put its rows back without a word.
#[tokio::test]
async fn another_table_in_the_place_of_the_stores_is_refused_and_restored() -> Result<()> {
    for running in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (store, mut expected) = two_runs(dir.path()).await?;
        let before = table(dir.path()).await;
        let rows = before.scan().try_into_batch().await.unwrap();
        let replace = async || {
            std::fs::remove_dir_all(dir.path().join("kv.lance")).unwrap();
            let (uri, batches) =
                (dir.path().join("kv.lance"), RecordBatchIterator::new([Ok(rows.slice(0, 1))], rows.schema()));
            Dataset::write(batches, uri.to_str().unwrap(), None).await.unwrap();
        };
        if running {
            replace().await;
            write(&store, &[("d", "4")]).await?;
            expected.push(("d".into(), "4".into()));
            refused(&store.flush().await.unwrap_err(), "version 1 ");
            refused(&store.shutdown().await.unwrap_err(), "version 1 ");
        } else {
            store.shutdown().await?;
            replace().await;
        }
        drop(store);
        refused(&open(LanceConfig::new(dir.path())).await.err().unwrap(), "version 1 ");
        let restored = kv_lance::restore(&LanceConfig::new(dir.path())).await?.unwrap();
        assert_eq!(restored.tag, "foreign-1");
        let tagged = table(dir.path()).await.checkout_version("foreign-1").await.unwrap();
        assert_eq!(tagged.count_rows(None).await.unwrap(), 1);
        let store = open(LanceConfig::new(dir.path())).await?;
        assert_eq!(all(&store, None).await?, expected);
        store.compact().await?;
        store.shutdown().await?;
        assert_eq!(all(&open(LanceConfig::new(dir.path())).await?, None).await?, expected);
    }
    Ok(())
}

/// Taken back to an older version, and every trace of the newer ones removed: the older record was taken for the newest.
#[tokio::test]
async fn a_table_taken_back_and_cleaned_up_is_refused_and_restored() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, expected) = two_runs(dir.path()).await?;
    store.shutdown().await?;
    change(dir.path(), Change::Restore).await;
    clean(&table(dir.path()).await).await;
    refused(&open(LanceConfig::new(dir.path())).await.err().unwrap(), "Restore");
    assert!(kv_lance::restore(&LanceConfig::new(dir.path())).await?.is_some());
    let store = open(LanceConfig::new(dir.path())).await?;
    assert_eq!(all(&store, None).await?, expected);
    assert_eq!(figure(&store, "runs"), 2);
    Ok(())
}

/// A crash between a commit to the table and the record beside it: the next open removes the journal that the older
/// record would need.
#[tokio::test]
async fn a_record_that_is_behind_the_table_is_mended_at_open() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut expected) = two_runs(dir.path()).await?;
    let behind = std::fs::read(dir.path().join("runs/RECORD")).unwrap();
    write(&store, &[("d", "4")]).await?;
    expected.push(("d".into(), "4".into()));
    store.flush().await?;
    store.shutdown().await?;
    for record in [Some(behind.as_slice()), Some(b"damaged"), None] {
        match record {
            Some(bytes) => std::fs::write(dir.path().join("runs/RECORD"), bytes).unwrap(),
            None => std::fs::remove_file(dir.path().join("runs/RECORD")).unwrap(),
        }
        let store = open(LanceConfig::new(dir.path())).await?;
        assert_eq!(all(&store, None).await?, expected);
        store.shutdown().await?;
        std::fs::remove_dir_all(dir.path().join("kv.lance")).unwrap();
        let store = open(LanceConfig::new(dir.path())).await?;
        assert_eq!(all(&store, None).await?, expected);
        assert_eq!(figure(&store, "runs"), 3);
        store.shutdown().await?;
    }
    Ok(())
}
