//! `approximate_count` and `split`: bounded, and what they are for holds.

use super::provided::{layered, ranges};
use crate::case::{Suite, cases};
use crate::fixture::{Failure, Mismatch, Store, Tx, Verdict, b, refuses};
use kv_api::{ESTIMATE_SLACK, Key, KeyRange, Result};

pub(crate) fn suite() -> Suite {
    Suite::new(
        "estimates",
        cases![
            an_estimate_of_flushed_rows,
            an_estimate_of_overwritten_rows,
            an_estimate_of_nothing,
            the_parts_of_a_range_are_the_range,
            the_parts_of_a_range_hold_its_rows,
            parts_are_about_equal,
            parts_of_nothing,
            more_parts_than_keys,
        ],
    )
}

/// Far more than estimates may be off by.
const ROWS: usize = 20_000;

fn row(n: usize) -> Key {
    b(&format!("row{n:08}"))
}

fn rows(from: usize, to: usize) -> KeyRange {
    KeyRange::from(row(from)..row(to))
}

/// Rows at rest, each written `times`.
async fn given_rows(store: &Store, times: usize) -> Result<(), Failure> {
    for time in 0..times {
        let tx = store.write().await?;
        tx.setm((0..ROWS).map(|n| (row(n), b(&format!("value {time} of {n}")))).collect()).await?;
        tx.commit().await?;
        store.db().flush().await?;
    }
    store.settle().await?;
    Ok(())
}

async fn an_estimate_of_flushed_rows(store: Store) -> Verdict {
    given_rows(&store, 1).await?;
    let tx = store.read().await?;
    for (from, to) in [(0, ROWS), (0, ROWS / 2), (ROWS / 2, ROWS), (100, 15_000), (9_000, 9_010), (0, 0)] {
        let (estimate, exact) = (tx.approximate_count(rows(from, to), None).await?, (to - from) as u64);
        let (least, most) = ((exact / 2).saturating_sub(ESTIMATE_SLACK * 2), exact * 2 + ESTIMATE_SLACK * 2);
        assert!((least..=most).contains(&estimate), "{from} to {to}: {estimate}");
    }
    for range in [KeyRange::all(), KeyRange::prefix("row"), ("row"..).into()] {
        let estimate = tx.approximate_count(range, None).await?;
        assert!((8_000..=42_000).contains(&estimate), "{estimate}");
    }
    for range in [KeyRange::from(.."row"), ("s"..).into()] {
        assert!(tx.approximate_count(range, None).await? <= ESTIMATE_SLACK * 2);
    }
    Ok(())
}

async fn an_estimate_of_overwritten_rows(store: Store) -> Verdict {
    given_rows(&store, 3).await?;
    let tx = store.write().await?;
    tx.delm((0..ROWS / 2).map(row).collect()).await?;
    // Three writes a row, of which the store may have dropped two, and deletions that are pending.
    for (from, to, deleted) in [(0, ROWS, ROWS / 2), (0, 2_000, 2_000), (15_000, 16_000, 0)] {
        let estimate = tx.approximate_count(rows(from, to), None).await?;
        let most = ((to - from) * 3 + deleted) as u64 * 2 + ESTIMATE_SLACK * 2;
        assert!(estimate <= most, "{from} to {to}: {estimate} is more than {most}");
    }
    Ok(())
}

async fn an_estimate_of_nothing(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.give("c", "1").await?;
    for range in [KeyRange::from("b".."a"), ("a".."a").into(), (..Key::new()).into()] {
        assert_eq!(tx.approximate_count(range.clone(), None).await?, 0, "{range:?}");
    }
    Ok(())
}

/// Checks that parts of a range are it.
fn check_parts(range: &KeyRange, n: u32, parts: &[KeyRange]) -> Result<(), Mismatch> {
    let mismatch = |why: &str| Err(Mismatch(format!("{range:?} in {n}: {why}: {parts:?}")));
    if range.is_empty() {
        return if parts.is_empty() { Ok(()) } else { mismatch("an empty range has parts") };
    }
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return mismatch("there are none") };
    if parts.len() > n as usize {
        return mismatch("there are too many");
    }
    if first.start != range.start || last.end != range.end {
        return mismatch("they do not reach from end to end");
    }
    if parts.iter().any(KeyRange::is_empty) {
        return mismatch("one is empty");
    }
    match parts.windows(2).all(|pair| pair[0].end.as_ref() == Some(&pair[1].start)) {
        true => Ok(()),
        false => mismatch("they do not join"),
    }
}

async fn the_parts_of_a_range_are_the_range(store: Store) -> Verdict {
    let tx = layered(&store).await?;
    for range in ranges() {
        for n in [1, 2, 3, 5, 100] {
            check_parts(&range, n, &tx.split(range.clone(), n).await?)?;
        }
    }
    Ok(())
}

async fn the_parts_of_a_range_hold_its_rows(store: Store) -> Verdict {
    let tx = layered(&store).await?;
    for range in ranges() {
        for n in [1, 2, 3, 5, 100] {
            let mut found = Vec::new();
            for part in tx.split(range.clone(), n).await? {
                found.extend(tx.rows(part).await?);
            }
            assert_eq!(found, tx.rows(range.clone()).await?, "{range:?} in {n}");
        }
    }
    Ok(())
}

async fn parts_are_about_equal(store: Store) -> Verdict {
    given_rows(&store, 1).await?;
    let tx = store.read().await?;
    for (from, to, n) in [(0, ROWS, 2), (0, ROWS, 4), (0, ROWS, 7), (5_000, 15_000, 3)] {
        check_sizes(&tx, rows(from, to), to - from, n).await?;
    }
    check_sizes(&tx, KeyRange::all(), ROWS, 4).await?;
    Ok(())
}

async fn check_sizes(tx: &Tx, range: KeyRange, held: usize, n: u32) -> Result<(), Mismatch> {
    let parts = tx.split(range.clone(), n).await?;
    check_parts(&range, n, &parts)?;
    let most = held as u64 / u64::from(n) * 2 + ESTIMATE_SLACK * 2;
    for part in parts.iter().filter(|_| parts.len() > 1) {
        let rows = tx.count(part.clone(), None).await?;
        if rows > most {
            return Err(Mismatch(format!("{range:?} in {n}: {part:?} holds {rows} rows of {held}")));
        }
    }
    Ok(())
}

async fn parts_of_nothing(store: Store) -> Verdict {
    let tx = store.read().await?;
    for n in [1, 2, 10] {
        check_parts(&KeyRange::all(), n, &tx.split(KeyRange::all(), n).await?)?;
    }
    refuses!(tx.split(KeyRange::all(), 0).await, InvalidConfiguration);
    Ok(())
}

async fn more_parts_than_keys(store: Store) -> Verdict {
    store.given("a=1 b=1 c=1").await?;
    let tx = store.read().await?;
    for n in [3, 4, 1000, u32::MAX] {
        check_parts(&KeyRange::all(), n, &tx.split(KeyRange::all(), n).await?)?;
    }
    Ok(())
}
