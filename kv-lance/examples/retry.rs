//! Conflicts: what they are, how `retry` makes them go away, and what only serializable isolation prevents.
//!
//! `cargo run --features kv-lance/cli,kv-lance/metrics --example retry`

use kv_api::{Datastore, Error, KeyRange, Result, TransactionOptions, retry};
use kv_lance::{LanceConfig, LanceDatastore};
use std::sync::Arc;

const CLIENTS: u64 = 2;
const INCREMENTS: u64 = 200;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let store = Arc::new(LanceDatastore::open(LanceConfig::new(dir.path().join("store"))).await?);

    the_first_committer_wins(&*store).await?;

    // Clients that count at once. Each reads, adds and writes; without transactions, increments would be lost.
    let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(count(store.clone()))).collect();
    for client in clients {
        client.await??;
    }
    let tx = store.begin(TransactionOptions::read()).await?;
    let total = number(tx.get(b"counter", None).await?);
    assert_eq!(total, CLIENTS * INCREMENTS);
    println!("{CLIENTS} clients counted to {total}");

    // Both doctors may go while the other is there. Each looks at its own snapshot, and no key is written twice.
    let left = doctors(&*store, TransactionOptions::write()).await?;
    assert_eq!(left, 0, "a snapshot does not prevent write skew");
    let left = doctors(&*store, TransactionOptions::write().serializable()).await?;
    assert_eq!(left, 1, "what was read is checked as well");
    println!("on call: nobody under snapshot isolation, one doctor where it is serializable");

    store.shutdown().await?;
    Ok(())
}

/// Of two transactions that write a key, the one that commits second is refused as a whole.
async fn the_first_committer_wins(store: &dyn Datastore) -> Result<()> {
    let first = store.begin(TransactionOptions::write()).await?;
    let second = store.begin(TransactionOptions::write()).await?;
    first.set("name".into(), "first".into()).await?;
    second.set("name".into(), "second".into()).await?;
    second.set("other".into(), "second".into()).await?;
    first.commit().await?;
    let refused = second.commit().await;
    assert!(matches!(&refused, Err(error @ Error::TransactionConflict { .. }) if error.is_retryable()));

    let tx = store.begin(TransactionOptions::read()).await?;
    assert_eq!(tx.get(b"name", None).await?.as_deref(), Some(&b"first"[..]));
    assert!(!tx.exists(b"other", None).await?);
    Ok(())
}

async fn count(store: Arc<LanceDatastore>) -> Result<()> {
    for _ in 0..INCREMENTS {
        // May run more than once, so it does nothing but read and write.
        retry(&*store, TransactionOptions::write(), |tx| async move {
            let old = number(tx.get(b"counter", None).await?);
            tx.set("counter".into(), (old + 1).to_be_bytes().to_vec().into()).await
        })
        .await?;
    }
    Ok(())
}

/// The number that a value stands for; 0 where there is none.
fn number(val: Option<kv_api::Val>) -> u64 {
    val.and_then(|val| val.as_ref().try_into().ok()).map_or(0, u64::from_be_bytes)
}

/// Lets two doctors, who are on call, go at the same time, unless one would be the last. Returns how many stay.
async fn doctors(store: &dyn Datastore, options: TransactionOptions) -> Result<u64> {
    let tx = store.begin(TransactionOptions::write()).await?;
    tx.setm(vec![("on-call/ada".into(), "".into()), ("on-call/bob".into(), "".into())]).await?;
    tx.commit().await?;

    let ada = store.begin(options).await?;
    let bob = store.begin(options).await?;
    for (tx, doctor) in [(&ada, "on-call/ada"), (&bob, "on-call/bob")] {
        if tx.count(KeyRange::prefix("on-call/"), None).await? > 1 {
            tx.del(doctor.into()).await?;
        }
    }
    ada.commit().await?;
    match bob.commit().await {
        Ok(()) => {}
        // To be run again, and bob then sees that ada has gone.
        Err(error) if error.is_retryable() => println!("bob: {error}"),
        Err(error) => return Err(error),
    }

    let tx = store.begin(TransactionOptions::read()).await?;
    tx.count(KeyRange::prefix("on-call/"), None).await
}
