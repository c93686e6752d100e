//! Other tools change the dataset of publications: the next one is right again, and keeps what does no harm.

use super::*;
use arrow_array::{RecordBatchIterator, StringArray};
use arrow_schema::{DataType, Field, Schema};
use kv_lance::CompactOptions;
use lance::dataset::optimize::{CompactionOptions, compact_files};
use lance::dataset::{WriteMode, WriteParams};
use lance::index::DatasetIndexExt;
use lance_index::IndexType;
use lance_index::scalar::ScalarIndexParams;
use std::sync::Arc;

/// A store with rows on several levels, some of them hidden, that has been published.
async fn published(dir: &Path) -> Result<(LanceDatastore, Rows)> {
    let store = open(LanceConfig::new(dir).background_optimize(false)).await?;
    write(&store, &[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")]).await?;
    store.compact().await?;
    write(&store, &[("a", "2"), ("b", "")]).await?;
    let published = store.publish(None).await?;
    let expected = rows(&[("a", "2"), ("c", "1"), ("d", "1")]);
    assert_eq!(shown(dir, &published).await, expected);
    Ok((store, expected))
}

fn other_rows() -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![Field::new("name", DataType::Utf8, false)]));
    RecordBatch::try_new(schema, vec![Arc::new(StringArray::from(vec!["theirs"]))]).unwrap()
}

#[tokio::test]
async fn what_other_tools_do_is_undone() -> Result<()> {
    for harm in ["rows", "hide", "compact", "append", "overwrite", "files", "hidden", "manifests", "all"] {
        for closed in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let (mut store, expected) = published(dir.path()).await?;
            if closed {
                store.shutdown().await?;
            }
            let path = dir.path().join("published.lance");
            let mut theirs = dataset(dir.path()).await;
            match harm {
                "rows" => drop(theirs.delete("true").await.unwrap()),
                // One row more of a file of which some are hidden.
                "hide" => drop(theirs.delete("key = CAST('c' AS BINARY)").await.unwrap()),
                "compact" => drop(compact_files(&mut theirs, CompactionOptions::default(), None).await.unwrap()),
                "append" => {
                    let batches: Vec<RecordBatch> =
                        theirs.scan().try_into_stream().await.unwrap().try_collect().await.unwrap();
                    let schema = batches[0].schema();
                    theirs.append(RecordBatchIterator::new(batches.into_iter().map(Ok), schema), None).await.unwrap();
                }
                "overwrite" => {
                    let params = WriteParams { mode: WriteMode::Overwrite, ..WriteParams::default() };
                    let schema = other_rows().schema();
                    let rows = RecordBatchIterator::new([Ok(other_rows())], schema);
                    Dataset::write(rows, path.to_str().unwrap(), Some(params)).await.unwrap();
                }
                "files" => std::fs::remove_dir_all(path.join("data")).unwrap(),
                "hidden" => std::fs::remove_dir_all(path.join("_deletions")).unwrap(),
                "manifests" => {
                    for manifest in std::fs::read_dir(path.join("_versions")).unwrap() {
                        std::fs::write(manifest.unwrap().path(), b"not a manifest").unwrap();
                    }
                }
                _ => std::fs::remove_dir_all(&path).unwrap(),
            }
            drop(theirs);
            if closed {
                drop(store);
                store = open(LanceConfig::new(dir.path()).background_optimize(false)).await?;
            }
            let again = store.publish(None).await.unwrap_or_else(|e| panic!("{harm}, closed: {closed}: {e}"));
            assert_eq!(shown(dir.path(), &again).await, expected, "{harm}, closed: {closed}");
            // The store reads on, and nothing that is published is less for it.
            write(&store, &[("b", "3")]).await?;
            assert_eq!(all(&store, None).await?, rows(&[("a", "2"), ("b", "3"), ("c", "1"), ("d", "1")]), "{harm}");
            store.compact_with(CompactOptions::no_history()).await?;
            assert_eq!(shown(dir.path(), &store.publish(None).await?).await, all(&store, None).await?, "{harm}");
        }
    }
    Ok(())
}

/// An index stays, covers what has not changed, and finds what has.
#[tokio::test]
async fn an_index_of_another_tool_stays() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = published(dir.path()).await?;
    let mut theirs = dataset(dir.path()).await;
    let params = ScalarIndexParams::default();
    theirs.create_index(&["key"], IndexType::BTree, Some("by_key".into()), &params, false).await.unwrap();
    let indexed = dataset(dir.path()).await.manifest().version;
    // Nothing is new, so that there is nothing to commit.
    assert_eq!(store.publish(None).await?.dataset_version, indexed);
    write(&store, &[("c", "3"), ("e", "3")]).await?;
    let again = store.publish(None).await?;
    assert_eq!(shown(dir.path(), &again).await, rows(&[("a", "2"), ("c", "3"), ("d", "1"), ("e", "3")]));
    let dataset = dataset(dir.path()).await;
    assert!(dataset.load_indices().await.unwrap().iter().any(|index| index.name == "by_key"));
    for (key, val) in [("a", Some("2")), ("b", None), ("c", Some("3")), ("d", Some("1")), ("e", Some("3"))] {
        let mut scan = dataset.scan();
        scan.filter(&format!("key = CAST('{key}' AS BINARY)")).unwrap();
        let found: Vec<RecordBatch> = scan.try_into_stream().await.unwrap().try_collect().await.unwrap();
        let vals: Vec<String> = found
            .iter()
            .flat_map(|batch| batch.column_by_name("val").unwrap().as_binary::<i32>().iter())
            .map(|val| String::from_utf8(val.unwrap().to_vec()).unwrap())
            .collect();
        assert_eq!(vals.first().map(String::as_str), val, "{key}");
        assert!(vals.len() < 2, "{key}: {vals:?}");
    }
    Ok(())
}

/// A name that another tool has given is nothing to take away; one that it removes is free again.
#[tokio::test]
async fn names_of_other_tools_are_left_alone() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = published(dir.path()).await?;
    let theirs = dataset(dir.path()).await;
    theirs.tags().create("theirs", theirs.manifest().version).await.unwrap();
    let refused = store.publish(Some("theirs")).await;
    assert!(matches!(&refused, Err(Error::TagExists { name, .. }) if name == "theirs"), "{refused:?}");
    store.publish(Some("ours")).await?;
    theirs.tags().delete("ours").await.unwrap();
    store.publish(Some("ours")).await?;
    Ok(())
}

/// Files of replaced runs stay for what a name shows, and for ten minutes after the last look; not for ever.
#[tokio::test]
async fn the_space_of_a_publication_goes_with_its_name() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = published(dir.path()).await?;
    let data = dir.path().join("published.lance/data");
    store.publish(Some("kept")).await?;
    assert_eq!(run_files(&data), 2);
    store.compact_with(CompactOptions::no_history()).await?;
    store.publish(None).await?;
    assert_eq!(run_files(&data), 3);
    // As if the publications had been replaced half an hour ago.
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(1800);
    let age = || {
        for manifest in std::fs::read_dir(dir.path().join("published.lance/_versions")).unwrap() {
            std::fs::File::open(manifest.unwrap().path()).unwrap().set_modified(long_ago).unwrap();
        }
    };
    age();
    store.publish(None).await?;
    let kept = dataset(dir.path()).await.checkout_version("kept").await.unwrap();
    assert_eq!(shown_by(&kept, Version::MAX).await, rows(&[("a", "2"), ("c", "1"), ("d", "1")]));
    assert_eq!(run_files(&data), 3);
    store.unpublish("kept").await?;
    assert_eq!(run_files(&data), 1);
    Ok(())
}
