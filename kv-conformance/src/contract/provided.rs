//! The provided methods, overridden or not, answer what the required ones say.

use crate::case::{Need, Suite, cases};
use crate::fixture::{Store, Tx, Verdict, b, filled, show};
use arrow_array::cast::AsArray;
use kv_api::{ArrowBatch, Batch, Key, KeyRange, Result, ScanLimit, Val, Version, scan_schema};

pub(crate) fn suite() -> Suite {
    Suite::new(
        "provided",
        cases![
            getm_keeps_the_order_asked_for,
            getm_of_nothing,
            getr_is_a_scan,
            getp_is_a_scan_of_the_prefix,
            count_is_a_scan,
            delr_takes_the_range_away,
            delr_sees_own_writes,
            delr_is_undone_by_a_cancel,
            delp_takes_the_prefix_away,
            delp_of_0xff,
            clrr_and_clrp_take_away,
            a_range_delete_of_nothing,
            writes_after_a_range_delete,
            batches_cover_a_range_once,
            a_batch_at_the_end_has_no_next,
            a_batch_that_just_fits,
            batches_go_on_after_adversarial_keys,
            batches_merge_own_writes,
            batches_of_an_empty_range,
            arrow_batches_are_row_batches,
            arrow_batches_of_an_empty_range,
            arrow_batches_hold_any_bytes,
            more_than_one_page,
            compact_changes_nothing_that_is_seen,
        ],
    )
    .needing(Need::Versions, cases![batches_at_a_version])
}

/// Stored rows with own writes on top.
pub(super) async fn layered(store: &Store) -> Result<Tx> {
    store.given("=0 a=1 aa=2 ab=3 b=4 ba=5 c=6").await?;
    store.commit("ab=7 -b").await?;
    let tx = store.write().await?;
    tx.apply("a=8 -aa ac=9 d=10").await?;
    Ok(tx)
}

pub(super) fn ranges() -> Vec<KeyRange> {
    vec![
        KeyRange::all(),
        KeyRange::prefix("a"),
        KeyRange::prefix("x"),
        ("a".."b").into(),
        ("aa".."ac").into(),
        ("b"..).into(),
        (.."ab").into(),
        ("c".."a").into(),
        ("a".."a").into(),
        KeyRange::single("a"),
    ]
}

async fn getm_keeps_the_order_asked_for(store: Store) -> Verdict {
    let tx = layered(&store).await?;
    let keys = ["c", "a", "x", "aa", "", "a", "d", "b"];
    let vals = tx.getm(keys.iter().map(|key| b(key)).collect(), None).await?;
    assert_eq!(vals.len(), keys.len());
    for (key, val) in keys.iter().zip(vals) {
        assert_eq!(val, tx.get(key.as_bytes(), None).await?, "{key}");
    }
    Ok(())
}

async fn getm_of_nothing(store: Store) -> Verdict {
    assert!(store.read().await?.getm(vec![], None).await?.is_empty());
    Ok(())
}

async fn getr_is_a_scan(store: Store) -> Verdict {
    let tx = layered(&store).await?;
    for range in ranges() {
        assert_eq!(tx.getr(range.clone(), None).await?, tx.rows(range.clone()).await?, "{range:?}");
    }
    Ok(())
}

async fn getp_is_a_scan_of_the_prefix(store: Store) -> Verdict {
    let tx = layered(&store).await?;
    for prefix in ["", "a", "aa", "ab", "b", "d", "x"] {
        assert_eq!(tx.getp(b(prefix), None).await?, tx.rows(KeyRange::prefix(b(prefix))).await?, "{prefix}");
    }
    Ok(())
}

async fn count_is_a_scan(store: Store) -> Verdict {
    let tx = layered(&store).await?;
    for range in ranges() {
        assert_eq!(tx.count(range.clone(), None).await?, tx.rows(range.clone()).await?.len() as u64, "{range:?}");
    }
    Ok(())
}

async fn delr_takes_the_range_away(store: Store) -> Verdict {
    for range in ranges() {
        store.given("=0 a=1 aa=2 ab=3 b=4 ba=5 c=6").await?;
        let mut expected = store.read().await?.rows(..).await?;
        expected.retain(|(key, _)| !range.contains(key));
        let tx = store.write().await?;
        tx.delr(range.clone()).await?;
        assert_eq!(tx.rows(..).await?, expected, "{range:?}");
        tx.commit().await?;
        store.holds(&show(&expected)).await?;
    }
    Ok(())
}

async fn delr_sees_own_writes(store: Store) -> Verdict {
    let tx = layered(&store).await?;
    tx.delr(("aa".."d").into()).await?;
    assert_eq!(tx.all().await?, "=0 a=8 d=10");
    tx.commit().await?;
    store.holds("=0 a=8 d=10").await?;
    Ok(())
}

async fn delr_is_undone_by_a_cancel(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.delr(KeyRange::all()).await?;
    assert_eq!(store.all().await?, "a=1 b=1", "a range delete is transactional");
    tx.cancel().await?;
    store.holds("a=1 b=1").await?;
    Ok(())
}

async fn delp_takes_the_prefix_away(store: Store) -> Verdict {
    store.given("a=1 ab=1 ab~=1 abc=1 ac=1").await?;
    let tx = store.write().await?;
    tx.set([&b"ab"[..], &[0xff; 9]].concat().into(), b("1")).await?;
    tx.delp(b("ab")).await?;
    tx.commit().await?;
    store.holds("a=1 ac=1").await?;
    Ok(())
}

async fn delp_of_0xff(store: Store) -> Verdict {
    let tx = store.write().await?;
    for key in [&b"a"[..], b"\xfe\xff", b"\xff", b"\xff\0", b"\xff\xff\xff"] {
        tx.set(Key::copy_from_slice(key), b("1")).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.write().await?;
    tx.delp(vec![0xff].into()).await?;
    tx.commit().await?;
    store.holds(r"a=1 \xfe\xff=1").await?;
    Ok(())
}

async fn clrr_and_clrp_take_away(store: Store) -> Verdict {
    let tx = layered(&store).await?;
    tx.clrp(b("a")).await?;
    assert_eq!(tx.all().await?, "=0 ba=5 c=6 d=10");
    tx.clrr(("c"..).into()).await?;
    tx.commit().await?;
    store.holds("=0 ba=5").await?;
    Ok(())
}

async fn a_range_delete_of_nothing(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.delr(("b"..).into()).await?;
    tx.delr(("b".."a").into()).await?;
    tx.delp(b("x")).await?;
    tx.clrr(("a".."a").into()).await?;
    tx.commit().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn writes_after_a_range_delete(store: Store) -> Verdict {
    store.given("a=1 b=1 c=1").await?;
    let tx = store.write().await?;
    tx.delr(KeyRange::all()).await?;
    tx.put(b("b"), b("2")).await?;
    tx.give("d", "2").await?;
    assert_eq!(tx.all().await?, "b=2 d=2");
    tx.commit().await?;
    store.holds("b=2 d=2").await?;
    Ok(())
}

async fn paged(tx: &Tx, range: KeyRange, batch: u32) -> Result<Vec<(Key, Val)>> {
    paged_at(tx, range, batch, None).await
}

/// All pages of a range, by all three kinds of batch, which must agree.
async fn paged_at(tx: &Tx, range: KeyRange, batch: u32, at: Option<Version>) -> Result<Vec<(Key, Val)>> {
    let mut all = Vec::new();
    let mut rest = Some(range);
    while let Some(range) = rest {
        let Batch { next, items } = tx.batch_keys_vals(range.clone(), batch, at).await?;
        let keys = tx.batch_keys(range.clone(), batch, at).await?;
        let arrow = tx.batch_arrow(range.clone(), batch, at).await?;
        assert!(items.len() <= batch as usize);
        assert_eq!(keys.items, items.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), "{range:?}");
        assert_eq!(rows_of(&arrow), items, "{range:?}");
        assert!(next == keys.next && next == arrow.next, "{next:?} {:?} {:?}", keys.next, arrow.next);
        assert!(next.is_none() || items.len() == batch as usize, "a page before the last is full");
        all.extend(items);
        rest = next;
    }
    Ok(all)
}

fn rows_of(page: &ArrowBatch) -> Vec<(Key, Val)> {
    assert_eq!(page.batch.schema(), scan_schema());
    let (keys, vals) = (page.batch.column(0).as_binary::<i32>(), page.batch.column(1).as_binary::<i32>());
    let copy = |bytes: Option<&[u8]>| Key::copy_from_slice(bytes.expect("neither column is nullable"));
    keys.iter().zip(vals).map(|(key, val)| (copy(key), copy(val))).collect()
}

async fn batches_cover_a_range_once(store: Store) -> Verdict {
    let tx = layered(&store).await?;
    for range in ranges() {
        for batch in [1, 2, 3, 7, 1000, u32::MAX] {
            let rows = tx.rows(range.clone()).await?;
            assert_eq!(paged(&tx, range.clone(), batch).await?, rows, "{range:?} by {batch}");
        }
    }
    Ok(())
}

async fn a_batch_at_the_end_has_no_next(store: Store) -> Verdict {
    store.given("a=1 b=2 c=3").await?;
    let tx = store.read().await?;
    let page = tx.batch_keys_vals(KeyRange::all(), 4, None).await?;
    assert_eq!((page.items.len(), page.next), (3, None));
    let page = tx.batch_keys(KeyRange::single("c"), 1, None).await?;
    assert_eq!((page.items, page.next), (vec![b("c")], None), "nothing can follow in the range");
    Ok(())
}

async fn a_batch_that_just_fits(store: Store) -> Verdict {
    store.given("a=1 b=2 c=3 d=4").await?;
    let tx = store.read().await?;
    for batch in [2, 4] {
        assert_eq!(paged(&tx, KeyRange::all(), batch).await?, tx.rows(..).await?);
    }
    let page = tx.batch_keys(("a".."d").into(), 2, None).await?;
    let rest = tx.batch_keys(page.next.expect("c is left"), 2, None).await?;
    assert_eq!((page.items, rest.items, rest.next), (vec![b("a"), b("b")], vec![b("c")], None));
    Ok(())
}

async fn batches_go_on_after_adversarial_keys(store: Store) -> Verdict {
    let tx = store.write().await?;
    for key in [&b""[..], b"\0", b"\0\0", b"a", b"a\0", b"a\0\0", b"a\xff", b"a\xff\0", b"b", b"\xff", b"\xff\xff"] {
        tx.set(Key::copy_from_slice(key), b("1")).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    let rows = tx.rows(..).await?;
    assert_eq!(rows.len(), 11);
    for batch in [1, 2, 3] {
        assert_eq!(paged(&tx, KeyRange::all(), batch).await?, rows);
    }
    Ok(())
}

async fn batches_merge_own_writes(store: Store) -> Verdict {
    store.given("b=1 d=1 f=1 h=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 -b c=2 -d d0=2 -h i=2").await?;
    for batch in 1..8 {
        assert_eq!(show(&paged(&tx, KeyRange::all(), batch).await?), "a=2 c=2 d0=2 f=1 i=2");
    }
    Ok(())
}

async fn batches_at_a_version(store: Store) -> Verdict {
    let mut versions = vec![0];
    for script in ["a=1 b=1 c=1 d=1", "-b bb=2 d=2", "-a -bb -c -d", "=3 c=3"] {
        versions.push(store.given(script).await?);
    }
    let tx = store.write().await?;
    tx.apply("a=4 -c e=4").await?;
    for at in versions {
        for range in [KeyRange::all(), ("b".."d").into(), KeyRange::prefix("b")] {
            let rows = tx.scan(range.clone(), ScanLimit::Count(u32::MAX), 0, Some(at)).await?;
            for batch in [1, 2, 3, 4, 100] {
                assert_eq!(paged_at(&tx, range.clone(), batch, Some(at)).await?, rows, "{range:?} by {batch} at {at}");
            }
        }
    }
    Ok(())
}

async fn batches_of_an_empty_range(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.read().await?;
    for range in [KeyRange::from("b".."a"), ("a".."a").into(), ("b"..).into()] {
        let page = tx.batch_keys_vals(range, 1, None).await?;
        assert_eq!((page.items.len(), page.next), (0, None));
    }
    Ok(())
}

async fn arrow_batches_are_row_batches(store: Store) -> Verdict {
    let tx = layered(&store).await?;
    let page = tx.batch_arrow(KeyRange::all(), 100, None).await?;
    assert_eq!(page.next, None);
    assert_eq!(rows_of(&page), tx.rows(..).await?);
    let page = tx.batch_arrow(("aa"..).into(), 2, None).await?;
    assert_eq!(show(&rows_of(&page)), "ab=7 ac=9");
    Ok(())
}

async fn arrow_batches_of_an_empty_range(store: Store) -> Verdict {
    store.given("a=1").await?;
    let page = store.read().await?.batch_arrow(("b"..).into(), 10, None).await?;
    assert_eq!((page.next.clone(), rows_of(&page).len()), (None, 0));
    Ok(())
}

async fn arrow_batches_hold_any_bytes(store: Store) -> Verdict {
    let keys: [&[u8]; 7] = [b"", b"\0", b"\0\0", b"a", b"a\xff", b"\xff", b"\xff\xff"];
    let tx = store.write().await?;
    for (n, key) in keys.into_iter().enumerate() {
        // The first is empty, the last has some 100 KB.
        tx.set(Key::copy_from_slice(key), filled(n.pow(6) * 2, n as u64)).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.write().await?;
    tx.set(b("b"), Val::new()).await?;
    tx.set(Key::copy_from_slice(b"\0\0"), filled(5000, 9)).await?;
    tx.del(b("a")).await?;
    let rows = tx.rows(..).await?;
    assert_eq!(rows.len(), 7);
    for batch in 1..=8 {
        // Rows of 100 KB are not worth printing.
        assert!(paged(&tx, KeyRange::all(), batch).await? == rows, "by {batch}");
    }
    Ok(())
}

async fn more_than_one_page(store: Store) -> Verdict {
    let tx = store.write().await?;
    for n in 0..2500 {
        tx.give(&format!("k{n:04}"), "1").await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.write().await?;
    assert_eq!(tx.count(KeyRange::all(), None).await?, 2500);
    assert_eq!(tx.getr(KeyRange::all(), None).await?.len(), 2500);
    tx.delr(("k0100".."k2400").into()).await?;
    assert_eq!(tx.count(KeyRange::all(), None).await?, 200);
    tx.commit().await?;
    store.settle().await?;
    assert_eq!(store.read().await?.count(KeyRange::all(), None).await?, 200);
    Ok(())
}

async fn compact_changes_nothing_that_is_seen(store: Store) -> Verdict {
    let tx = layered(&store).await?;
    let before = tx.all().await?;
    tx.compact(None).await?;
    tx.compact(Some(KeyRange::prefix("a"))).await?;
    tx.compact(Some(("b".."a").into())).await?;
    assert_eq!(tx.all().await?, before);
    tx.commit().await?;
    store.holds(&before).await?;
    Ok(())
}
