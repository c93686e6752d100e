//! What was done to the stored store, and what it must hold.

use super::super::*;
use std::collections::BTreeMap;

/// It was merged after the first of these commits, flushed after the second, closed after the third and killed after
/// the last.
pub(super) const MERGED: u64 = 40;
pub(super) const FLUSHED: u64 = 50;
pub(super) const CLOSED: u64 = 55;
pub(super) const COMMITS: u64 = 60;

/// What a commit does to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Set(String),
    Delete,
    Erase,
}

/// What commit `i` does, which gets version `i`, in the order of the keys.
pub(super) fn changes(i: u64) -> BTreeMap<String, Change> {
    let val = |length: u64| Change::Set(format!("value {i} ").chars().cycle().take(length as usize).collect());
    let mut changes = BTreeMap::from([
        (String::new(), val(i % 4 * 5)),
        (format!("key/{:02}", i * 7 % 23), val(i * 31 % 200)),
        (format!("key/{:02}", i * 11 % 23), val(20)),
        (format!("new/{i:03}"), val(300)),
        (format!("{}{}", "long/".repeat(240), i % 5), val(40)),
    ]);
    if i.is_multiple_of(3) {
        changes.insert(format!("key/{:02}", i % 23), Change::Delete);
    }
    if i.is_multiple_of(9) {
        changes.insert(format!("key/{:02}", i * 5 % 23), Change::Erase);
        changes.insert(format!("new/{:03}", i - 4), Change::Erase);
    }
    if i % 13 == 5 {
        changes.insert("large".into(), val(9_000));
    }
    changes
}

/// What the store holds at a version, for a transaction that begins after all commits: nothing of what was erased later.
pub(super) fn state(version: u64) -> Rows {
    let mut state = BTreeMap::new();
    for (key, change) in (1..=version).flat_map(changes) {
        match change {
            Change::Set(val) => state.insert(key, val),
            Change::Delete | Change::Erase => state.remove(&key),
        };
    }
    for (key, change) in (version + 1..=COMMITS).flat_map(changes) {
        if change == Change::Erase {
            state.remove(&key);
        }
    }
    state.into_iter().collect()
}

/// Makes commit `i`.
pub(super) async fn commit(store: &LanceDatastore, i: u64) -> Result<()> {
    let tx = store.begin(TransactionOptions::write()).await?;
    for (key, change) in changes(i) {
        match change {
            Change::Set(val) => tx.set(key.into(), val.into()).await?,
            Change::Delete => tx.del(key.into()).await?,
            Change::Erase => tx.clr(key.into()).await?,
        }
    }
    tx.commit().await?;
    assert_eq!(tx.commit_version(), Some(i));
    Ok(())
}
