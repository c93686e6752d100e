//! Every kind of read answers as the store's does.

use super::super::provided::ranges;
use crate::case::{Case, cases};
use crate::fixture::{Store, Tx, Verdict, Visit, b};
use kv_api::{Direction, KeyRange, Result, ScanLimit, Version};
use std::fmt::Debug;

pub(super) fn cases() -> Vec<Case> {
    cases![every_read_is_the_stores, reads_of_a_transaction_that_has_ended_are_refused]
}

/// Rows that lie in several files, and some that are gone.
async fn given(store: &Store) -> Result<Vec<Version>> {
    let mut versions = Vec::new();
    for (n, script) in
        ["=0 a=1 aa=2 ab=3 b=4 ba=5 c=6", "ab=7 -b", "a=8 x=1", "-aa ac=9 d=10", "x=2 b=5 -d"].iter().enumerate()
    {
        versions.push(store.commit_to_files(script).await?);
        if n == 2 {
            store.db().compact().await?;
        }
    }
    Ok(versions)
}

fn said<T: Debug>(read: &str, of: impl Debug, answer: Result<T>) -> String {
    format!("{read} of {of:?}: {answer:?}")
}

/// What each read says.
async fn answers(tx: &Tx, at: Option<Version>) -> Vec<String> {
    let mut said_of = Vec::new();
    let keys = ["", "a", "aa", "ab", "b", "d", "x", "xx"];
    for key in keys {
        said_of.push(said("get", key, tx.get(key.as_bytes(), at).await));
        said_of.push(said("exists", key, tx.exists(key.as_bytes(), at).await));
        said_of.push(said("getp", key, tx.getp(b(key), at).await));
    }
    said_of.push(said("getm", keys, tx.getm(keys.map(b).to_vec(), at).await));
    for range in ranges() {
        for limit in [ScanLimit::Count(u32::MAX), ScanLimit::Count(2), ScanLimit::Bytes(5)] {
            for skip in [0, 1] {
                let of = (&range, limit, skip);
                said_of.push(said("keys", of, tx.keys(range.clone(), limit, skip, at).await));
                said_of.push(said("keysr", of, tx.keysr(range.clone(), limit, skip, at).await));
                said_of.push(said("scan", of, tx.scan(range.clone(), limit, skip, at).await));
                said_of.push(said("scanr", of, tx.scanr(range.clone(), limit, skip, at).await));
            }
        }
        said_of.push(said("getr", &range, tx.getr(range.clone(), at).await));
        said_of.push(said("count", &range, tx.count(range.clone(), at).await));
        said_of.push(said("batch_keys", &range, tx.batch_keys(range.clone(), 3, at).await));
        said_of.push(said("batch_keys_vals", &range, tx.batch_keys_vals(range.clone(), 3, at).await));
        let batch = tx.batch_arrow(range.clone(), 3, at).await;
        said_of.push(said("batch_arrow", &range, batch.map(|batch| (batch.next, batch.batch))));
        for (direction, vals, most) in
            [(Direction::Forward, true, 100), (Direction::Backward, false, 100), (Direction::Backward, true, 2)]
        {
            let visit = Visit { version: at, vals, ..Visit::of(range.clone(), direction) };
            said_of.push(said("visit", &visit, tx.visited(&visit, most).await));
        }
    }
    said_of
}

async fn every_read_is_the_stores(store: Store) -> Verdict {
    let versions = given(&store).await?;
    let (of_store, of_reader) = (store.read().await?, store.reader().await?.read().await?);
    assert!(!of_reader.writeable() && !of_reader.closed());
    assert_eq!(of_reader.kind(), of_store.kind());
    assert_eq!(of_reader.all().await?, "=0 a=8 ab=7 ac=9 b=5 ba=5 c=6 x=2");
    let at_versions: Vec<Version> = if store.declared().versioned_reads { versions } else { vec![] };
    let at_versions = at_versions.iter().flat_map(|version| [version - 1, *version]).chain([Version::MAX]);
    // Without versions the same refusal.
    for at in std::iter::once(None).chain(at_versions.map(Some)) {
        let (expected, found) = (answers(&of_store, at).await, answers(&of_reader, at).await);
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(found, expected, "at {at:?}");
        }
        assert_eq!(found.len(), expected.len());
    }
    for range in ranges() {
        let whole = of_reader.count(range.clone(), None).await?;
        let mut parts = 0;
        for part in of_reader.split(range, 3).await? {
            parts += of_reader.count(part, None).await?;
        }
        assert_eq!(parts, whole);
    }
    Ok(())
}

async fn reads_of_a_transaction_that_has_ended_are_refused(store: Store) -> Verdict {
    store.commit_to_files("a=1").await?;
    let tx = store.reader().await?.read().await?;
    tx.cancel().await?;
    assert!(tx.closed());
    for answer in answers(&tx, None).await {
        assert!(answer.ends_with(": Err(TransactionFinished)"), "{answer}");
    }
    assert!(tx.split(KeyRange::all(), 2).await.is_err());
    Ok(())
}
