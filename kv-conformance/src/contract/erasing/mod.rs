//! `clr*`: what `del*` does, and, where that is declared, the history of the key as well.

mod at_rest;
mod hidden;
mod ranges;
mod snapshots;
mod within;

use crate::case::{Case, Need, Suite, cases};
use crate::fixture::{Mismatch, Store, Tx, Verdict, Visit, b, show};
use kv_api::Direction::{Backward, Forward};
use kv_api::{Error, Key, KeyRange, Result, ScanLimit, Val, Version};

pub(crate) fn suite() -> Suite {
    let versioned = |mut cases: Vec<Case>| {
        cases.iter_mut().for_each(|case| case.needs.push(Need::Versions));
        cases
    };
    let erasing = [hidden::cases(), ranges::cases(), snapshots::cases(), within::cases(), at_rest::cases()];
    Suite::new("erasing", cases![cleared_keys_are_gone, a_cancelled_clear_does_nothing])
        .needing(Need::Erasing, versioned(erasing.into_iter().flatten().collect()))
        .needing(Need::NoErasing, versioned(cases![clears_keep_older_versions]))
        .needing(Need::Persistent, {
            let mut cases = versioned(at_rest::persistent_cases());
            cases.iter_mut().for_each(|case| case.needs.push(Need::Erasing));
            cases
        })
}

const ALL: ScanLimit = ScanLimit::Count(u32::MAX);

/// Clears a key in a transaction of its own. The answer is the version of that.
async fn clear(store: &Store, key: &str) -> Result<Version> {
    clear_and(store, key, "").await
}

/// Clears a key, and then does what a script says, in one transaction.
async fn clear_and(store: &Store, key: &str, script: &str) -> Result<Version> {
    let tx = store.write().await?;
    tx.clr(b(key)).await?;
    tx.apply(script).await?;
    tx.commit().await?;
    store.version().await
}

/// Asserts what a transaction finds at a version, by every read that there is.
async fn finds(tx: &Tx, version: Version, expected: &str) -> Result<(), Mismatch> {
    let at = Some(version);
    let wrong = |read: &str, found: &dyn std::fmt::Debug| {
        Err(Mismatch(format!("at {version}, {read} finds {found:?} instead of '{expected}'")))
    };
    let rows = tx.scan(KeyRange::all(), ALL, 0, at).await?;
    if show(&rows) != expected {
        return wrong("scan", &show(&rows));
    }
    let keys: Vec<Key> = rows.iter().map(|(key, _)| key.clone()).collect();
    let (mut rows_back, mut keys_back) = (rows.clone(), keys.clone());
    rows_back.reverse();
    keys_back.reverse();
    for (read, found, right) in [
        ("scanr", tx.scanr(KeyRange::all(), ALL, 0, at).await?, &rows_back),
        ("getr", tx.getr(KeyRange::all(), at).await?, &rows),
        ("getp", tx.getp(Key::new(), at).await?, &rows),
        ("batch_keys_vals", tx.batch_keys_vals(KeyRange::all(), 1000, at).await?.items, &rows),
        ("visit", tx.visited(&Visit { version: at, ..Visit::of(.., Forward) }, usize::MAX).await?, &rows),
        ("visit back", tx.visited(&Visit { version: at, ..Visit::of(.., Backward) }, usize::MAX).await?, &rows_back),
    ] {
        if found != *right {
            return wrong(read, &show(&found));
        }
    }
    let of_visit = |rows: Vec<(Key, Val)>| rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    let visit = |direction| Visit { version: at, vals: false, ..Visit::of(.., direction) };
    for (read, found, right) in [
        ("keys", tx.keys(KeyRange::all(), ALL, 0, at).await?, &keys),
        ("keysr", tx.keysr(KeyRange::all(), ALL, 0, at).await?, &keys_back),
        ("batch_keys", tx.batch_keys(KeyRange::all(), 1000, at).await?.items, &keys),
        ("visit of keys", of_visit(tx.visited(&visit(Forward), usize::MAX).await?), &keys),
        ("visit of keys back", of_visit(tx.visited(&visit(Backward), usize::MAX).await?), &keys_back),
    ] {
        if found != *right {
            return wrong(read, &found);
        }
    }
    let arrow = tx.batch_arrow(KeyRange::all(), 1000, at).await?.batch.num_rows();
    let count = tx.count(KeyRange::all(), at).await?;
    if (arrow, count) != (rows.len(), rows.len() as u64) {
        return wrong("batch_arrow or count", &(arrow, count));
    }
    finds_each(tx, version, &rows).await
}

/// The keys that cases use.
const KEYS: [&str; 9] = ["", "a", "ab", "b", "ba", "c", "d", "e", "missing"];

/// As [`finds`], by reads of single keys.
async fn finds_each(tx: &Tx, version: Version, rows: &[(Key, Val)]) -> Result<(), Mismatch> {
    let at = Some(version);
    let all = tx.getm(KEYS.iter().map(|key| b(key)).collect(), at).await?;
    for (key, of_getm) in KEYS.iter().zip(all) {
        let right = rows.iter().find(|(found, _)| found == key.as_bytes()).map(|(_, val)| val.clone());
        let (got, exists) = (tx.get(key.as_bytes(), at).await?, tx.exists(key.as_bytes(), at).await?);
        let single = tx.rows_at(KeyRange::single(b(key)), version).await?.len();
        let here = right.is_some();
        if (&got, &of_getm, exists, single) != (&right, &right, here, usize::from(here)) {
            return Err(Mismatch(format!(
                "at {version}, '{key}' is {right:?}: get answers {got:?}, getm {of_getm:?}, exists {exists}, and a scan of it \
                 finds {single} rows"
            )));
        }
    }
    Ok(())
}

/// As [`finds`], of a transaction begun now, where the history of that version may have been
/// pruned.
async fn finds_or_pruned(store: &Store, version: Version, expected: &str) -> Result<(), Mismatch> {
    let tx = store.read().await?;
    match tx.count(KeyRange::all(), Some(version)).await {
        Err(Error::VersionNotRetained { requested, oldest }) if requested < oldest => Ok(()),
        Err(other) => Err(other.into()),
        Ok(_) => finds(&tx, version, expected).await,
    }
}

async fn cleared_keys_are_gone(store: Store) -> Verdict {
    store.given("a=1 b=1 ba=1 c=1 d=1 e=1").await?;
    let tx = store.write().await?;
    tx.clr(b("a")).await?;
    tx.clrp(b("b")).await?;
    tx.clrr(("d".."e").into()).await?;
    tx.commit().await?;
    store.holds("c=1 e=1").await?;
    Ok(())
}

async fn a_cancelled_clear_does_nothing(store: Store) -> Verdict {
    let version = store.given("a=1").await?;
    let tx = store.write().await?;
    tx.new_save_point().await?;
    tx.clr(b("a")).await?;
    tx.rollback_to_save_point().await?;
    tx.commit().await?;
    let tx = store.write().await?;
    tx.clr(b("a")).await?;
    tx.cancel().await?;
    store.holds("a=1").await?;
    if store.declared().versioned_reads {
        assert_eq!(store.read().await?.val_at("a", version).await?, "1");
    }
    Ok(())
}

async fn clears_keep_older_versions(store: Store) -> Verdict {
    let first = store.given("a=1 b=1 c=1").await?;
    let tx = store.write().await?;
    tx.clr(b("a")).await?;
    tx.clrp(b("b")).await?;
    tx.clrc(b("c"), Some(b("1"))).await?;
    tx.commit().await?;
    store.settle().await?;
    assert_eq!(store.read().await?.all_at(first).await?, "a=1 b=1 c=1");
    store.holds("").await?;
    Ok(())
}
