//! Two ways to keep something up to date: a search index from the change feed, and a running total from a live query.
//!
//! `cargo run --features kv-lance/cli,kv-lance/metrics --example feed`

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use kv_api::{ChangeFilter, Datastore, Key, KeyRange, Result, TransactionOptions, Version};
use kv_lance::{LanceConfig, LanceDatastore};
use kv_live::{Change, LiveQueries, LiveQuery, Update};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let config = LanceConfig::new(dir.path().join("store"));

    // The index begins at version 0: with everything that the store retains.
    let store = LanceDatastore::open(config.clone()).await?;
    let mut index = Index::default();
    commit(&store, &[("doc/1", "the quick fox"), ("doc/2", "the lazy dog")]).await?;
    commit(&store, &[("doc/2", "the quick dog"), ("note", "not indexed")]).await?;
    index.catch_up(&store).await?;
    assert_eq!(index.find("quick"), ["doc/1", "doc/2"]);
    assert_eq!(index.find("lazy"), [""; 0]);
    store.shutdown().await?;

    // Opened again, it goes on after the last version that it has applied: nothing twice, nothing missed.
    let store: Arc<dyn Datastore> = Arc::new(LanceDatastore::open(config).await?);
    commit(&*store, &[("doc/3", "a quick cat")]).await?;
    let applied = index.catch_up(&*store).await?;
    assert_eq!((applied, index.find("quick").len()), (1, 3));
    println!("indexed: 'quick' is in {:?}", index.find("quick"));

    total_of_orders(store.clone()).await?;
    store.shutdown().await?;
    Ok(())
}

/// Which documents have a word. A real one would keep its position with what it has applied.
#[derive(Default)]
struct Index {
    words: BTreeMap<String, BTreeSet<Key>>,
    position: Version,
}

impl Index {
    /// Applies what has been committed since the last call, and returns how many changes that were.
    async fn catch_up(&mut self, store: &dyn Datastore) -> Result<usize> {
        let until = store.current_version().await?;
        let filter = ChangeFilter { range: KeyRange::prefix("doc/") };
        // `changes` does not end, and waits for what comes: the same loop then follows the store.
        let mut feed = store.changes_until(self.position, until, filter).await?;
        let mut applied = 0;
        while let Some(batch) = feed.next().await? {
            applied += batch.num_rows();
            self.apply(&batch);
        }
        Ok(applied)
    }

    fn apply(&mut self, batch: &RecordBatch) {
        let versions = batch.column(0).as_primitive::<UInt64Type>();
        let (keys, vals) = (batch.column(1).as_binary::<i32>(), batch.column(2).as_binary::<i32>());
        for row in 0..batch.num_rows() {
            let key = Key::copy_from_slice(keys.value(row));
            self.words.values_mut().for_each(|docs| {
                docs.remove(&key);
            });
            // A deletion has no value.
            if vals.is_valid(row) {
                for word in String::from_utf8_lossy(vals.value(row)).split_whitespace() {
                    self.words.entry(word.to_owned()).or_default().insert(key.clone());
                }
            }
            self.position = versions.value(row);
        }
    }

    fn find(&self, word: &str) -> Vec<&Key> {
        self.words.get(word).into_iter().flatten().collect()
    }
}

/// Keeps a total by what each commit says of old and new values, and compares it with a scan.
async fn total_of_orders(store: Arc<dyn Datastore>) -> Result<(), Box<dyn std::error::Error>> {
    commit(&*store, &[("order/1", "10"), ("order/2", "20")]).await?;
    let live = LiveQueries::new(store.clone());
    let mut orders = live.subscribe(LiveQuery::prefix("order/")).await?;

    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for n in 0_u32..50 {
                let tx = store.begin(TransactionOptions::write()).await?;
                tx.set(format!("order/{}", n % 7).into(), (n * 3).to_string().into()).await?;
                tx.del(format!("order/{}", (n + 3) % 7).into()).await?;
                tx.commit().await?;
            }
            store.current_version().await
        }
    });

    let (mut total, mut commits) = (0, 0);
    loop {
        match orders.next().await? {
            Update::Rows(rows) => total += rows.iter().map(|row| number(row.val.as_ref())).sum::<i64>(),
            Update::Current { .. } => assert_eq!(total, 30, "what was there before"),
            Update::Commit(commit) => {
                commits += 1;
                for event in &commit.events {
                    total += match &event.change {
                        Change::Inserted { new } => number(Some(new)),
                        Change::Updated { old, new } => number(Some(new)) - number(Some(old)),
                        Change::Deleted { old } => -number(old.as_ref()),
                        Change::Set { .. } => return Err("old values were asked for".into()),
                    };
                }
            }
        }
        if commits == 50 {
            break;
        }
    }
    assert_eq!(Some(writer.await??), orders.position());

    let tx = store.begin(TransactionOptions::read()).await?;
    let rows = tx.getp("order/".into(), None).await?;
    assert_eq!(total, rows.iter().map(|(_, val)| number(Some(val))).sum::<i64>());
    println!("after 50 commits the orders come to {total}, without a query");
    Ok(())
}

fn number(val: Option<&kv_api::Val>) -> i64 {
    val.and_then(|val| std::str::from_utf8(val).ok()?.parse().ok()).unwrap_or_default()
}

async fn commit(store: &dyn Datastore, entries: &[(&'static str, &'static str)]) -> kv_api::Result<()> {
    let tx = store.begin(TransactionOptions::write()).await?;
    tx.setm(entries.iter().map(|(key, val)| ((*key).into(), (*val).into())).collect()).await?;
    tx.commit().await
}
