//! What other tools write to a publication is taken in, as a transaction, or not at all.

use super::*;
use arrow_array::{BinaryArray, BooleanArray, RecordBatchIterator, UInt64Array};
use arrow_schema::ArrowError;
use kv_api::ChangeFilter;
use kv_lance::CompactOptions;
use lance::dataset::optimize::{CompactionOptions, compact_files};
use lance::dataset::{MergeInsertBuilder, UpdateBuilder, WhenMatched, WhenNotMatched};
use std::sync::Arc;

/// A published store with rows on several levels.
async fn published(dir: &Path) -> Result<LanceDatastore> {
    let store = open(LanceConfig::new(dir).background_optimize(false)).await?;
    write(&store, &[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")]).await?;
    store.compact().await?;
    write(&store, &[("a", "2"), ("b", "")]).await?;
    store.publish(None).await?;
    Ok(store)
}

/// As a tool writes them that fills in the columns that it knows nothing of.
fn batch(rows: &[(&str, Option<&str>)]) -> RecordBatch {
    let (keys, vals): (Vec<_>, Vec<_>) = rows.iter().map(|(key, val)| (key.as_bytes(), val.map(str::as_bytes))).unzip();
    let field = |name: &str, of: &dyn Array, nullable| arrow_schema::Field::new(name, of.data_type().clone(), nullable);
    let keys = BinaryArray::from_vec(keys);
    let vals = BinaryArray::from_opt_vec(vals);
    let versions = UInt64Array::from(vec![0; rows.len()]);
    let tombstones = BooleanArray::from(vec![false; rows.len()]);
    let schema = arrow_schema::Schema::new(vec![
        field("key", &keys, false),
        field("version", &versions, false),
        field("tombstone", &tombstones, false),
        field("val", &vals, true),
    ]);
    let columns: Vec<Arc<dyn Array>> = vec![Arc::new(keys), Arc::new(versions), Arc::new(tombstones), Arc::new(vals)];
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

fn reader(rows: &[(&str, Option<&str>)]) -> RecordBatchIterator<[Result<RecordBatch, ArrowError>; 1]> {
    let batch = batch(rows);
    let schema = batch.schema();
    RecordBatchIterator::new([Ok(batch)], schema)
}

async fn append(dir: &Path, rows: &[(&str, Option<&str>)]) {
    dataset(dir).await.append(reader(rows), None).await.unwrap();
}

async fn merge(dir: &Path, rows: &[(&str, Option<&str>)]) {
    let mut merge = MergeInsertBuilder::try_new(Arc::new(dataset(dir).await), vec!["key".into()]).unwrap();
    merge.when_matched(WhenMatched::UpdateAll).when_not_matched(WhenNotMatched::InsertAll);
    let merge = merge.try_build().unwrap();
    merge.execute_reader(reader(rows)).await.unwrap();
}

/// Everything that a pipeline does, one after the other, is one transaction.
#[tokio::test]
async fn what_was_appended_merged_updated_and_deleted_is_taken_in() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = published(dir.path()).await?;
    let before = store.current_version().await?;
    assert_eq!(store.adopt().await?, None);
    append(dir.path(), &[("e", Some("appended"))]).await;
    merge(dir.path(), &[("a", Some("merged")), ("f", Some("merged"))]).await;
    let update = UpdateBuilder::new(Arc::new(dataset(dir.path()).await))
        .update_where("key = CAST('d' AS BINARY)")
        .unwrap()
        .set("val", "CAST('updated' AS BINARY)")
        .unwrap()
        .build()
        .unwrap();
    update.execute().await.unwrap();
    dataset(dir.path()).await.delete("key = CAST('c' AS BINARY)").await.unwrap();
    let mut theirs = dataset(dir.path()).await;
    compact_files(&mut theirs, CompactionOptions::default(), None).await.unwrap();
    // The store goes on meanwhile, with other keys.
    write(&store, &[("g", "own")]).await?;

    let adopted = store.adopt().await?.unwrap();
    assert_eq!((adopted.set, adopted.deleted), (4, 1));
    let expected = rows(&[("a", "merged"), ("d", "updated"), ("e", "appended"), ("f", "merged"), ("g", "own")]);
    assert_eq!(all(&store, None).await?, expected);
    assert_eq!(shown(dir.path(), &adopted.publication).await, expected);
    assert_eq!(store.adopt().await?, None);
    // It is in the feed as one commit.
    let mut feed = store.changes_until(before, store.current_version().await?, ChangeFilter::default()).await?;
    let mut versions = Vec::new();
    while let Some(batch) = feed.next().await? {
        versions.extend_from_slice(batch.column(0).as_primitive::<UInt64Type>().values());
    }
    let theirs = versions.iter().filter(|version| Some(**version) == adopted.version).count();
    assert_eq!((versions.len(), theirs), (6, 5));
    drop(store);
    assert_eq!(all(&open(LanceConfig::new(dir.path())).await?, None).await?, expected);
    Ok(())
}

#[tokio::test]
async fn rows_that_were_only_rewritten_are_nothing_new() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = published(dir.path()).await?;
    let (before, expected) = (store.current_version().await?, all(&store, None).await?);
    let options = CompactionOptions { materialize_deletions_threshold: 0.0, ..CompactionOptions::default() };
    compact_files(&mut dataset(dir.path()).await, options, None).await.unwrap();
    let adopted = store.adopt().await?.unwrap();
    assert_eq!((adopted.set, adopted.deleted, adopted.version), (0, 0, None));
    assert_eq!((store.current_version().await?, shown(dir.path(), &adopted.publication).await), (before, expected));
    Ok(())
}

/// Of a key that both have written, the store's commit was the first. Nothing else of the tool is taken in either.
#[tokio::test]
async fn a_key_that_the_store_has_changed_meanwhile_is_a_conflict() -> Result<()> {
    for own in ["3", ""] {
        let dir = tempfile::tempdir().unwrap();
        let store = published(dir.path()).await?;
        merge(dir.path(), &[("c", Some("theirs")), ("e", Some("theirs"))]).await;
        write(&store, &[("c", own)]).await?;
        let conflict = store.adopt().await;
        assert!(
            matches!(&conflict, Err(Error::TransactionConflict { key: Some(key), .. }) if key == "c"),
            "{conflict:?}"
        );
        assert!(!all(&store, None).await?.iter().any(|(_, val)| val == "theirs"));
        // The next publication is the store's, and the tool can begin anew on it.
        store.publish(None).await?;
        merge(dir.path(), &[("c", Some("theirs")), ("e", Some("theirs"))]).await;
        let adopted = store.adopt().await?.unwrap();
        assert_eq!((adopted.set, adopted.deleted), (2, 0));
        // The same value is no conflict: a crash between the commit and the publication leaves that.
        merge(dir.path(), &[("h", Some("both"))]).await;
        write(&store, &[("h", "both")]).await?;
        let adopted = store.adopt().await?.unwrap();
        assert_eq!((adopted.set, adopted.version), (0, None));
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_adopted_is_named() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = published(dir.path()).await?;
    let expected = all(&store, None).await?;
    let refused = async |what: &str| {
        let refused = store.adopt().await;
        let said = matches!(&refused, Err(Error::TableChanged { reason, .. }) if reason.contains(what));
        assert!(said, "{what}: {refused:?}");
        assert_eq!(all(&store, None).await.unwrap(), expected);
        assert_eq!(shown(dir.path(), &store.publish(None).await.unwrap()).await, expected);
    };
    append(dir.path(), &[("e", Some("1")), ("e", Some("2"))]).await;
    refused("written twice").await;
    let mut theirs = dataset(dir.path()).await;
    theirs
        .add_columns(lance::dataset::NewColumnTransform::SqlExpressions(vec![("n".into(), "1".into())]), None, None)
        .await
        .unwrap();
    refused("columns are others").await;
    append(dir.path(), &[("e", Some("1"))]).await;
    let theirs = dataset(dir.path()).await;
    theirs.cleanup_old_versions(chrono::TimeDelta::zero(), Some(true), Some(false)).await.unwrap();
    refused("cleaned up").await;
    // Where history does not reach back, what has changed meanwhile is not known.
    append(dir.path(), &[("e", Some("1"))]).await;
    write(&store, &[("a", "9")]).await?;
    write(&store, &[("a", "10")]).await?;
    store.compact_with(CompactOptions::no_history()).await?;
    assert!(matches!(store.adopt().await, Err(Error::VersionNotRetained { .. })));
    store.shutdown().await?;
    assert!(matches!(store.adopt().await, Err(Error::StoreClosed)));
    let reader = LanceDatastore::open_read_only(LanceConfig::new(dir.path())).await?;
    assert!(matches!(reader.adopt().await, Err(Error::StoreReadonly { .. })));
    drop((reader, store));
    let other = tempfile::tempdir().unwrap();
    let unversioned = open(LanceConfig::new(other.path()).versioned(false)).await?;
    assert!(matches!(unversioned.adopt().await, Err(Error::UnsupportedVersionedQueries)));
    Ok(())
}
