//! Limits and skips, tested before each entry of the merged view.

use crate::case::{Suite, cases};
use crate::fixture::{Store, Tx, Verdict, b, show};
use ScanLimit::{Bytes, BytesOrCount, Count};
use kv_api::{Key, KeyRange, Result, ScanLimit, Val};

pub(crate) fn suite() -> Suite {
    Suite::new(
        "limits",
        cases![
            a_count_of_zero,
            a_count_of_one,
            a_count_of_all_and_more,
            zero_bytes,
            one_byte_takes_one_entry,
            the_entry_that_crosses_is_in,
            keys_charge_key_bytes,
            scans_charge_keys_and_values,
            entries_of_no_bytes_are_free,
            all_bytes_that_there_are,
            bytes_or_count_stops_at_either,
            bytes_or_count_of_zero,
            backward_limits_count_from_the_end,
            skip_comes_before_the_limit,
            skip_of_everything_and_more,
            skipped_entries_are_free,
            skip_counts_merged_entries,
            skip_ignores_deleted_entries,
            backward_skip_counts_from_the_end,
            limits_apply_to_own_writes,
            limits_apply_within_the_range,
            limits_of_long_values,
            paging_by_skip_covers_everything_once,
            every_limit_with_every_skip,
            every_limit_with_every_skip_backwards,
        ],
    )
}

async fn scan(tx: &Tx, limit: ScanLimit, skip: u32) -> Result<String> {
    Ok(show(&tx.scan(KeyRange::all(), limit, skip, None).await?))
}

async fn scan_back(tx: &Tx, limit: ScanLimit, skip: u32) -> Result<String> {
    Ok(show(&tx.scanr(KeyRange::all(), limit, skip, None).await?))
}

async fn a_count_of_zero(store: Store) -> Verdict {
    store.given("a=1 b=2").await?;
    let tx = store.read().await?;
    for skip in [0, 1, u32::MAX] {
        assert_eq!(scan(&tx, Count(0), skip).await?, "");
        assert_eq!(scan_back(&tx, Count(0), skip).await?, "");
        assert_eq!(tx.page(0, skip).await?, "");
        assert_eq!(tx.page_back(0, skip).await?, "");
    }
    Ok(())
}

async fn a_count_of_one(store: Store) -> Verdict {
    store.given("a=1 b=2 c=3").await?;
    let tx = store.read().await?;
    assert_eq!(scan(&tx, Count(1), 0).await?, "a=1");
    assert_eq!(scan_back(&tx, Count(1), 0).await?, "c=3");
    assert_eq!(tx.page(1, 0).await?, "a");
    assert_eq!(tx.page_back(1, 0).await?, "c");
    Ok(())
}

async fn a_count_of_all_and_more(store: Store) -> Verdict {
    store.given("a=1 b=2 c=3").await?;
    let tx = store.read().await?;
    for count in [3, 4, 1_000_000, u32::MAX] {
        assert_eq!(tx.page(count, 0).await?, "a b c");
        assert_eq!(tx.page_back(count, 0).await?, "c b a");
        assert_eq!(scan(&tx, Count(count), 0).await?, "a=1 b=2 c=3");
    }
    Ok(())
}

async fn zero_bytes(store: Store) -> Verdict {
    store.given("= a=1").await?;
    let tx = store.read().await?;
    assert_eq!(tx.page(Bytes(0), 0).await?, "");
    assert_eq!(tx.keys((..).into(), Bytes(0), 0, None).await?.len(), 0, "not the empty key either");
    assert_eq!(scan(&tx, Bytes(0), 0).await?, "");
    assert_eq!(scan_back(&tx, Bytes(0), 1).await?, "");
    Ok(())
}

async fn one_byte_takes_one_entry(store: Store) -> Verdict {
    store.given("aaaa=1111 bbbb=2222").await?;
    let tx = store.read().await?;
    assert_eq!(tx.page(Bytes(1), 0).await?, "aaaa");
    assert_eq!(scan(&tx, Bytes(1), 0).await?, "aaaa=1111");
    assert_eq!(scan_back(&tx, Bytes(1), 0).await?, "bbbb=2222");
    Ok(())
}

async fn the_entry_that_crosses_is_in(store: Store) -> Verdict {
    store.given("aa=11 bb=22 cc=33 dd=44").await?;
    let tx = store.read().await?;
    for (bytes, expected) in
        [(3, "aa=11"), (4, "aa=11"), (5, "aa=11 bb=22"), (8, "aa=11 bb=22"), (9, "aa=11 bb=22 cc=33")]
    {
        assert_eq!(scan(&tx, Bytes(bytes), 0).await?, expected, "{bytes} bytes");
    }
    Ok(())
}

async fn keys_charge_key_bytes(store: Store) -> Verdict {
    store.given("aa=1111111 bb=2222222 cc=3333333").await?;
    let tx = store.read().await?;
    for (bytes, expected) in [(1, "aa"), (2, "aa"), (3, "aa bb"), (4, "aa bb"), (5, "aa bb cc")] {
        assert_eq!(tx.page(Bytes(bytes), 0).await?, expected, "{bytes} bytes");
    }
    for (bytes, expected) in [(2, "cc"), (3, "cc bb"), (5, "cc bb aa")] {
        assert_eq!(tx.page_back(Bytes(bytes), 0).await?, expected, "{bytes} bytes");
    }
    Ok(())
}

async fn scans_charge_keys_and_values(store: Store) -> Verdict {
    store.given("a=12345 b= c=1").await?;
    let tx = store.read().await?;
    for (bytes, expected) in [(6, "a=12345"), (7, "a=12345 b="), (8, "a=12345 b= c=1")] {
        assert_eq!(scan(&tx, Bytes(bytes), 0).await?, expected, "{bytes} bytes");
    }
    for (bytes, expected) in [(2, "c=1"), (3, "c=1 b="), (4, "c=1 b= a=12345")] {
        assert_eq!(scan_back(&tx, Bytes(bytes), 0).await?, expected, "{bytes} bytes");
    }
    Ok(())
}

async fn entries_of_no_bytes_are_free(store: Store) -> Verdict {
    store.given("= a=").await?;
    let tx = store.read().await?;
    assert_eq!(scan(&tx, Bytes(1), 0).await?, "= a=", "the empty key with the empty value weighs nothing");
    assert_eq!(tx.keys((..).into(), Bytes(1), 0, None).await?.len(), 2);
    assert_eq!(scan(&tx, BytesOrCount(1, 1), 0).await?, "=");
    Ok(())
}

async fn all_bytes_that_there_are(store: Store) -> Verdict {
    store.given("a=1 b=2 c=3").await?;
    let tx = store.read().await?;
    assert_eq!(scan(&tx, Bytes(u32::MAX), 0).await?, "a=1 b=2 c=3");
    assert_eq!(scan(&tx, BytesOrCount(u32::MAX, u32::MAX), 0).await?, "a=1 b=2 c=3");
    assert_eq!(tx.page_back(Bytes(u32::MAX), 0).await?, "c b a");
    Ok(())
}

async fn bytes_or_count_stops_at_either(store: Store) -> Verdict {
    store.given("aa=11 bb=22 cc=33 dd=44").await?;
    let tx = store.read().await?;
    assert_eq!(scan(&tx, BytesOrCount(5, 100), 0).await?, "aa=11 bb=22");
    assert_eq!(scan(&tx, BytesOrCount(100, 3), 0).await?, "aa=11 bb=22 cc=33");
    assert_eq!(scan(&tx, BytesOrCount(5, 1), 0).await?, "aa=11");
    assert_eq!(tx.page(BytesOrCount(3, 100), 1).await?, "bb cc");
    assert_eq!(tx.page_back(BytesOrCount(3, 100), 0).await?, "dd cc");
    assert_eq!(tx.page_back(BytesOrCount(100, 1), 1).await?, "cc");
    Ok(())
}

async fn bytes_or_count_of_zero(store: Store) -> Verdict {
    store.given("= a=1").await?;
    let tx = store.read().await?;
    for limit in [BytesOrCount(0, 10), BytesOrCount(10, 0), BytesOrCount(0, 0)] {
        assert!(tx.scan((..).into(), limit, 0, None).await?.is_empty(), "{limit:?}");
        assert!(tx.keys((..).into(), limit, 0, None).await?.is_empty(), "{limit:?}");
        assert!(tx.keysr((..).into(), limit, 0, None).await?.is_empty(), "{limit:?}");
    }
    Ok(())
}

async fn backward_limits_count_from_the_end(store: Store) -> Verdict {
    store.given("a=1 b=2 c=3 d=4").await?;
    let tx = store.read().await?;
    assert_eq!(scan_back(&tx, Count(2), 0).await?, "d=4 c=3");
    assert_eq!(scan_back(&tx, Bytes(3), 0).await?, "d=4 c=3");
    assert_eq!(tx.keysr(("a".."d").into(), 2.into(), 0, None).await?, [b("c"), b("b")]);
    Ok(())
}

async fn skip_comes_before_the_limit(store: Store) -> Verdict {
    store.given("a=1 b=2 c=3 d=4").await?;
    let tx = store.read().await?;
    assert_eq!(tx.page(2, 1).await?, "b c");
    assert_eq!(tx.page(100, 3).await?, "d");
    assert_eq!(scan(&tx, Count(1), 2).await?, "c=3");
    Ok(())
}

async fn skip_of_everything_and_more(store: Store) -> Verdict {
    store.given("a=1 b=2 c=3").await?;
    let tx = store.read().await?;
    for skip in [3, 4, 1000, u32::MAX] {
        assert_eq!(tx.page(10, skip).await?, "");
        assert_eq!(tx.page_back(10, skip).await?, "");
        assert_eq!(scan(&tx, Bytes(10), skip).await?, "");
    }
    Ok(())
}

async fn skipped_entries_are_free(store: Store) -> Verdict {
    store.given("aaaaaaaaaa=1111111111 b=2 c=3 d=4").await?;
    let tx = store.read().await?;
    assert_eq!(scan(&tx, Bytes(3), 1).await?, "b=2 c=3");
    assert_eq!(tx.page(Bytes(2), 1).await?, "b c");
    assert_eq!(tx.page(BytesOrCount(100, 2), 1).await?, "b c");
    Ok(())
}

async fn skip_counts_merged_entries(store: Store) -> Verdict {
    store.given("b=1 d=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 c=2 d=2 e=2").await?;
    for (skip, expected) in ["a b", "b c", "c d", "d e", "e", ""].into_iter().enumerate() {
        assert_eq!(tx.page(2, skip as u32).await?, expected, "skip {skip}");
    }
    Ok(())
}

async fn skip_ignores_deleted_entries(store: Store) -> Verdict {
    store.given("a=1 b=1 c=1 d=1 e=1").await?;
    store.given("-b").await?;
    let tx = store.write().await?;
    tx.apply("-a -d").await?;
    assert_eq!(tx.page(10, 0).await?, "c e");
    assert_eq!(tx.page(10, 1).await?, "e");
    assert_eq!(tx.page_back(10, 1).await?, "c");
    assert_eq!(tx.page(10, 2).await?, "");
    Ok(())
}

async fn backward_skip_counts_from_the_end(store: Store) -> Verdict {
    store.given("b=1 d=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 c=2 d=2 e=2").await?;
    for (skip, expected) in ["e d", "d c", "c b", "b a", "a", ""].into_iter().enumerate() {
        assert_eq!(tx.page_back(2, skip as u32).await?, expected, "skip {skip}");
    }
    Ok(())
}

async fn limits_apply_to_own_writes(store: Store) -> Verdict {
    store.given("b=1").await?;
    let tx = store.write().await?;
    tx.apply("a=22222 b=22222 c=22222").await?;
    assert_eq!(scan(&tx, Count(2), 0).await?, "a=22222 b=22222");
    assert_eq!(scan(&tx, Bytes(6), 0).await?, "a=22222");
    assert_eq!(scan(&tx, Bytes(7), 0).await?, "a=22222 b=22222", "the pending value is what is charged");
    Ok(())
}

async fn limits_apply_within_the_range(store: Store) -> Verdict {
    store.given("a=1 b=2 c=3 d=4 e=5").await?;
    let tx = store.read().await?;
    let range = || KeyRange::from("b".."e");
    assert_eq!(show(&tx.scan(range(), 2.into(), 0, None).await?), "b=2 c=3");
    assert_eq!(show(&tx.scan(range(), 10.into(), 2, None).await?), "d=4");
    assert_eq!(show(&tx.scanr(range(), 2.into(), 1, None).await?), "c=3 b=2");
    assert_eq!(show(&tx.scan(range(), 10.into(), 3, None).await?), "");
    Ok(())
}

async fn limits_of_long_values(store: Store) -> Verdict {
    let tx = store.write().await?;
    for key in ["a", "b", "c", "d"] {
        tx.set(b(key), vec![b'v'; 99_999].into()).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    for (bytes, expected) in [(1, 1), (100_000, 1), (100_001, 2), (200_000, 2), (300_001, 4), (u32::MAX, 4)] {
        assert_eq!(tx.scan((..).into(), Bytes(bytes), 0, None).await?.len(), expected, "{bytes} bytes");
        assert_eq!(tx.scanr((..).into(), Bytes(bytes), 0, None).await?.len(), expected, "{bytes} bytes");
    }
    assert_eq!(tx.page(Bytes(3), 0).await?, "a b c");
    Ok(())
}

/// Stored rows, own writes over and between them, and deletes of both.
async fn layered(store: &Store) -> Result<Tx> {
    store.given("=0 a=1 bb=22 ccc=333 d=4 e=5").await?;
    let tx = store.write().await?;
    tx.apply("bb=2222 -d dd= f=6 -e").await?;
    Ok(tx)
}

/// What the rows of a whole scan say that a page of it is.
fn expected(rows: &[(Key, Val)], limit: ScanLimit, skip: u32, size: fn(&(Key, Val)) -> usize) -> Vec<(Key, Val)> {
    let (bytes, count) = match limit {
        Count(count) => (u32::MAX, count),
        Bytes(bytes) => (bytes, u32::MAX),
        BytesOrCount(bytes, count) => (bytes, count),
    };
    let mut sum = 0;
    let admits = |row: &&(Key, Val)| {
        let admitted = sum < bytes as usize;
        sum += size(row);
        admitted
    };
    rows.iter().skip(skip as usize).take(count as usize).take_while(admits).cloned().collect()
}

fn limits_to_combine() -> Vec<ScanLimit> {
    let sizes = [0, 1, 2, 3, 5, 8, 100];
    let both = sizes.iter().flat_map(|bytes| [0, 1, 2, 100].map(|count| BytesOrCount(*bytes, count)));
    sizes.iter().map(|size| Count(*size)).chain(sizes.iter().map(|size| Bytes(*size))).chain(both).collect()
}

async fn every_limit_with_every_skip(store: Store) -> Verdict {
    let tx = layered(&store).await?;
    let rows = tx.rows(..).await?;
    assert_eq!(show(&rows), "=0 a=1 bb=2222 ccc=333 dd= f=6");
    for limit in limits_to_combine() {
        for skip in 0..8 {
            let page = expected(&rows, limit, skip, |(key, val)| key.len() + val.len());
            assert_eq!(tx.scan((..).into(), limit, skip, None).await?, page, "{limit:?}, skip {skip}");
            let page = expected(&rows, limit, skip, |(key, _)| key.len());
            let keys: Vec<Key> = page.into_iter().map(|(key, _)| key).collect();
            assert_eq!(tx.keys((..).into(), limit, skip, None).await?, keys, "{limit:?}, skip {skip}");
        }
    }
    Ok(())
}

async fn every_limit_with_every_skip_backwards(store: Store) -> Verdict {
    let tx = layered(&store).await?;
    let mut rows = tx.rows(..).await?;
    rows.reverse();
    for limit in limits_to_combine() {
        for skip in 0..8 {
            let page = expected(&rows, limit, skip, |(key, val)| key.len() + val.len());
            assert_eq!(tx.scanr((..).into(), limit, skip, None).await?, page, "{limit:?}, skip {skip}");
            let page = expected(&rows, limit, skip, |(key, _)| key.len());
            let keys: Vec<Key> = page.into_iter().map(|(key, _)| key).collect();
            assert_eq!(tx.keysr((..).into(), limit, skip, None).await?, keys, "{limit:?}, skip {skip}");
        }
    }
    Ok(())
}

async fn paging_by_skip_covers_everything_once(store: Store) -> Verdict {
    let script: Vec<String> = (0..100).map(|n| format!("k{n:02}={n}")).collect();
    store.given(&script.join(" ")).await?;
    let tx = store.write().await?;
    tx.apply("-k10 -k20 k205=x k99=y").await?;
    let whole = tx.rows(..).await?;
    let mut paged = Vec::new();
    for page in 0..20 {
        paged.extend(tx.scan((..).into(), 7.into(), page * 7, None).await?);
    }
    assert_eq!(paged, whole);
    Ok(())
}
