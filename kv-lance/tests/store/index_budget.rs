//! The indexes of runs keep to a budget: 77 million rows took 1.0 GB, whatever was asked for.

use super::*;

const RUNS: usize = 20;
const BUDGET: u64 = 4 << 10;

fn config(dir: &std::path::Path) -> LanceConfig {
    LanceConfig::new(dir).block_bytes(64).cache_bytes(64 << 10).background_optimize(false)
}

/// A key of each run is also in the next, with another value.
fn run(number: usize) -> impl Iterator<Item = (String, String)> {
    (number * 50..number * 50 + 60).map(move |i| (numbered(i).0, format!("run {number}, row {i}")))
}

async fn filled(dir: &std::path::Path) -> Result<Rows> {
    let store = open(config(dir)).await?;
    let mut expected = std::collections::BTreeMap::new();
    for number in 0..RUNS {
        let rows: Vec<_> = run(number).collect();
        write(&store, &rows.iter().map(|(k, v)| (&**k, &**v)).collect::<Vec<_>>()).await?;
        store.flush().await?;
        expected.extend(rows);
    }
    store.shutdown().await?;
    Ok(expected.into_iter().collect())
}

#[tokio::test]
async fn many_runs_are_read_right_within_a_tiny_budget() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let expected = filled(dir.path()).await?;

    let store = open(config(dir.path())).await?;
    assert_eq!(figure(&store, "runs"), RUNS as u64);
    assert_eq!(figure(&store, "index_cache_bytes"), 0, "opening a store loads no index");
    assert_eq!(figure(&store, "index_cache_budget"), 128 << 20);
    assert_eq!(all(&store, None).await?, expected);
    let whole = figure(&store, "index_cache_bytes");
    assert!(whole > 10 * BUDGET, "{whole} bytes: the budget has to matter");
    store.shutdown().await?;

    for budget in [BUDGET, 0] {
        let store = open(config(dir.path()).index_cache_bytes(budget)).await?;
        for _ in 0..2 {
            assert_eq!(all(&store, None).await?, expected);
            let kept = figure(&store, "index_cache_bytes");
            assert!(kept <= budget && (kept > 0) == (budget > 0), "{kept} of {budget} bytes");
        }
        let tx = store.begin(TransactionOptions::read()).await?;
        for (key, val) in expected.iter().rev().step_by(7) {
            assert_eq!(tx.get(key.as_bytes(), None).await?.as_deref(), Some(val.as_bytes()));
            assert!(!tx.exists(format!("{key}x").as_bytes(), None).await?);
            assert!(figure(&store, "index_cache_bytes") <= budget);
        }
        drop(tx);
        store.shutdown().await?;
    }

    let store = open(config(dir.path()).index_cache_bytes(BUDGET)).await?;
    store.compact_with(kv_lance::CompactOptions::no_history()).await?;
    assert_eq!(all(&store, None).await?, expected);
    assert!(figure(&store, "index_cache_bytes") <= BUDGET);
    store.shutdown().await
}

/// Readers take turns in pushing each other's parts out.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_readers_share_a_tiny_budget() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let expected = std::sync::Arc::new(filled(dir.path()).await?);
    let store = std::sync::Arc::new(open(config(dir.path()).index_cache_bytes(BUDGET)).await?);
    let read = |reader: usize| {
        let (store, expected) = (store.clone(), expected.clone());
        async move {
            let tx = store.begin(TransactionOptions::read()).await?;
            for i in 0..1000 {
                let (key, val) = &expected[(i * 7919 + reader * 31) % expected.len()];
                assert_eq!(tx.get(key.as_bytes(), None).await?.as_deref(), Some(val.as_bytes()));
            }
            Ok::<(), kv_api::Error>(())
        }
    };
    let readers: Vec<_> = (0..4).map(|reader| tokio::spawn(read(reader))).collect();
    for reader in readers {
        reader.await.unwrap()?;
    }
    assert!(figure(&store, "index_cache_bytes") <= BUDGET);
    store.shutdown().await
}
