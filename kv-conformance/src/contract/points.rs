//! Single keys.

use crate::case::{Suite, cases};
use crate::fixture::{Store, Verdict, b, refuses, show};
use bytes::Bytes;

pub(crate) fn suite() -> Suite {
    Suite::new(
        "points",
        cases![
            an_empty_store_has_nothing,
            a_missing_key_has_no_value,
            a_set_value_is_read,
            set_overwrites,
            set_to_the_same_value,
            del_takes_away,
            del_of_a_missing_key,
            a_deleted_key_can_come_back,
            put_gives_a_first_value,
            put_of_a_present_key_is_refused,
            put_sees_own_writes,
            the_last_write_of_a_transaction_counts,
            the_empty_key_is_a_key,
            the_empty_value_is_a_value,
            neighbours_do_not_mix,
            every_byte_is_a_key,
            binary_keys_sort_bytewise,
            binary_values_come_back_whole,
            a_key_overwritten_over_and_over,
            commits_add_up,
        ],
    )
}

async fn an_empty_store_has_nothing(store: Store) -> Verdict {
    store.holds("").await?;
    assert_eq!(store.read().await?.count((..).into(), None).await?, 0);
    Ok(())
}

async fn a_missing_key_has_no_value(store: Store) -> Verdict {
    store.given("a=1 c=3").await?;
    let tx = store.read().await?;
    for key in ["", "0", "b", "d", "a\0"] {
        assert_eq!(tx.val(key).await?, "-", "{key:?}");
        assert!(!tx.exists(key.as_bytes(), None).await?, "{key:?}");
    }
    Ok(())
}

async fn a_set_value_is_read(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.read().await?;
    assert_eq!(tx.get(b"a", None).await?, Some(b("1")));
    assert!(tx.exists(b"a", None).await?);
    Ok(())
}

async fn set_overwrites(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    store.given("a=2").await?;
    store.holds("a=2 b=1").await?;
    Ok(())
}

async fn set_to_the_same_value(store: Store) -> Verdict {
    store.given("a=1").await?;
    store.given("a=1").await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn del_takes_away(store: Store) -> Verdict {
    store.given("a=1 b=2 c=3").await?;
    store.given("-b").await?;
    store.holds("a=1 c=3").await?;
    assert!(!store.read().await?.exists(b"b", None).await?);
    Ok(())
}

async fn del_of_a_missing_key(store: Store) -> Verdict {
    store.given("-a").await?;
    store.given("b=2 -c").await?;
    store.holds("b=2").await?;
    Ok(())
}

async fn a_deleted_key_can_come_back(store: Store) -> Verdict {
    store.given("a=1").await?;
    store.given("-a").await?;
    let tx = store.write().await?;
    tx.put(b("a"), b("2")).await?;
    tx.commit().await?;
    store.holds("a=2").await?;
    Ok(())
}

async fn put_gives_a_first_value(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.put(b("a"), b("1")).await?;
    tx.commit().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn put_of_a_present_key_is_refused(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    refuses!(tx.put(b("a"), b("2")).await, TransactionKeyAlreadyExists);
    refuses!(tx.put(b("a"), b("1")).await, TransactionKeyAlreadyExists);
    assert_eq!(tx.val("a").await?, "1");
    tx.give("b", "2").await?;
    tx.commit().await?;
    store.holds("a=1 b=2").await?;
    Ok(())
}

async fn put_sees_own_writes(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.apply("-a b=1").await?;
    tx.put(b("a"), b("2")).await?;
    refuses!(tx.put(b("b"), b("2")).await, TransactionKeyAlreadyExists);
    refuses!(tx.put(b("a"), b("3")).await, TransactionKeyAlreadyExists);
    tx.commit().await?;
    store.holds("a=2 b=1").await?;
    Ok(())
}

async fn the_last_write_of_a_transaction_counts(store: Store) -> Verdict {
    store.given("c=0").await?;
    store.given("a=1 a=2 b=1 -b c=1 -c c=2 -d d=1 -d d=2").await?;
    store.holds("a=2 c=2 d=2").await?;
    Ok(())
}

async fn the_empty_key_is_a_key(store: Store) -> Verdict {
    store.given("=0 a=1").await?;
    store.holds("=0 a=1").await?;
    let tx = store.write().await?;
    assert!(tx.exists(b"", None).await?);
    refuses!(tx.put(Bytes::new(), b("1")).await, TransactionKeyAlreadyExists);
    tx.del(Bytes::new()).await?;
    tx.commit().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn the_empty_value_is_a_value(store: Store) -> Verdict {
    store.given("a= b=2").await?;
    let tx = store.write().await?;
    assert_eq!(tx.get(b"a", None).await?, Some(Bytes::new()));
    assert!(tx.exists(b"a", None).await?);
    refuses!(tx.put(b("a"), b("1")).await, TransactionKeyAlreadyExists);
    refuses!(tx.putc(b("a"), b("1"), None).await, TransactionConditionNotMet);
    refuses!(tx.delc(b("c"), Some(Bytes::new())).await, TransactionConditionNotMet);
    tx.putc(b("a"), Bytes::new(), Some(Bytes::new())).await?;
    tx.commit().await?;
    store.holds("a= b=2").await?;
    Ok(())
}

async fn neighbours_do_not_mix(store: Store) -> Verdict {
    let keys: [&[u8]; 8] = [b"", b"\0", b"\0\0", b"a", b"a\0", b"a\xff", b"aa", b"\xff"];
    for skipped in keys {
        let tx = store.write().await?;
        for key in keys {
            match key == skipped {
                true => tx.del(Bytes::from_static(key)).await?,
                false => tx.set(Bytes::from_static(key), Bytes::from_static(key)).await?,
            }
        }
        tx.commit().await?;
        store.settle().await?;
        let tx = store.read().await?;
        for key in keys {
            let expected = (key != skipped).then_some(Bytes::from_static(key));
            assert_eq!(tx.get(key, None).await?, expected, "{key:?} without {skipped:?}");
        }
    }
    Ok(())
}

async fn every_byte_is_a_key(store: Store) -> Verdict {
    let tx = store.write().await?;
    for byte in (0..=255).rev() {
        tx.set(vec![byte].into(), vec![byte, byte].into()).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let rows = store.read().await?.rows(..).await?;
    assert_eq!(rows.len(), 256);
    for (byte, (key, val)) in (0..=255).zip(rows) {
        assert_eq!((key.as_ref(), val.as_ref()), (&[byte][..], &[byte, byte][..]));
    }
    Ok(())
}

async fn binary_keys_sort_bytewise(store: Store) -> Verdict {
    let mut keys: Vec<&[u8]> =
        vec![b"\xff\xff", b"\x80", b"a", b"\x7f", b"B", b"\xff", b"ab", b"\0\xff", b"\0", b"", b"a\0b", b"\xff\0"];
    let tx = store.write().await?;
    for key in &keys {
        tx.set(Bytes::from_static(key), b("v")).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    keys.sort_unstable();
    let found = store.read().await?.keys((..).into(), 100.into(), 0, None).await?;
    assert_eq!(found, keys);
    Ok(())
}

async fn binary_values_come_back_whole(store: Store) -> Verdict {
    let vals = [vec![0], vec![0; 100], (0..=255).collect(), vec![255; 1000], b"\0\0a\0\0".to_vec()];
    let tx = store.write().await?;
    for (n, val) in vals.iter().enumerate() {
        tx.set(b(&format!("k{n}")), val.clone().into()).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    for (n, val) in vals.iter().enumerate() {
        assert_eq!(tx.get(format!("k{n}").as_bytes(), None).await?.as_deref(), Some(val.as_slice()));
    }
    assert_eq!(tx.rows(..).await?.len(), vals.len());
    Ok(())
}

async fn a_key_overwritten_over_and_over(store: Store) -> Verdict {
    store.given("a=0 z=0").await?;
    for n in 1..=200 {
        store.commit(&format!("m={n}")).await?;
        assert_eq!(store.all().await?, format!("a=0 m={n} z=0"));
    }
    store.holds("a=0 m=200 z=0").await?;
    Ok(())
}

async fn commits_add_up(store: Store) -> Verdict {
    let mut expected = Vec::new();
    for n in 0..60 {
        store.commit(&format!("k{n:02}={n}")).await?;
        if n % 20 == 10 {
            store.settle().await?;
        }
        expected.push((b(&format!("k{n:02}")), b(&n.to_string())));
    }
    store.holds(&show(&expected)).await?;
    Ok(())
}
