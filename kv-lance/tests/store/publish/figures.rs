//! What publishing and branching cost, printed. `KV_LANCE_PUBLISH_ROWS` says how many rows there are (default = 2,000,000).

use super::*;
use kv_lance::Durability;
use std::time::Instant;

/// Rows of 16-byte keys and 100-byte values, in commits of 1000, from `from` on, `step` apart.
async fn load(store: &LanceDatastore, rows: impl Iterator<Item = u64>, val: &str) {
    let rows: Vec<u64> = rows.collect();
    for chunk in rows.chunks(1000) {
        let tx = store.begin(TransactionOptions::write()).await.unwrap();
        for row in chunk {
            // In no order.
            let key = format!("{:016x}", row.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            tx.set(key.into(), format!("{val}{row:090}").into()).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; run it by name, in an optimised build"]
async fn what_publishing_and_branching_cost() {
    let rows: u64 = std::env::var("KV_LANCE_PUBLISH_ROWS").map_or(2_000_000, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let config = LanceConfig::new(dir.path().join("store")).durability(Durability::Eventual);
    let store = open(config).await.unwrap();
    load(&store, 0..rows, "loaded").await;
    let publish = async |what: &str, expected: u64| {
        let begun = Instant::now();
        let published = store.publish(None).await.unwrap();
        let took = begun.elapsed();
        assert_eq!(published.rows, expected, "{what}");
        println!("{what}: published {} rows in {took:.2?}", published.rows);
    };
    store.flush().await.unwrap();
    publish("as loaded", rows).await;
    publish("nothing new", rows).await;
    load(&store, (0..rows).step_by((rows / 1000).max(1) as usize), "update").await;
    store.flush().await.unwrap();
    publish("1,000 rows updated", rows).await;
    load(&store, (0..rows).step_by(20), "again!").await;
    store.flush().await.unwrap();
    publish("5% updated", rows).await;
    let begun = Instant::now();
    store.compact().await.unwrap();
    println!("compacted in {:.2?}", begun.elapsed());
    publish("compacted", rows).await;
    let begun = Instant::now();
    store.make_branch(dir.path().join("branch"), None).await.unwrap();
    println!("branched in {:.2?}, {} runs", begun.elapsed(), figure(&store, "runs"));
    let branch = open(LanceConfig::new(dir.path().join("branch"))).await.unwrap();
    load(&branch, (0..rows).step_by((rows / 1000).max(1) as usize), "branch").await;
    let begun = Instant::now();
    let differing: Vec<_> = store.diff_with(&branch, KeyRange::all()).unwrap().try_collect().await.unwrap();
    println!("{} differences found in {:.2?}", differing.len(), begun.elapsed());
}
