//! `visit` shows what the scans answer, row by row, until its visitor breaks.

use super::provided::{layered, ranges};
use crate::case::{Need, Suite, cases};
use crate::fixture::{Failure, Mismatch, Store, Tx, Verdict, Visit, b, filled, refuses, show};
use kv_api::Direction::{Backward, Forward};
use kv_api::{Direction, Key, KeyRange, Result, ScanLimit, Val};

pub(crate) fn suite() -> Suite {
    let serializable = cases![
        what_was_visited_is_checked,
        a_gap_that_was_visited_is_checked,
        the_row_of_the_break_is_checked,
        a_visit_to_the_end_is_checked,
        visits_without_values_are_checked,
    ];
    Suite::new(
        "visits",
        cases![
            a_visit_is_a_scan,
            a_visit_ends_where_its_visitor_breaks,
            without_values_there_are_none,
            a_visit_of_nothing,
            a_visit_merges_own_writes,
            a_visit_after_a_rollback,
            a_visit_keeps_to_its_snapshot,
            a_visit_of_adversarial_keys,
            a_visit_of_more_than_a_page,
            a_visit_of_long_values,
            a_visit_beside_a_flush,
        ],
    )
    .needing(Need::Versions, cases![a_visit_at_a_version])
    .needing(Need::Serializable, serializable)
}

const DIRECTIONS: [Direction; 2] = [Forward, Backward];

/// What the scans answer.
async fn scanned(tx: &Tx, visit: &Visit) -> Result<Vec<(Key, Val)>> {
    let (range, all, at) = (visit.range.clone(), ScanLimit::Count(u32::MAX), visit.version);
    let rows = match visit.direction {
        Forward => tx.scan(range, all, 0, at).await?,
        Backward => tx.scanr(range, all, 0, at).await?,
    };
    let cut = |(key, val)| (key, if visit.vals { val } else { Val::new() });
    Ok(rows.into_iter().map(cut).collect())
}

/// Compares visits of a range, whole and broken off at each of `breaks`, with the scans.
async fn compare(tx: &Tx, visit: &Visit, breaks: &[usize]) -> Result<(), Mismatch> {
    let expected = scanned(tx, visit).await?;
    for most in breaks.iter().copied().chain([usize::MAX]) {
        let rows = tx.visited(visit, most).await?;
        if rows != expected[..expected.len().min(most)] {
            return Err(Mismatch(format!("{visit:?} to row {most} shows '{}' of '{}'", show(&rows), show(&expected))));
        }
    }
    Ok(())
}

/// As [`compare`], in both directions, with and without values.
async fn compare_all(tx: &Tx, range: impl Into<KeyRange>, breaks: &[usize]) -> Result<(), Mismatch> {
    let range = range.into();
    for direction in DIRECTIONS {
        for vals in [true, false] {
            let visit = Visit { vals, ..Visit::of(range.clone(), direction) };
            compare(tx, &visit, breaks).await?;
        }
    }
    Ok(())
}

async fn a_visit_is_a_scan(store: Store) -> Verdict {
    let tx = layered(&store).await?;
    for range in ranges() {
        compare_all(&tx, range, &[]).await?;
    }
    Ok(())
}

async fn a_visit_ends_where_its_visitor_breaks(store: Store) -> Verdict {
    let tx = layered(&store).await?;
    for range in ranges() {
        compare_all(&tx, range, &[1, 2, 3, 4, 5, 6, 7, 8]).await?;
    }
    Ok(())
}

async fn without_values_there_are_none(store: Store) -> Verdict {
    let tx = layered(&store).await?;
    let rows = tx.visited(&Visit { vals: false, ..Visit::of(.., Forward) }, usize::MAX).await?;
    assert_eq!(show(&rows), "= a= ab= ac= ba= c= d=");
    Ok(())
}

async fn a_visit_of_nothing(store: Store) -> Verdict {
    store.given("a=1 c=1").await?;
    let tx = store.read().await?;
    for range in [KeyRange::from("b".."c"), ("d"..).into(), ("c".."a").into(), ("a".."a").into()] {
        for direction in DIRECTIONS {
            assert_eq!(tx.visited(&Visit::of(range.clone(), direction), 1).await?, [], "{range:?}");
        }
    }
    Ok(())
}

async fn a_visit_merges_own_writes(store: Store) -> Verdict {
    store.given("b=1 d=1 f=1 h=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 -b c=2 -d d0=2 -h i=2").await?;
    let visited = async |direction| Ok::<_, Failure>(show(&tx.visited(&Visit::of(.., direction), 9).await?));
    assert_eq!(visited(Forward).await?, "a=2 c=2 d0=2 f=1 i=2");
    assert_eq!(visited(Backward).await?, "i=2 f=1 d0=2 c=2 a=2");
    Ok(())
}

async fn a_visit_after_a_rollback(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.new_save_point().await?;
    tx.apply("a=2 -b c=2").await?;
    assert_eq!(show(&tx.visited(&Visit::of(.., Forward), 9).await?), "a=2 c=2");
    tx.rollback_to_save_point().await?;
    assert_eq!(show(&tx.visited(&Visit::of(.., Backward), 9).await?), "b=1 a=1");
    Ok(())
}

async fn a_visit_keeps_to_its_snapshot(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let tx = store.read().await?;
    store.given("a=2 -b c=2").await?;
    if !store.settles_by_reopening() {
        assert_eq!(show(&tx.visited(&Visit::of(.., Forward), 9).await?), "a=1 b=1");
    }
    assert_eq!(show(&store.read().await?.visited(&Visit::of(.., Forward), 9).await?), "a=2 c=2");
    Ok(())
}

async fn a_visit_of_adversarial_keys(store: Store) -> Verdict {
    let tx = store.write().await?;
    for key in [&b""[..], b"\0", b"\0\0", b"a", b"a\0", b"a\0\0", b"a\xff", b"a\xff\0", b"b", b"\xff", b"\xff\xff"] {
        tx.set(Key::copy_from_slice(key), b("1")).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    compare_all(&tx, .., &[1, 3, 10, 11, 12]).await?;
    compare_all(&tx, KeyRange::prefix(vec![0xff]), &[1, 2]).await?;
    compare_all(&tx, KeyRange::single("a"), &[1]).await?;
    compare_all(&tx, KeyRange::from(vec![b'a', 0]..vec![b'a', 0xff]), &[1]).await?;
    Ok(())
}

async fn a_visit_of_more_than_a_page(store: Store) -> Verdict {
    let tx = store.write().await?;
    for n in 0..2500 {
        tx.give(&format!("k{n:04}"), &n.to_string()).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.write().await?;
    for n in (0..2500).step_by(7) {
        tx.del(b(&format!("k{n:04}"))).await?;
        tx.give(&format!("k{n:04}x"), "own").await?;
    }
    compare_all(&tx, .., &[1, 999, 1000, 1001, 2000, 2499, 2500]).await?;
    compare_all(&tx, "k0100".."k2400", &[1000, 1001]).await?;
    Ok(())
}

async fn a_visit_of_long_values(store: Store) -> Verdict {
    let tx = store.write().await?;
    for n in 0..7 {
        tx.set(b(&format!("k{n}")), filled(n * 300_000, n as u64)).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    compare_all(&tx, .., &[1, 4, 5, 6, 7]).await?;
    Ok(())
}

async fn a_visit_beside_a_flush(store: Store) -> Verdict {
    store.commit("a=1 b=1").await?;
    store.db().flush().await?;
    store.commit("-a c=1").await?;
    let tx = store.write().await?;
    tx.apply("b=2 d=2").await?;
    store.db().flush().await?;
    compare_all(&tx, .., &[1, 2]).await?;
    store.db().compact().await?;
    compare_all(&tx, .., &[1, 2]).await?;
    Ok(())
}

async fn a_visit_at_a_version(store: Store) -> Verdict {
    let mut versions = vec![0];
    for script in ["a=1 b=1 c=1 d=1", "-b bb=2 d=2", "-a -bb -c -d", "=3 c=3"] {
        versions.push(store.given(script).await?);
    }
    versions.push(u64::MAX);
    let tx = store.write().await?;
    tx.apply("a=4 -c e=4").await?;
    for version in versions.into_iter().map(Some) {
        for range in [KeyRange::all(), ("b".."d").into(), KeyRange::prefix("b")] {
            for direction in DIRECTIONS {
                let visit = Visit { version, ..Visit::of(range.clone(), direction) };
                compare(&tx, &visit, &[1, 2, 3]).await?;
            }
        }
    }
    Ok(())
}

/// Visits `b` to `y` up to the row with the number `most`, while another transaction makes
/// `change`.
async fn changed(store: &Store, visit: Visit, most: usize, change: &str) -> Result<Result<()>> {
    store.given("a=1 b=1 c=1 d=1 e=1 -b0 -bb -cc -e0 -x").await?;
    let tx = store.serializable().await?;
    tx.visited(&visit, most).await?;
    tx.give("w", "1").await?;
    store.commit(change).await?;
    Ok(tx.commit().await)
}

fn b_to_y(direction: Direction) -> Visit {
    Visit::of("b".."y", direction)
}

async fn what_was_visited_is_checked(store: Store) -> Verdict {
    for change in ["b=2", "-b", "c=2"] {
        refuses!(changed(&store, b_to_y(Forward), 3, change).await?, TransactionConflict);
    }
    for change in ["w=2", "e=2", "-e", "d=2"] {
        refuses!(changed(&store, b_to_y(Backward), 4, change).await?, TransactionConflict);
    }
    changed(&store, b_to_y(Forward), 3, "a=2 y=2").await??;
    Ok(())
}

async fn a_gap_that_was_visited_is_checked(store: Store) -> Verdict {
    for change in ["bb=1", "b0=1"] {
        refuses!(changed(&store, b_to_y(Forward), 2, change).await?, TransactionConflict);
    }
    for change in ["x=1", "e0=1"] {
        refuses!(changed(&store, b_to_y(Backward), 3, change).await?, TransactionConflict);
    }
    Ok(())
}

async fn the_row_of_the_break_is_checked(store: Store) -> Verdict {
    refuses!(changed(&store, b_to_y(Forward), 1, "b=2").await?, TransactionConflict);
    refuses!(changed(&store, b_to_y(Forward), 3, "-d").await?, TransactionConflict);
    refuses!(changed(&store, Visit::of("b".."e", Backward), 1, "d=2").await?, TransactionConflict);
    refuses!(changed(&store, Visit::of("b".."e", Backward), 2, "-c").await?, TransactionConflict);
    Ok(())
}

async fn a_visit_to_the_end_is_checked(store: Store) -> Verdict {
    for direction in DIRECTIONS {
        for change in ["b0=1", "x=1", "-c", "e=2"] {
            refuses!(changed(&store, b_to_y(direction), usize::MAX, change).await?, TransactionConflict);
        }
        // Nothing was there to be shown.
        refuses!(changed(&store, Visit::of("x".."y", direction), 1, "x=1").await?, TransactionConflict);
        changed(&store, b_to_y(direction), usize::MAX, "a=2 y=2").await??;
    }
    Ok(())
}

async fn visits_without_values_are_checked(store: Store) -> Verdict {
    for direction in DIRECTIONS {
        let visit = Visit { vals: false, ..b_to_y(direction) };
        for change in ["bb=1", "-c", "d=2"] {
            refuses!(changed(&store, visit.clone(), usize::MAX, change).await?, TransactionConflict);
        }
    }
    Ok(())
}
