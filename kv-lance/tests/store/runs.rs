//! Rows in runs: blocks, versions across blocks, tombstones, merges.

use super::*;
use futures::FutureExt;

fn small(dir: &std::path::Path) -> LanceConfig {
    LanceConfig::new(dir).block_bytes(256)
}

#[tokio::test]
async fn a_flushed_store_reads_as_before() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(small(dir.path())).await?;
    let expected: Rows = (0..2000).map(numbered).collect();
    let tx = store.begin(TransactionOptions::write()).await?;
    for (key, val) in &expected {
        tx.set(key.clone().into(), val.clone().into()).await?;
    }
    tx.commit().await?;
    assert_eq!(all(&store, None).await?, expected);
    store.flush().await?;
    assert_eq!((figure(&store, "memtable_rows"), figure(&store, "run_rows")), (0, 2000));
    assert_eq!(all(&store, None).await?, expected);
    let tx = store.begin(TransactionOptions::read()).await?;
    for i in 0..2000 {
        assert!(!tx.exists(format!("key{i:06}x").as_bytes(), None).await?);
        let from = KeyRange::from(format!("key{i:06}")..format!("key{:06}", i + 7));
        let found = tx.scan(from.clone(), ScanLimit::Count(5), 1, None).await?;
        let keys: Vec<_> = found.iter().map(|(k, _)| String::from_utf8(k.to_vec()).unwrap()).collect();
        let wanted: Vec<_> = (i + 1..(i + 6).min(2000)).map(|i| numbered(i).0).collect();
        assert_eq!(keys, wanted);
        let found = tx.keysr(from, ScanLimit::Count(2), 1, None).await?;
        let last = (i + 7).min(2000);
        let wanted: Vec<_> = (i..last.saturating_sub(1)).rev().take(2).map(|i| numbered(i).0).collect();
        assert_eq!(found.iter().map(|k| String::from_utf8(k.to_vec()).unwrap()).collect::<Vec<_>>(), wanted);
    }
    Ok(())
}

#[tokio::test]
async fn versions_of_one_key_that_span_blocks_and_runs_are_told_apart() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(small(dir.path())).await?;
    let mut states = vec![(store.current_version().await?, rows(&[]))];
    for i in 0..120 {
        let val = format!("{i} {}", "y".repeat(40));
        // Deleted now and then, beside neighbours that hardly change.
        let val = if i % 7 == 3 { "" } else { &val };
        let mut writes = vec![("k", val)];
        if i == 0 {
            writes.extend([("j", "before"), ("l", "after")]);
        }
        let version = write(&store, &writes).await?;
        let mut state = rows(&[("j", "before")]);
        if !val.is_empty() {
            state.push(("k".into(), val.into()));
        }
        state.push(("l".into(), "after".into()));
        states.push((version, state));
        if i == 60 || i == 100 {
            store.flush().await?;
        }
    }
    for compacted in [false, true] {
        for (version, state) in &states {
            assert_eq!(all(&store, Some(*version)).await?, *state, "at {version}, compacted: {compacted}");
        }
        store.compact().await?;
        assert_eq!(figure(&store, "runs"), 1);
    }
    Ok(())
}

#[tokio::test]
async fn newer_runs_hide_older_ones_and_tombstones_hide_all() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(small(dir.path())).await?;
    write(&store, &[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")]).await?;
    store.flush().await?;
    write(&store, &[("b", ""), ("c", "2")]).await?;
    store.flush().await?;
    write(&store, &[("b", "3"), ("d", "")]).await?;
    let expected = rows(&[("a", "1"), ("b", "3"), ("c", "2")]);
    assert_eq!(all(&store, None).await?, expected);
    store.flush().await?;
    assert_eq!(figure(&store, "runs"), 3);
    assert_eq!(all(&store, None).await?, expected);
    store.compact().await?;
    assert_eq!(all(&store, None).await?, expected);
    Ok(())
}

#[tokio::test]
async fn a_memtable_over_its_budget_is_flushed_in_the_background() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(small(dir.path()).memtable_bytes(4 << 10).partition_bytes(4 << 10).frozen_memtables(1)).await?;
    let mut expected = vec![];
    for i in 0..300 {
        let (key, val) = numbered(i);
        write(&store, &[(&key, &val)]).await?;
        expected.push((key, val));
    }
    assert_eq!(all(&store, None).await?, expected);
    store.flush().await?;
    assert!(figure(&store, "runs") > 3);
    assert_eq!(all(&store, None).await?, expected);
    Ok(())
}

#[tokio::test]
async fn values_of_every_size_survive_a_flush() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    let sizes = [0, 1, 200, 255, 256, 257, 4096, 70_000, 3 << 20];
    let tx = store.begin(TransactionOptions::write()).await?;
    for size in sizes {
        tx.set(format!("{size:08}").into(), vec![size as u8; size].into()).await?;
    }
    tx.set("".into(), "empty key".into()).await?;
    tx.commit().await?;
    store.flush().await?;
    let tx = store.begin(TransactionOptions::read()).await?;
    for size in sizes {
        let val = tx.get(format!("{size:08}").as_bytes(), None).await?;
        assert!(val.is_some_and(|v| v.len() == size && v.iter().all(|b| *b == size as u8)), "{size}");
    }
    assert_eq!(tx.get(b"", None).await?.as_deref(), Some(&b"empty key"[..]));
    assert_eq!(tx.count(KeyRange::all(), None).await?, 10);
    Ok(())
}

#[tokio::test]
async fn versions_of_a_large_run_are_read_from_all_parts_of_their_buffers() -> Result<()> {
    const COMMITS: usize = 300;
    const ROWS: usize = 300;
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    let mut versions = vec![];
    for commit in 0..COMMITS {
        let tx = store.begin(TransactionOptions::write()).await?;
        for row in 0..ROWS {
            // The commits interleave, so that no two neighbours have the same version.
            tx.set(format!("{:06}", row * COMMITS + commit).into(), "x".into()).await?;
        }
        tx.commit().await?;
        versions.push(tx.commit_version().unwrap());
    }
    store.flush().await?;
    let tx = store.begin(TransactionOptions::read()).await?;
    for (commit, version) in versions.iter().enumerate().step_by(23) {
        for row in (0..ROWS).step_by(7) {
            let key = format!("{:06}", row * COMMITS + commit);
            assert!(tx.exists(key.as_bytes(), Some(*version)).await?, "{key}");
            assert!(!tx.exists(key.as_bytes(), Some(version - 1)).await?, "{key}");
        }
        assert_eq!(tx.count(KeyRange::all(), Some(*version)).await?, ((commit + 1) * ROWS) as u64);
    }
    Ok(())
}

#[tokio::test]
async fn reading_a_block_of_a_file_ends_in_the_first_poll() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).cache_bytes(0)).await?;
    // Values of two sizes: Lance lays out large ones in another way.
    for size in [20, 2000] {
        let tx = store.begin(TransactionOptions::write()).await?;
        for n in 0..100 {
            tx.set(format!("{size} {n:03}").into(), format!("{n:0size$}").into()).await?;
        }
        tx.commit().await?;
        store.flush().await?;
        let tx = store.begin(TransactionOptions::read()).await?;
        // To wait for anything, even for the task's next turn, would cost more than the read.
        let found = tx.get(format!("{size} 050").as_bytes(), None).now_or_never();
        assert!(found.is_some_and(|found| found.is_ok_and(|val| val.is_some())), "get, values of {size} bytes");
        let found = tx.scan(KeyRange::all(), ScanLimit::Count(200), 0, None).now_or_never();
        assert!(found.is_some_and(|rows| rows.is_ok()), "scan, values of {size} bytes");
    }
    store.shutdown().await
}

/// The filter of a compacted run had room for the keys of all runs that went into it, each counted anew.
#[tokio::test]
async fn the_index_of_a_compacted_run_is_as_large_as_its_keys_need() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    // As only runs that have been merged are compressed, and Lance describes those in other words.
    let config = LanceConfig::new(dir.path()).compression(kv_lance::Compression::None);
    let store = open(config.background_optimize(false)).await?;
    let (mut flushed, mut versions) = (0, Vec::new());
    for _ in 0..10 {
        let tx = store.begin(TransactionOptions::write()).await?;
        for (key, val) in (0..1000).map(numbered) {
            tx.set(key.into(), val.into()).await?;
        }
        tx.commit().await?;
        store.flush().await?;
        versions.push(store.current_version().await?);
        if flushed == 0 {
            flushed = loaded_index(&store, &versions).await?;
        }
    }
    assert_eq!(loaded_index(&store, &versions).await?, 10 * flushed);
    store.compact_with(kv_lance::CompactOptions::no_history()).await?;
    assert_eq!((figure(&store, "runs"), figure(&store, "run_rows")), (1, 1000));
    assert_eq!(loaded_index(&store, &versions[9..]).await?, flushed);
    store.shutdown().await
}

/// How large the indexes of all runs are, once all has been read: of runs that are read over, values are not.
async fn loaded_index(store: &LanceDatastore, versions: &[Version]) -> Result<u64> {
    for version in versions {
        all(store, Some(*version)).await?;
    }
    Ok(figure(store, "index_cache_bytes"))
}
