//! The past: reads at a version and at a time, tags that keep a version, differences, the same state in the Lance
//! dataset; and, within a transaction, save points.
//!
//! `cargo run --features kv-lance/cli,kv-lance/metrics --example time_travel`

use futures::TryStreamExt;
use kv_api::{Datastore, Error, HybridClock, KeyRange, MvccSource, Result, TransactionOptions, Version};
use kv_lance::{CompactOptions, LanceConfig, LanceDatastore};
use std::path::Path;
use std::time::{Duration, SystemTime};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("prices");
    let store = LanceDatastore::open(LanceConfig::new(&path)).await?;

    let spring = set(&store, &[("price/pear", "3"), ("price/plum", "5")]).await?;
    store.tag("spring", None).await?;
    let morning = a_moment().await;
    let summer = set(&store, &[("price/pear", "2")]).await?;
    let autumn = set(&store, &[("price/pear", "4"), ("price/plum", "6")]).await?;

    // Each commit has a version, and so has each moment.
    assert_eq!(price(&store, Some(spring)).await?, "3");
    assert_eq!(price(&store, Some(summer)).await?, "2");
    assert_eq!(price(&store, None).await?, "4");
    let at = HybridClock::new().at_time(morning).ok_or("the time is before 1970")?;
    assert_eq!(price(&store, Some(at)).await?, "3");

    // What differs between two versions; keys that do not are not read.
    let diff: Vec<_> = store.diff(spring, autumn, KeyRange::prefix("price/"))?.try_collect().await?;
    for difference in &diff {
        println!("{:?}: {:?} -> {:?}", difference.key, difference.old, difference.new);
    }
    assert_eq!(diff.len(), 2);

    // History goes once its retention has passed, or as here at once. What has a tag stays.
    store.compact_with(CompactOptions::no_history()).await?;
    let gone = price(&store, Some(summer)).await;
    assert!(matches!(gone, Err(Error::VersionNotRetained { requested, .. }) if requested == summer));
    let kept = store.tagged("spring").await?;
    assert_eq!((kept, price(&store, Some(kept)).await?.as_str()), (spring, "3"));
    println!("summer is past its retention, spring has a tag");

    // A tag of the newest version is one of the Lance dataset too.
    assert_eq!(rows_in_lance(&path, "spring").await?, 2);

    save_points(&store).await?;
    store.shutdown().await?;
    Ok(())
}

/// A save point takes back a part of a transaction.
async fn save_points(store: &dyn Datastore) -> Result<()> {
    let tx = store.begin(TransactionOptions::write()).await?;
    tx.set("price/quince".into(), "7".into()).await?;
    tx.new_save_point().await?;
    tx.set("price/quince".into(), "8".into()).await?;
    tx.delr(KeyRange::prefix("price/p")).await?;
    assert_eq!(tx.count(KeyRange::prefix("price/"), None).await?, 1);
    tx.rollback_to_save_point().await?;
    tx.commit().await?;

    let tx = store.begin(TransactionOptions::read()).await?;
    assert_eq!(tx.count(KeyRange::prefix("price/"), None).await?, 3);
    assert_eq!(tx.get(b"price/quince", None).await?.as_deref(), Some(&b"7"[..]));
    println!("the deletions were taken back, the quince stayed");
    Ok(())
}

/// Commits values and returns the version that they got.
async fn set(store: &dyn Datastore, entries: &[(&'static str, &'static str)]) -> Result<Version> {
    let tx = store.begin(TransactionOptions::write()).await?;
    tx.setm(entries.iter().map(|(key, val)| ((*key).into(), (*val).into())).collect()).await?;
    tx.commit().await?;
    Ok(tx.commit_version().unwrap_or_default())
}

/// What a pear costs at a version, or now.
async fn price(store: &dyn Datastore, version: Option<Version>) -> Result<String> {
    let tx = store.begin(TransactionOptions::read()).await?;
    let price = tx.get(b"price/pear", version).await?;
    Ok(String::from_utf8_lossy(&price.unwrap_or_default()).into_owned())
}

/// A time that no commit shares a millisecond with.
async fn a_moment() -> SystemTime {
    tokio::time::sleep(Duration::from_millis(5)).await;
    let now = SystemTime::now();
    tokio::time::sleep(Duration::from_millis(5)).await;
    now
}

/// How many keys any reader of Lance finds under a tag.
async fn rows_in_lance(store: &Path, tag: &str) -> Result<usize, Box<dyn std::error::Error>> {
    let table = store.join("kv.lance");
    let dataset = lance::Dataset::open(&table.to_string_lossy()).await?.checkout_version(tag).await?;
    Ok(dataset.count_rows(Some("not tombstone".into())).await?)
}
