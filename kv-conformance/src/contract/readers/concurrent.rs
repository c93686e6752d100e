//! Readers beside a writer, on several threads.

use crate::case::{Case, cases, guarded};
use crate::fixture::{Drop, Failure, Reader, Store, Verdict, polled};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

pub(super) fn cases() -> Vec<Case> {
    cases![
        a_readers_state_is_whole_while_a_writer_writes,
        refreshes_at_once_end_at_the_newest,
        a_refresh_that_is_given_up_leaves_a_whole_state
    ]
}

const COMMITS: i64 = 60;

fn number(rows: &str, key: &str) -> i64 {
    let row = rows.split(' ').find_map(|row| row.strip_prefix(key)?.strip_prefix('='));
    row.and_then(|val| val.parse().ok()).unwrap_or(i64::MIN / 4)
}

/// A sum is moved about: each state has it whole, is the same by every read, has what had been flushed, and is no older than
/// the one before it.
async fn a_readers_state_is_whole_while_a_writer_writes(store: Store) -> Verdict {
    store.commit_to_files("a=500 b=500 n=0").await?;
    let (flushed, done) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
    let writing = tokio::spawn(guarded({
        let (store, flushed) = (store.clone(), flushed.clone());
        async move {
            for n in 1..=COMMITS {
                store.commit(&format!("a={} b={} n={n}", 500 - n, 500 + n)).await?;
                if n % 2 == 0 {
                    store.db().flush().await?;
                    flushed.store(n, Ordering::SeqCst);
                }
                if n % 8 == 0 {
                    store.db().compact().await?;
                }
            }
            Ok(())
        }
    }));
    let readers: Vec<_> = (0..3)
        .map(|task| {
            let (store, flushed, done) = (store.clone(), flushed.clone(), done.clone());
            tokio::spawn(guarded(async move {
                let mut reader = store.reader().await?;
                let mut before = 0;
                while !done.load(Ordering::SeqCst) {
                    let least = flushed.load(Ordering::SeqCst).max(before);
                    if task == 0 {
                        reader = store.reader().await?;
                    } else {
                        reader.db().refresh().await?;
                    }
                    before = look(&reader, least).await?;
                    tokio::task::yield_now().await;
                }
                Ok(())
            }))
        })
        .collect();
    let written = writing.await;
    done.store(true, Ordering::SeqCst);
    for ended in readers {
        ended.await??;
    }
    written??;
    let reader = store.reader().await?;
    assert_eq!(reader.all().await?, format!("a={} b={} n={COMMITS}", 500 - COMMITS, 500 + COMMITS));
    Ok(())
}

/// The number of the last commit in a reader's state, which is checked.
async fn look(reader: &Reader, least: i64) -> Result<i64, Failure> {
    let tx = reader.read().await?;
    let rows = tx.all().await?;
    let (a, b, n) = (number(&rows, "a"), number(&rows, "b"), number(&rows, "n"));
    assert_eq!((a, b), (500 - n, 500 + n), "{rows}");
    assert!(n >= least, "{rows}: {least} had been seen, or flushed");
    assert_eq!((tx.val("b").await?, tx.val("a").await?), (b.to_string(), a.to_string()), "{rows}");
    assert_eq!(tx.count(kv_api::KeyRange::all(), None).await?, 3, "{rows}");
    Ok(n)
}

async fn refreshes_at_once_end_at_the_newest(store: Store) -> Verdict {
    store.commit_to_files("a=0").await?;
    let reader = store.reader().await?;
    for n in 1..=5 {
        store.commit_to_files(&format!("a={n}")).await?;
        let refreshes = (0..4).map(|_| reader.refreshed());
        for seen in futures::future::join_all(refreshes).await {
            assert_eq!(seen?, format!("a={n}"));
        }
    }
    Ok(())
}

/// It has taken place or not.
async fn a_refresh_that_is_given_up_leaves_a_whole_state(store: Store) -> Verdict {
    store.commit_to_files("a=0 b=0").await?;
    let reader = store.reader().await?;
    let mut before = 0;
    for n in 1..=12 {
        store.commit_to_files(&format!("a={n} b={n}")).await?;
        let dropped = Drop { polls: n, linger: n % 2 == 0 };
        if let Some(refreshed) = polled(dropped, reader.db().refresh()).await {
            refreshed?;
            assert_eq!(reader.all().await?, format!("a={n} b={n}"));
        }
        let rows = reader.all().await?;
        let (a, b) = (number(&rows, "a"), number(&rows, "b"));
        assert!(a == b && a >= before, "{rows}: {before} had been seen");
        before = a;
    }
    assert_eq!(reader.refreshed().await?, "a=12 b=12");
    Ok(())
}
