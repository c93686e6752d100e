//! Transactions that are older than the memtables: conflicts with them were known only while a list
//! of recent keys reached back so far.

use super::*;
use kv_api::{Error, Isolation};

#[tokio::test]
async fn readers_see_their_point_in_time_through_flush_and_compaction() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store =
        open(LanceConfig::new(dir.path().join("store")).memtable_bytes(2 << 10).partition_bytes(2 << 10)).await?;
    let mut readers = vec![];
    for i in 0..20 {
        let (key, val) = numbered(i);
        write(&store, &[(&key, &val), ("hot", &val)]).await?;
        readers.push((i, store.begin(TransactionOptions::read()).await?));
    }
    for compacted in [false, true] {
        store.flush().await?;
        assert_eq!(figure(&store, "memtable_rows"), 0);
        if compacted {
            store.compact_with(kv_lance::CompactOptions::no_history()).await?;
        }
        for (i, reader) in &readers {
            assert_eq!(reader.count(KeyRange::all(), None).await?, *i as u64 + 2);
            assert_eq!(reader.get(b"hot", None).await?, Some(numbered(*i).1.into()), "{i} {compacted}");
            assert_eq!(reader.get(numbered(i + 1).0.as_bytes(), None).await?, None);
        }
    }
    Ok(())
}

/// Begins, then others commit a great deal and all of it is flushed and compacted; then `write` is
/// committed.
async fn commit_after_much(isolation: Isolation, read: &[(&'static str, &'static str)], written: &str) -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store =
        open(LanceConfig::new(dir.path().join("store")).memtable_bytes(256 << 10).partition_bytes(256 << 10)).await?;
    write(&store, &[("a", "1"), ("m", "1"), ("z", "1")]).await?;
    let mut options = TransactionOptions::write();
    options.isolation = isolation;
    let old = store.begin(options).await?;
    for (start, end) in read {
        old.scan(KeyRange::from(*start..*end), ScanLimit::Count(1000), 0, None).await?;
    }
    write(&store, &[("m", "2")]).await?;
    // More than the memory for recent commits holds.
    for batch in 0..60 {
        let rows: Vec<_> = (0..1000).map(|i| (format!("x{batch:03}{i:04}"), "v".to_string())).collect();
        let rows: Vec<_> = rows.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        write(&store, &rows).await?;
    }
    store.flush().await?;
    assert!(figure(&store, "conflict_check_keys") < 60_000, "the list was to be too short");
    old.set(written.to_string().into(), "mine".into()).await?;
    old.commit().await
}

fn is_conflict(result: Result<()>, key: &str) -> bool {
    matches!(result, Err(Error::TransactionConflict { key: Some(found), .. }) if found == key.as_bytes())
}

/// A transaction that was older than four million key commits conflicted with whatever it wrote.
#[tokio::test]
async fn an_old_transaction_conflicts_exactly_where_its_keys_have_changed() -> Result<()> {
    commit_after_much(Isolation::Snapshot, &[], "a").await?;
    assert!(is_conflict(commit_after_much(Isolation::Snapshot, &[], "m").await, "m"));
    commit_after_much(Isolation::Serializable, &[("a", "c"), ("n", "w")], "b").await?;
    assert!(is_conflict(commit_after_much(Isolation::Serializable, &[("a", "c"), ("k", "n")], "b").await, "m"));
    Ok(())
}
