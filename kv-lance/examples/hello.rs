//! A first program: writes, reads, pages through a range, closes the store and opens it again.
//!
//! `cargo run --features kv-lance/cli,kv-lance/metrics --example hello`

use kv_api::{Datastore, Error, KeyRange, ScanLimit, TransactionOptions};
use kv_lance::{LanceConfig, LanceDatastore};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let config = LanceConfig::new(dir.path().join("cities"));
    let store = LanceDatastore::open(config.clone()).await?;

    // Everything happens in transactions. Once `commit` has returned, this survives power loss.
    let tx = store.begin(TransactionOptions::write()).await?;
    for (city, latitude) in [("Bergen", "60.39"), ("Oslo", "59.91"), ("Tromsø", "69.65"), ("Ålesund", "62.47")] {
        tx.set(format!("city/{city}").into(), latitude.into()).await?;
    }
    tx.commit().await?;

    // `put` gives a key its first value only. After a refused write the transaction goes on.
    let tx = store.begin(TransactionOptions::write()).await?;
    let refused = tx.put("city/Oslo".into(), "0".into()).await;
    assert!(matches!(refused, Err(Error::TransactionKeyAlreadyExists)));
    tx.put("country/NO".into(), "Norway".into()).await?;
    tx.commit().await?;

    // A point read, and one of a key that has no value.
    let tx = store.begin(TransactionOptions::read()).await?;
    assert_eq!(tx.get(b"city/Oslo", None).await?.as_deref(), Some(&b"59.91"[..]));
    assert_eq!(tx.get(b"city/Paris", None).await?, None);

    // Keys order by their bytes: the last city begins with "Å", which UTF-8 writes as two bytes above ASCII.
    let last = tx.keysr(KeyRange::prefix("city/"), ScanLimit::Count(1), 0, None).await?;
    assert_eq!(last, ["city/Ålesund"]);

    // A range that may be large is read a page at a time, from one point in time whatever is written meanwhile.
    let mut rest = Some(KeyRange::prefix("city/"));
    let mut pages = Vec::new();
    while let Some(range) = rest {
        let page = tx.batch_keys_vals(range, 3, None).await?;
        for (key, val) in &page.items {
            println!("{} is at {} N", String::from_utf8_lossy(key), String::from_utf8_lossy(val));
        }
        pages.push(page.items.len());
        rest = page.next;
    }
    assert_eq!(pages, [3, 1]);

    // Dropping a store closes it too; `shutdown` says what went wrong.
    store.shutdown().await?;
    let store = LanceDatastore::open(config.create(false)).await?;
    let tx = store.begin(TransactionOptions::read()).await?;
    assert_eq!(tx.count(KeyRange::all(), None).await?, 5);
    println!("closed, opened again: 5 keys are there");
    store.shutdown().await?;
    Ok(())
}
