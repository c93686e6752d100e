//! The rules hold for every length of a key, size of a transaction and depth of save points.

use crate::case::{Need, Suite, cases};
use crate::fixture::{Failure, Store, Tx, Verdict, b, filled, sizes};
use kv_api::{Error, Key, KeyRange, MAX_KEY_BYTES};
use std::collections::BTreeMap;

pub(crate) fn suite() -> Suite {
    Suite::new(
        "sizes",
        cases![
            writes_conflict_whatever_the_length_of_the_key,
            neighbours_do_not_conflict_whatever_the_length_of_the_key,
            keys_of_every_length_come_back,
            transactions_of_every_size,
            save_points_of_every_depth,
            save_points_of_every_depth_released_or_not,
        ],
    )
    .needing(Need::ReadChecks, cases![checked_reads_conflict_whatever_the_length_of_the_key])
    .needing(Need::Serializable, cases![reads_conflict_whatever_the_length_of_the_key])
}

/// Nested this deep.
const DEPTH: usize = 64;

/// A key of each length that the store takes.
async fn keys(store: &Store) -> Result<Vec<Key>, Failure> {
    let tx = store.write().await?;
    let mut keys = Vec::new();
    for len in sizes(300, MAX_KEY_BYTES) {
        let key = filled(len, 5);
        match tx.set(key.clone(), b("1")).await {
            Ok(()) => keys.push(key),
            Err(Error::KeyTooLarge { limit, .. }) if limit < len => break,
            Err(other) => return Err(other.into()),
        }
    }
    Ok(keys)
}

/// What the loser of a conflict does with the key.
#[derive(Debug, Clone, Copy)]
enum Loser {
    Writes,
    Checks,
    Reads,
}

/// A store did not look for conflicts over keys of 24 to 31 bytes, and nobody had tried one.
async fn conflicts(store: &Store, loser: Loser) -> Verdict {
    let keys = keys(store).await?;
    let mut losers = Vec::new();
    for key in &keys {
        let tx = match loser {
            Loser::Reads => store.serializable().await?,
            Loser::Writes | Loser::Checks => store.write().await?,
        };
        match loser {
            Loser::Writes => tx.set(key.clone(), b("loser")).await?,
            Loser::Checks => drop(tx.getu(key).await?),
            Loser::Reads => drop(tx.get(key, None).await?),
        }
        tx.give("of the loser", "1").await?;
        losers.push(tx);
    }
    write_all(store, &keys, "winner").await?;
    for (key, tx) in keys.iter().zip(losers) {
        let outcome = tx.commit().await;
        let conflicts = matches!(outcome, Err(Error::TransactionConflict { .. }));
        assert!(conflicts, "of a key of {} bytes; the other {loser:?}: {outcome:?}", key.len());
    }
    Ok(())
}

async fn write_all(store: &Store, keys: &[Key], val: &str) -> Verdict {
    let tx = store.write().await?;
    for key in keys {
        tx.set(key.clone(), b(val)).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn writes_conflict_whatever_the_length_of_the_key(store: Store) -> Verdict {
    conflicts(&store, Loser::Writes).await
}

async fn checked_reads_conflict_whatever_the_length_of_the_key(store: Store) -> Verdict {
    conflicts(&store, Loser::Checks).await
}

async fn reads_conflict_whatever_the_length_of_the_key(store: Store) -> Verdict {
    conflicts(&store, Loser::Reads).await
}

async fn neighbours_do_not_conflict_whatever_the_length_of_the_key(store: Store) -> Verdict {
    let keys = keys(&store).await?;
    let tx = store.write().await?;
    for key in keys.iter().filter(|key| !key.is_empty()) {
        let mut neighbour = key.to_vec();
        *neighbour.last_mut().expect("it has a byte") ^= 1;
        tx.set(neighbour.into(), b("1")).await?;
    }
    write_all(&store, &keys, "1").await?;
    tx.commit().await?;
    assert_eq!(store.read().await?.count(KeyRange::all(), None).await?, keys.len() as u64 * 2 - 1);
    Ok(())
}

async fn keys_of_every_length_come_back(store: Store) -> Verdict {
    let mut keys = keys(&store).await?;
    write_all(&store, &keys, "1").await?;
    store.settle().await?;
    let tx = store.read().await?;
    for key in &keys {
        assert_eq!(tx.get(key, None).await?, Some(b("1")), "of a key of {} bytes", key.len());
    }
    keys.sort();
    // Not `assert_eq`: the message would be the keys.
    assert!(tx.rows(..).await?.into_iter().map(|(key, _)| key).eq(keys));
    Ok(())
}

async fn transactions_of_every_size(store: Store) -> Verdict {
    let sizes = sizes(20, 520);
    for size in &sizes {
        let tx = store.write().await?;
        for n in 0..*size {
            tx.give(&format!("of {size:04}, {n:04}"), &n.to_string()).await?;
        }
        tx.commit().await?;
    }
    for settled in [false, true] {
        if settled {
            store.settle().await?;
        }
        let tx = store.read().await?;
        for size in &sizes {
            let rows = tx.rows(KeyRange::prefix(format!("of {size:04}, "))).await?;
            assert_eq!(rows.len(), *size, "writes of a transaction of {size}; settled: {settled}");
            assert!(rows.iter().enumerate().all(|(n, (_, val))| *val == n.to_string()), "{size}; settled: {settled}");
        }
    }
    Ok(())
}

/// What a transaction shows, as a case keeps count of it.
type Shown = BTreeMap<String, String>;

/// Opens save points, with writes inside each. The answer is what was there before each.
async fn nested(tx: &Tx) -> Result<(Vec<Shown>, Shown), Failure> {
    let (mut before, mut now) = (Vec::new(), Shown::new());
    for depth in 1..=DEPTH {
        tx.new_save_point().await?;
        before.push(now.clone());
        for key in [format!("of {depth:02}"), format!("of each {}", depth % 3)] {
            tx.give(&key, &depth.to_string()).await?;
            now.insert(key, depth.to_string());
        }
    }
    Ok((before, now))
}

async fn shows(tx: &Tx, depth: usize, expected: &Shown) -> Verdict {
    let rows = tx.rows(..).await?;
    let same = rows.iter().map(|(key, val)| (&key[..], &val[..]));
    assert!(same.eq(expected.iter().map(|(key, val)| (key.as_bytes(), val.as_bytes()))), "at depth {depth}: {rows:?}");
    Ok(())
}

async fn save_points_of_every_depth(store: Store) -> Verdict {
    let tx = store.write().await?;
    let (mut before, now) = nested(&tx).await?;
    shows(&tx, DEPTH, &now).await?;
    while let Some(expected) = before.pop() {
        tx.rollback_to_save_point().await?;
        shows(&tx, before.len(), &expected).await?;
    }
    tx.commit().await?;
    store.holds("").await?;
    Ok(())
}

async fn save_points_of_every_depth_released_or_not(store: Store) -> Verdict {
    let tx = store.write().await?;
    let (mut before, mut now) = nested(&tx).await?;
    while let Some(expected) = before.pop() {
        // What a release keeps the next rollback takes back.
        if before.len() % 3 == 0 {
            tx.release_last_save_point().await?;
        } else {
            tx.rollback_to_save_point().await?;
            now = expected;
        }
        shows(&tx, before.len(), &now).await?;
    }
    tx.commit().await?;
    shows(&store.read().await?, 0, &now).await
}
