//! Large values, many keys, large transactions.

use crate::case::{Suite, cases};
use crate::fixture::{Store, Verdict, b, filled};
use kv_api::{KeyRange, ScanLimit, Val};

pub(crate) fn suite() -> Suite {
    Suite::new(
        "large",
        cases![
            a_value_of_1_mib,
            a_value_of_8_mib,
            values_of_many_sizes,
            a_large_value_replaced_by_a_small_one,
            large_values_between_small_ones,
            ten_thousand_keys,
            ten_thousand_keys_overwritten_and_deleted,
            a_transaction_of_many_large_values,
            long_keys_with_a_shared_prefix,
        ],
    )
}

async fn comes_back(store: &Store, val: Val) -> Verdict {
    let tx = store.write().await?;
    tx.set(b("large"), val.clone()).await?;
    assert_eq!(tx.get(b"large", None).await?.as_ref(), Some(&val));
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    // Not `assert_eq`: the message would be the value.
    assert!(tx.get(b"large", None).await?.as_ref() == Some(&val));
    let rows = tx.rows(..).await?;
    assert!(rows.len() == 1 && rows[0].1 == val);
    assert_eq!(tx.keys(KeyRange::all(), 9.into(), 0, None).await?, [b("large")]);
    Ok(())
}

async fn a_value_of_1_mib(store: Store) -> Verdict {
    comes_back(&store, filled(1 << 20, 1)).await
}

async fn a_value_of_8_mib(store: Store) -> Verdict {
    comes_back(&store, filled(8 << 20, 2)).await
}

async fn values_of_many_sizes(store: Store) -> Verdict {
    let sizes: Vec<usize> = (0..18).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 1]).collect();
    let tx = store.write().await?;
    for size in &sizes {
        tx.set(b(&format!("{size:06}")), filled(*size, 3)).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    for size in &sizes {
        let val = tx.get(format!("{size:06}").as_bytes(), None).await?;
        assert!(val == Some(filled(*size, 3)), "{size} bytes");
    }
    for (key, val) in tx.rows(..).await? {
        assert!(key == format!("{:06}", val.len()) && val == filled(val.len(), 3));
    }
    Ok(())
}

async fn a_large_value_replaced_by_a_small_one(store: Store) -> Verdict {
    comes_back(&store, filled(1 << 20, 4)).await?;
    store.given("large=small").await?;
    store.holds("large=small").await?;
    store.given("-large").await?;
    store.holds("").await?;
    Ok(())
}

async fn large_values_between_small_ones(store: Store) -> Verdict {
    let size = |n: usize| if n % 10 == 5 { 300_000 } else { n };
    let tx = store.write().await?;
    for n in 0..60 {
        tx.set(b(&format!("k{n:02}")), filled(size(n), n as u64)).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    let rows = tx.rows(..).await?;
    assert_eq!(rows.len(), 60);
    for (n, (key, val)) in rows.iter().enumerate() {
        assert!(*key == format!("k{n:02}") && *val == filled(size(n), n as u64), "{n}");
    }
    assert_eq!(tx.scan((..).into(), ScanLimit::Bytes(100_000), 0, None).await?.len(), 6);
    Ok(())
}

async fn ten_thousand_keys(store: Store) -> Verdict {
    let tx = store.write().await?;
    for n in 0..10_000 {
        tx.set(b(&format!("key{:05}", (n * 7919) % 10_000)), b(&n.to_string())).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    assert_eq!(tx.count(KeyRange::all(), None).await?, 10_000);
    let rows = tx.rows(..).await?;
    assert_eq!(rows.len(), 10_000);
    assert!(rows.iter().enumerate().all(|(n, (key, _))| *key == format!("key{n:05}")));
    for n in (0..10_000).step_by(997) {
        assert_eq!(tx.val(&format!("key{:05}", (n * 7919) % 10_000)).await?, n.to_string());
    }
    let middle = tx.keys(("key05000"..).into(), 2.into(), 0, None).await?;
    assert_eq!(middle, [b("key05000"), b("key05001")]);
    assert_eq!(tx.keysr(KeyRange::all(), 1.into(), 9_999, None).await?, [b("key00000")]);
    Ok(())
}

async fn ten_thousand_keys_overwritten_and_deleted(store: Store) -> Verdict {
    for round in 0..3 {
        let tx = store.write().await?;
        for n in (0..10_000).filter(|n| n % (round + 1) == 0) {
            tx.give(&format!("key{n:05}"), &round.to_string()).await?;
        }
        tx.commit().await?;
        store.settle().await?;
    }
    let tx = store.write().await?;
    for n in (0..10_000).step_by(5) {
        tx.del(b(&format!("key{n:05}"))).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    let rows = tx.rows(..).await?;
    assert_eq!(rows.len(), 8_000);
    for (key, val) in rows {
        let n: usize = std::str::from_utf8(&key[3..])?.parse()?;
        let round = [3, 2, 1].into_iter().find(|step| n.is_multiple_of(*step)).map_or(0, |step| step - 1);
        assert_eq!(val, round.to_string(), "{n}");
    }
    Ok(())
}

async fn a_transaction_of_many_large_values(store: Store) -> Verdict {
    let tx = store.write().await?;
    for n in 0..16 {
        tx.set(b(&format!("k{n:02}")), filled(1 << 20, n)).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    for n in 0..16 {
        assert!(tx.get(format!("k{n:02}").as_bytes(), None).await? == Some(filled(1 << 20, n)), "{n}");
    }
    Ok(())
}

async fn long_keys_with_a_shared_prefix(store: Store) -> Verdict {
    let key = |n: usize| b(&format!("{}{n:04}", "p".repeat(5_000)));
    let tx = store.write().await?;
    for n in 0..200 {
        tx.set(key(n), b(&n.to_string())).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    for n in [0, 1, 99, 150, 199] {
        assert_eq!(tx.get(&key(n), None).await?, Some(b(&n.to_string())));
    }
    assert_eq!(tx.get(&key(200), None).await?, None);
    let keys = tx.keys((key(50)..key(60)).into(), 100.into(), 0, None).await?;
    assert_eq!(keys, (50..60).map(key).collect::<Vec<_>>());
    assert_eq!(tx.keysr(KeyRange::all(), ScanLimit::Bytes(5_005), 0, None).await?, [key(199), key(198)]);
    Ok(())
}
