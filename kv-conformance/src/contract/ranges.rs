//! Half-open ranges in bytewise order, both ways.

use crate::case::{Suite, cases};
use crate::fixture::{Store, Tx, Verdict, b, show};
use bytes::Bytes;
use kv_api::{KeyRange, Result};

pub(crate) fn suite() -> Suite {
    Suite::new(
        "ranges",
        cases![
            the_start_is_in_and_the_end_is_not,
            bounds_need_no_key,
            an_empty_range,
            an_inverted_range,
            a_range_before_everything,
            a_range_after_everything,
            ranges_without_an_end,
            ranges_without_a_start,
            a_single_key,
            the_key_after_skips_nothing,
            a_prefix,
            a_prefix_that_ends_in_0xff,
            a_prefix_of_0xff_alone,
            the_empty_prefix_is_everything,
            tails_of_zero_bytes,
            the_empty_key_in_ranges,
            backward_is_forward_reversed,
            keys_are_those_of_scans,
            deleted_keys_are_not_there,
            long_bounds,
            an_end_of_0xff_excludes_it,
            a_bound_between_two_blocks_of_data,
        ],
    )
}

async fn the_start_is_in_and_the_end_is_not(store: Store) -> Verdict {
    store.given("a=1 b=2 c=3 d=4").await?;
    assert_eq!(store.read().await?.show("b".."d").await?, "b=2 c=3");
    Ok(())
}

async fn bounds_need_no_key(store: Store) -> Verdict {
    store.given("b=2 d=4 f=6").await?;
    let tx = store.read().await?;
    assert_eq!(tx.show("a".."e").await?, "b=2 d=4");
    assert_eq!(tx.show("c".."g").await?, "d=4 f=6");
    assert_eq!(tx.show("c".."d").await?, "");
    assert_eq!(back(&tx, "c".."g").await?, "f=6 d=4");
    Ok(())
}

async fn an_empty_range(store: Store) -> Verdict {
    store.given("a=1 b=2").await?;
    let tx = store.write().await?;
    tx.give("c", "3").await?;
    for bound in ["", "a", "aa", "b", "c", "d"] {
        nothing(&tx, KeyRange::from(b(bound)..b(bound))).await?;
    }
    Ok(())
}

async fn an_inverted_range(store: Store) -> Verdict {
    store.given("a=1 b=2 d=4").await?;
    let tx = store.write().await?;
    tx.apply("c=3 -d").await?;
    nothing(&tx, ("b".."a").into()).await?;
    nothing(&tx, ("z".."").into()).await?;
    nothing(&tx, ("d".."b").into()).await?;
    nothing(&tx, KeyRange::from(b"\xff\xff".to_vec()..b"\0".to_vec())).await?;
    tx.delr(("z".."a").into()).await?;
    assert_eq!(tx.all().await?, "a=1 b=2 c=3");
    Ok(())
}

async fn a_range_before_everything(store: Store) -> Verdict {
    store.given("m=1 n=2").await?;
    nothing(&store.read().await?, ("a".."m").into()).await?;
    nothing(&store.read().await?, (.."m").into()).await?;
    Ok(())
}

async fn a_range_after_everything(store: Store) -> Verdict {
    store.given("m=1 n=2").await?;
    nothing(&store.read().await?, ("o".."z").into()).await?;
    nothing(&store.read().await?, ("n\0"..).into()).await?;
    Ok(())
}

async fn ranges_without_an_end(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.apply("a=1 b=2").await?;
    tx.set(vec![0xff; 100].into(), b("3")).await?;
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    assert_eq!(tx.rows("b"..).await?, [(b("b"), b("2")), (vec![0xff; 100].into(), b("3"))]);
    assert_eq!(tx.keysr(("b"..).into(), 1.into(), 0, None).await?, [vec![0xff; 100]]);
    Ok(())
}

async fn ranges_without_a_start(store: Store) -> Verdict {
    store.given("=0 a=1 b=2").await?;
    let tx = store.read().await?;
    assert_eq!(tx.show(.."b").await?, "=0 a=1");
    assert_eq!(tx.show(.."a").await?, "=0");
    assert_eq!(back(&tx, .."b").await?, "a=1 =0");
    Ok(())
}

async fn a_single_key(store: Store) -> Verdict {
    store.given("a=1 a\0=2 aa=3 b=4").await?;
    let tx = store.read().await?;
    assert_eq!(tx.show(KeyRange::single("a")).await?, "a=1");
    assert_eq!(tx.show(KeyRange::single("b")).await?, "b=4");
    assert_eq!(tx.show(KeyRange::single("c")).await?, "");
    Ok(())
}

async fn the_key_after_skips_nothing(store: Store) -> Verdict {
    store.given("a=1 a\0=2 a\0\0=3 a\x01=4").await?;
    let tx = store.read().await?;
    assert_eq!(tx.rows(KeyRange { start: KeyRange::key_after(b"a"), end: None }).await?.len(), 3);
    assert_eq!(tx.rows(KeyRange { start: KeyRange::key_after(b"a\0"), end: None }).await?.len(), 2);
    Ok(())
}

async fn a_prefix(store: Store) -> Verdict {
    store.given("a=1 ab=2 ab\0=3 ab~=4 abc=5 ac=6 b=7").await?;
    let tx = store.read().await?;
    assert_eq!(tx.rows(KeyRange::prefix("ab")).await?.len(), 4);
    assert_eq!(tx.show(KeyRange::prefix("abc")).await?, "abc=5");
    assert_eq!(tx.show(KeyRange::prefix("x")).await?, "");
    Ok(())
}

async fn given_keys(store: &Store, keys: &[&'static [u8]]) -> Result<()> {
    let tx = store.write().await?;
    for key in keys {
        tx.set(Bytes::from_static(key), b("v")).await?;
    }
    tx.commit().await?;
    store.settle().await
}

async fn a_prefix_that_ends_in_0xff(store: Store) -> Verdict {
    given_keys(&store, &[b"a", b"a\xfe", b"a\xff", b"a\xff\0", b"a\xff\xff\xff", b"b", b"\xff"]).await?;
    let tx = store.read().await?;
    let keys = tx.keys(KeyRange::prefix(&b"a\xff"[..]), 100.into(), 0, None).await?;
    assert_eq!(keys, [&b"a\xff"[..], b"a\xff\0", b"a\xff\xff\xff"]);
    assert_eq!(tx.count(KeyRange::prefix("a"), None).await?, 5, "p ++ 0xff… is inside");
    Ok(())
}

async fn a_prefix_of_0xff_alone(store: Store) -> Verdict {
    given_keys(&store, &[b"a", b"\xfe\xff", b"\xff", b"\xff\0", b"\xff\xff", b"\xff\xff\xff\xff"]).await?;
    let tx = store.read().await?;
    assert_eq!(tx.count(KeyRange::prefix(&b"\xff"[..]), None).await?, 4);
    assert_eq!(tx.count(KeyRange::prefix(&b"\xff\xff"[..]), None).await?, 2);
    let last = tx.keysr(KeyRange::prefix(&b"\xff"[..]), 1.into(), 0, None).await?;
    assert_eq!(last, [&b"\xff\xff\xff\xff"[..]]);
    Ok(())
}

async fn the_empty_prefix_is_everything(store: Store) -> Verdict {
    given_keys(&store, &[b"", b"\0", b"a", b"\xff\xff"]).await?;
    assert_eq!(store.read().await?.count(KeyRange::prefix(""), None).await?, 4);
    Ok(())
}

async fn tails_of_zero_bytes(store: Store) -> Verdict {
    let keys: [&[u8]; 6] = [b"a", b"a\0", b"a\0\0", b"a\0\x01", b"a\x01", b"b"];
    given_keys(&store, &keys).await?;
    let tx = store.read().await?;
    for (from, start) in keys.iter().enumerate() {
        for (to, end) in keys.iter().enumerate() {
            let expected = keys.get(from..to).unwrap_or_default();
            let range = KeyRange::from(start.to_vec()..end.to_vec());
            assert_eq!(tx.keys(range, 100.into(), 0, None).await?, expected, "{start:?}..{end:?}");
        }
    }
    Ok(())
}

async fn the_empty_key_in_ranges(store: Store) -> Verdict {
    given_keys(&store, &[b"", b"\0", b"a"]).await?;
    let tx = store.read().await?;
    assert_eq!(tx.count((.."\0").into(), None).await?, 1);
    assert_eq!(tx.count(KeyRange::single(""), None).await?, 1);
    assert_eq!(tx.count(("\0"..).into(), None).await?, 2);
    assert_eq!(tx.keysr((..).into(), 100.into(), 2, None).await?, [&b""[..]]);
    Ok(())
}

async fn backward_is_forward_reversed(store: Store) -> Verdict {
    store.given("=0 a=1 ab=2 b=3 ba=4 c=5 ca=6").await?;
    store.commit("ab=7 -b d=8").await?;
    let tx = store.write().await?;
    tx.apply("aa=9 -ca c=10").await?;
    let bounds = ["", "a", "aa", "ab", "b", "bb", "c", "d", "e"];
    for start in bounds {
        for end in bounds {
            let range = KeyRange::from(b(start)..b(end));
            let mut rows = tx.scanr(range.clone(), 100.into(), 0, None).await?;
            rows.reverse();
            assert_eq!(rows, tx.rows(range).await?, "{start}..{end}");
        }
    }
    Ok(())
}

async fn keys_are_those_of_scans(store: Store) -> Verdict {
    store.given("a=1 b=2 c=3 d=4").await?;
    let tx = store.write().await?;
    tx.apply("-b bb=5").await?;
    for range in [KeyRange::all(), ("b".."d").into(), ("bb"..).into(), (.."c").into(), ("c".."b").into()] {
        let scanned: Vec<_> = tx.rows(range.clone()).await?.into_iter().map(|(key, _)| key).collect();
        assert_eq!(tx.keys(range.clone(), 100.into(), 0, None).await?, scanned);
        let scanned: Vec<_> = scanned.into_iter().rev().collect();
        assert_eq!(tx.keysr(range, 100.into(), 0, None).await?, scanned);
    }
    Ok(())
}

async fn deleted_keys_are_not_there(store: Store) -> Verdict {
    store.given("a=1 b=2 c=3 d=4 e=5").await?;
    store.given("-a -c -e").await?;
    let tx = store.read().await?;
    assert_eq!(tx.all().await?, "b=2 d=4");
    assert_eq!(back(&tx, ..).await?, "d=4 b=2");
    assert_eq!(tx.show("a".."d").await?, "b=2");
    nothing(&tx, ("c".."d").into()).await?;
    Ok(())
}

async fn long_bounds(store: Store) -> Verdict {
    store.given("a=1 b=2").await?;
    let tx = store.read().await?;
    let long = |byte: u8| Bytes::from([&b"a"[..], &vec![byte; 10_000]].concat());
    assert_eq!(tx.show(long(0)..).await?, "b=2");
    assert_eq!(tx.show(..long(0)).await?, "a=1");
    assert_eq!(tx.show(long(0)..long(0xff)).await?, "");
    assert_eq!(tx.show("a"..).await?, "a=1 b=2");
    Ok(())
}

async fn an_end_of_0xff_excludes_it(store: Store) -> Verdict {
    given_keys(&store, &[b"a", b"\xfe\xff", b"\xff"]).await?;
    let tx = store.read().await?;
    assert_eq!(tx.count(KeyRange { start: Bytes::new(), end: Some(vec![0xff].into()) }, None).await?, 2);
    assert_eq!(tx.count(KeyRange { start: Bytes::new(), end: Some(vec![0xff, 0].into()) }, None).await?, 3);
    Ok(())
}

async fn a_bound_between_two_blocks_of_data(store: Store) -> Verdict {
    let tx = store.write().await?;
    for n in 0..500 {
        tx.set(b(&format!("k{n:04}")), vec![b'v'; 40].into()).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    for n in (0..500).step_by(7) {
        let at = b(&format!("k{n:04}"));
        let before = tx.keysr(KeyRange { start: Bytes::new(), end: Some(at.clone()) }, 2.into(), 0, None).await?;
        let after = tx.keys(KeyRange { start: at, end: None }, 2.into(), 0, None).await?;
        let expected = |range: std::ops::Range<usize>| range.map(|n| b(&format!("k{n:04}"))).collect::<Vec<_>>();
        assert_eq!(after, expected(n..(n + 2).min(500)), "from {n}");
        let mut expected = expected(n.saturating_sub(2)..n);
        expected.reverse();
        assert_eq!(before, expected, "before {n}");
    }
    Ok(())
}

async fn back(tx: &Tx, range: impl Into<KeyRange>) -> Result<String> {
    Ok(show(&tx.scanr(range.into(), u32::MAX.into(), 0, None).await?))
}

/// Asserts that nothing answers anything in `range`.
async fn nothing(tx: &Tx, range: KeyRange) -> Result<()> {
    assert_eq!(tx.show(range.clone()).await?, "", "{range:?}");
    assert_eq!(back(tx, range.clone()).await?, "", "{range:?}");
    assert!(tx.keys(range.clone(), 10.into(), 0, None).await?.is_empty(), "{range:?}");
    assert!(tx.keysr(range.clone(), 10.into(), 0, None).await?.is_empty(), "{range:?}");
    assert_eq!(tx.count(range.clone(), None).await?, 0, "{range:?}");
    assert!(tx.getr(range.clone(), None).await?.is_empty(), "{range:?}");
    assert!(tx.batch_keys(range, 10, None).await?.next.is_none());
    Ok(())
}
