//! Each engine reads natively what its adapter wrote, and the other way round.

use kv_api::{Datastore, Error, KeyRange, Result, TransactionOptions};
use kv_bench::engine::Opening;
use kv_bench::workload::Durability;
use std::path::Path;
use std::sync::Arc;

const ENGINES: &[&str] = &[
    "fjall",
    "lmdb",
    "redb",
    #[cfg(feature = "rocksdb")]
    "rocksdb",
    "surrealkv",
];

fn opening(dir: &Path, durability: Durability) -> Opening {
    Opening { dir: dir.into(), durability, cache_bytes: 32 << 20 }
}

async fn stored(engine: &str, opening: Opening) -> Result<Arc<dyn Datastore>> {
    crate::open(engine, opening).ok_or(Error::Unsupported { operation: "this engine" })?.await
}

async fn passed_on(engine: &str, durability: Durability) -> Result<()> {
    let dir = tempfile::tempdir().map_err(super::failed)?;
    let key = |n: u32| format!("{n:016}");
    let long = vec![7; 10_000];
    let store = stored(engine, opening(dir.path(), durability)).await?;
    let tx = store.begin(TransactionOptions::write()).await?;
    for n in 0..100 {
        tx.set(key(n).into(), vec![1; n as usize].into()).await?;
    }
    tx.commit().await?;
    drop(tx);
    store.shutdown().await?;
    drop(store);

    let native = super::open(engine, opening(dir.path(), durability));
    let native = native.ok_or(Error::Unsupported { operation: "this engine" })?.await?;
    let mut reader = native.reader()?;
    assert_eq!(reader.get(key(42).as_bytes())?, Some(42), "{engine}");
    assert_eq!(reader.get(key(0).as_bytes())?, Some(0), "{engine}");
    assert_eq!(reader.get(b"a")?, None, "{engine}");
    assert_eq!(reader.scan(key(10).as_bytes(), 20)?, 20, "{engine}");
    assert_eq!(reader.scan(key(90).as_bytes(), 20)?, 10, "{engine}");
    native.commit(key(1).as_bytes(), &long).await?;
    assert_eq!(reader.get(key(1).as_bytes())?, Some(1), "{engine}: a reader stays where it is");
    drop(reader);
    assert_eq!(native.reader()?.get(key(1).as_bytes())?, Some(long.len()), "{engine}");
    native.shutdown().await?;
    drop(native);

    let store = stored(engine, opening(dir.path(), durability)).await?;
    let tx = store.begin(TransactionOptions::read()).await?;
    assert!(tx.get(key(1).as_bytes(), None).await?.is_some_and(|val| val == long), "{engine}");
    assert_eq!(tx.count(KeyRange::all(), None).await?, 100, "{engine}");
    drop(tx);
    store.shutdown().await
}

#[test]
fn a_store_passes_from_the_adapter_to_native_calls_and_back() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().map_err(super::failed)?;
    for engine in ENGINES {
        for durability in [Durability::Immediate, Durability::Eventual] {
            runtime.block_on(passed_on(engine, durability))?;
        }
    }
    Ok(())
}
