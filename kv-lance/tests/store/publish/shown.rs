//! What a publication shows.

use super::*;
use kv_lance::{CompactOptions, Durability};
use std::task::Poll;
use std::time::Duration;

/// Sets and deletes a few keys in one transaction, some more than once a memtable, and erases one now and then.
async fn step(store: &LanceDatastore, random: &mut Random, model: &mut BTreeMap<String, String>, number: u64) {
    let tx = store.begin(TransactionOptions::write()).await.unwrap();
    for _ in 0..1 + random.below(8) {
        let key = match random.below(3) {
            0 => format!("key{:04}", random.below(2000)),
            1 => format!("key{:04}", 500 + random.below(50)),
            _ => format!("hot{}", random.below(5)),
        };
        match random.below(8) {
            0 => tx.del(key.clone().into()).await.unwrap(),
            1 if store.capabilities().erases_history => tx.clr(key.clone().into()).await.unwrap(),
            _ => {
                let val = format!("{number} {}", "v".repeat(random.below(20) as usize));
                tx.set(key.clone().into(), val.clone().into()).await.unwrap();
                model.insert(key, val);
                continue;
            }
        }
        model.remove(&key);
    }
    tx.commit().await.unwrap();
}

/// Whatever the levels are like: published again and again, each time on top of the last, and now and then from nothing.
#[tokio::test]
async fn a_publication_has_each_key_once_as_the_store_has_it() -> Result<()> {
    for (seed, versioned) in [(3, true), (4, false), (5, true)] {
        let dir = tempfile::tempdir().unwrap();
        let config = || {
            LanceConfig::new(dir.path())
                .memtable_bytes(1 << 10)
                .partition_bytes(1 << 10)
                .block_bytes(256)
                .durability(Durability::Eventual)
                .retention(Duration::from_millis(if seed == 3 { 1 } else { 60_000 }))
                .versioned(versioned)
        };
        let mut store = open(config()).await?;
        let (mut random, mut model, mut named) = (Random(seed), BTreeMap::new(), Vec::new());
        for number in 0..300 {
            step(&store, &mut random, &mut model, number).await;
            match random.below(40) {
                0..8 => {
                    let name = (random.below(3) == 0).then(|| format!("night-{number}"));
                    let published = store.publish(name.as_deref()).await?;
                    assert_eq!(shown(dir.path(), &published).await, of(&model), "{seed}, {number}");
                    named.extend(name.map(|name| (name, published.version, model.clone())));
                }
                8 => store.compact().await?,
                9 => store.compact_with(CompactOptions::no_history()).await?,
                10 => {
                    store.shutdown().await?;
                    drop(store);
                    store = open(config()).await?;
                }
                11 if number < 100 && dir.path().join("published.lance").exists() => {
                    std::fs::remove_dir_all(dir.path().join("published.lance")).unwrap();
                    named.clear();
                }
                _ => {}
            }
        }
        assert!(named.len() > 3, "seed {seed}: {}", named.len());
        store.compact_with(CompactOptions::no_history()).await?;
        let published = store.publish(None).await?;
        assert_eq!(shown(dir.path(), &published).await, of(&model));
        for (name, version, model) in named {
            let tagged = dataset(dir.path()).await.checkout_version(name.as_str()).await.unwrap();
            assert_eq!(shown_by(&tagged, version).await, of(&model), "{name}");
        }
        assert!(kv_lance::verify(&config()).await.is_err(), "the store is open");
        store.shutdown().await?;
        assert!(kv_lance::verify(&config()).await?.damage.is_empty());
    }
    Ok(())
}

fn of(model: &BTreeMap<String, String>) -> Rows {
    model.iter().map(|(key, val)| (key.clone(), val.clone())).collect()
}

#[tokio::test]
async fn nothing_new_is_published_as_nothing_new() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    let empty = store.publish(Some("empty")).await?;
    assert_eq!(shown(dir.path(), &empty).await, []);
    let version = write(&store, &[("a", "1"), ("b", "1"), ("c", "")]).await?;
    let first = store.publish(None).await?;
    assert_eq!((first.version, first.rows), (version, 2));
    // Neither do other commits to the table change what is there.
    store.tag("tagged", None).await?;
    assert_eq!(store.publish(Some("again")).await?, first);
    assert_eq!(dataset(dir.path()).await.manifest().version, first.dataset_version);
    let tags = dataset(dir.path()).await.tags().list().await.unwrap();
    assert_eq!((tags["empty"].version, tags["again"].version), (empty.dataset_version, first.dataset_version));
    Ok(())
}

/// A file in which no row is to be seen is left out, and its deletions still count.
#[tokio::test]
async fn what_has_been_deleted_is_not_there() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).background_optimize(false)).await?;
    write(&store, &[("a", "1"), ("b", "1")]).await?;
    let first = store.publish(None).await?;
    write(&store, &[("a", ""), ("b", "")]).await?;
    let second = store.publish(None).await?;
    assert_eq!(shown(dir.path(), &second).await, []);
    write(&store, &[("b", "2")]).await?;
    let third = store.publish(None).await?;
    assert_eq!(shown(dir.path(), &third).await, rows(&[("b", "2")]));
    assert_eq!(dataset(dir.path()).await.get_fragments().len(), 1);
    // A version that has been replaced stays readable for a while.
    let earlier = dataset(dir.path()).await.checkout_version(first.dataset_version).await.unwrap();
    assert_eq!(shown_by(&earlier, first.version).await, rows(&[("a", "1"), ("b", "1")]));
    Ok(())
}

#[tokio::test]
async fn what_is_refused_is_named() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    let version = write(&store, &[("a", "1")]).await?;
    store.publish(Some("morning")).await?;
    write(&store, &[("a", "2")]).await?;
    let refused = store.publish(Some("morning")).await;
    assert!(
        matches!(&refused, Err(Error::TagExists { name, version: v }) if name == "morning" && *v == version),
        "{refused:?}"
    );
    for bad in ["", "a/b", "../a"] {
        let refused = store.publish(Some(bad)).await;
        assert!(matches!(&refused, Err(Error::InvalidTagName { name, .. }) if name == bad), "{refused:?}");
        assert!(matches!(store.unpublish(bad).await, Err(Error::InvalidTagName { .. })), "{bad}");
    }
    let missing = store.unpublish("evening").await;
    assert!(matches!(&missing, Err(Error::TagNotFound { name }) if name == "evening"), "{missing:?}");
    store.unpublish("morning").await?;
    assert!(dataset(dir.path()).await.tags().list().await.unwrap().is_empty());
    assert_eq!(shown(dir.path(), &store.publish(Some("morning")).await?).await, rows(&[("a", "2")]));

    let reader = LanceDatastore::open_read_only(LanceConfig::new(dir.path())).await?;
    assert!(matches!(reader.publish(None).await, Err(Error::StoreReadonly { .. })));
    assert!(matches!(reader.unpublish("morning").await, Err(Error::StoreReadonly { .. })));
    store.shutdown().await?;
    assert!(matches!(store.publish(None).await, Err(Error::StoreClosed)));
    assert!(matches!(store.unpublish("morning").await, Err(Error::StoreClosed)));
    Ok(())
}

/// What a future comes to that has been polled once.
async fn end_of<T>(begun: impl Future<Output = T>, polled: Poll<T>) -> T {
    match polled {
        Poll::Ready(ended) => ended,
        Poll::Pending => begun.await,
    }
}

/// One that was polled once and left alone holds up neither the next nor the end of the store.
#[tokio::test]
async fn a_publication_that_nobody_waits_for_holds_up_nobody() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1")]).await?;
    // Where this thread has to wait for a processor, one can be over when it has been polled once.
    let mut left = Box::pin(store.publish(None));
    let left_over = futures::poll!(&mut left);
    drop(store.publish(None));
    let published = store.publish(None).await?;
    assert_eq!(shown(dir.path(), &published).await, rows(&[("a", "1")]));
    let mut last = Box::pin(store.publish(None));
    let last_over = futures::poll!(&mut last);
    store.shutdown().await?;
    let ended = end_of(last, last_over).await;
    assert!(matches!(ended, Ok(_) | Err(Error::StoreClosed)), "{ended:?}");
    let ended = end_of(left, left_over).await;
    assert!(ended.is_ok(), "{ended:?}");
    drop(store);
    let store = open(LanceConfig::new(dir.path())).await?;
    assert_eq!(shown(dir.path(), &store.publish(None).await?).await, rows(&[("a", "1")]));
    Ok(())
}

/// Writers and readers go on meanwhile, and each publication is one state of the store: sums stay what they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publication_among_writers_is_one_state() -> Result<()> {
    const ACCOUNTS: u64 = 50;
    let dir = tempfile::tempdir().unwrap();
    let store =
        LanceConfig::new(dir.path()).memtable_bytes(4 << 10).partition_bytes(4 << 10).durability(Durability::Eventual);
    let store = std::sync::Arc::new(open(store).await?);
    let key = |account: u64| format!("account{account:02}");
    let all: Vec<_> = (0..ACCOUNTS).map(|account| (key(account), "100".to_owned())).collect();
    let all: Vec<_> = all.iter().map(|(key, val)| (key.as_str(), val.as_str())).collect();
    write(&store, &all).await?;
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writers: Vec<_> = (1..=2)
        .map(|seed| {
            let (store, done, mut random) = (store.clone(), done.clone(), Random(seed));
            tokio::spawn(async move {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let tx = store.begin(TransactionOptions::write()).await.unwrap();
                    let (from, to) = (key(random.below(ACCOUNTS)), key(random.below(ACCOUNTS)));
                    if from == to {
                        continue;
                    }
                    for (account, more) in [(from, -1i64), (to, 1)] {
                        let held = tx.get(account.as_bytes(), None).await.unwrap().unwrap();
                        let held: i64 = std::str::from_utf8(&held).unwrap().parse().unwrap();
                        tx.set(account.into(), (held + more).to_string().into()).await.unwrap();
                    }
                    match tx.commit().await {
                        Ok(()) | Err(Error::TransactionConflict { .. }) => {}
                        Err(e) => panic!("{e}"),
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let mut last = 0;
    for _ in 0..10 {
        let published = store.publish(None).await?;
        assert!(published.version > last);
        last = published.version;
        let rows = shown(dir.path(), &published).await;
        let sum: i64 = rows.iter().map(|(_, held)| held.parse::<i64>().unwrap()).sum();
        assert_eq!((rows.len() as u64, sum), (ACCOUNTS, 100 * ACCOUNTS as i64));
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    Ok(())
}
