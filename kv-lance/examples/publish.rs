//! A table for other tools while the store goes on: published, read through Lance with a filter, published again.
//!
//! `cargo run --features kv-lance/cli,kv-lance/metrics --example publish`

use arrow_array::cast::AsArray;
use futures::TryStreamExt;
use kv_api::{Datastore, Transactable, TransactionOptions};
use kv_lance::{LanceConfig, LanceDatastore};
use lance::Dataset;
use std::path::Path;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let dir = tempfile::tempdir()?;
    let store = LanceDatastore::open(LanceConfig::new(dir.path())).await?;
    for (room, temperature) in [("kitchen", "21.5"), ("cellar", "12.0"), ("kitchen", "22.0"), ("attic", "30.1")] {
        let tx: Box<dyn Transactable> = store.begin(TransactionOptions::write()).await?;
        tx.set(format!("room/{room}").into(), temperature.into()).await?;
        tx.commit().await?;
    }

    // One row a room, whatever has been overwritten; readers of the name go on seeing this.
    let noon = store.publish(Some("noon")).await?;
    println!("version {} of the store is version {} of {}", noon.version, noon.dataset_version, noon.path.display());
    assert_eq!(noon.rows, 3);

    let tx = store.begin(TransactionOptions::write()).await?;
    tx.del("room/attic".into()).await?;
    tx.set("room/kitchen".into(), "23.0".into()).await?;
    tx.commit().await?;
    store.publish(None).await?;

    assert_eq!(rooms(&noon.path, Some("noon")).await?, ["attic: 30.1", "cellar: 12.0", "kitchen: 22.0"]);
    assert_eq!(rooms(&noon.path, None).await?, ["cellar: 12.0", "kitchen: 23.0"]);
    store.unpublish("noon").await?;
    store.shutdown().await?;
    Ok(())
}

/// As any program finds them that knows Lance, and nothing of kv-lance.
async fn rooms(path: &Path, name: Option<&str>) -> Outcome<Vec<String>> {
    let mut dataset = Dataset::open(path.to_str().ok_or("the path is not UTF-8")?).await?;
    if let Some(name) = name {
        dataset = dataset.checkout_version(name).await?;
    }
    let mut scan = dataset.scan();
    scan.filter("key >= CAST('room/' AS BINARY) AND key < CAST('room0' AS BINARY)")?.project(&["key", "val"])?;
    let batches: Vec<_> = scan.try_into_stream().await?.try_collect().await?;
    let mut rooms = Vec::new();
    for batch in &batches {
        for (key, val) in batch.column(0).as_binary::<i32>().iter().zip(batch.column(1).as_binary::<i32>()) {
            let (key, val) = (key.ok_or("a key is missing")?, val.ok_or("a value is missing")?);
            rooms.push(format!(
                "{}: {}",
                std::str::from_utf8(key)?.trim_start_matches("room/"),
                std::str::from_utf8(val)?
            ));
        }
    }
    rooms.sort();
    Ok(rooms)
}
