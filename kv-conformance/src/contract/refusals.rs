//! Finished and read-only transactions refuse every method, and the checks have an order.

use crate::case::{Need, Suite, cases};
use crate::fixture::{Store, Tx, Verdict, Visit, b, filled, refuses};
use bytes::Bytes;
use kv_api::{Direction, Error, KeyRange, MAX_KEY_BYTES, MAX_VALUE_BYTES, Result, ScanLimit, Version};

pub(crate) fn suite() -> Suite {
    Suite::new(
        "refusals",
        cases![
            reads_of_a_committed_transaction,
            reads_of_a_cancelled_transaction,
            reads_of_a_finished_read_transaction,
            writes_of_a_committed_transaction,
            writes_of_a_cancelled_transaction,
            writes_of_a_read_transaction,
            writes_of_a_finished_read_transaction,
            a_read_transaction_goes_on_after_refusals,
            finished_comes_before_an_operations_own_error,
            readonly_comes_before_an_operations_own_error,
            a_key_of_the_greatest_size,
            a_key_that_is_too_long,
            a_value_that_is_too_long,
            a_batch_of_nothing,
        ],
    )
    .needing(Need::NoVersions, cases![unsupported_comes_before_finished])
    .needing(Need::Versions, cases![versioned_reads_of_a_finished_transaction])
}

/// Every read, at a version or not, with what it gave.
async fn reads(tx: &Tx, version: Option<Version>) -> Vec<(&'static str, Result<()>)> {
    let (all, limit) = (KeyRange::all(), ScanLimit::Count(5));
    vec![
        ("exists", tx.exists(b"a", version).await.map(drop)),
        ("get", tx.get(b"a", version).await.map(drop)),
        ("keys", tx.keys(all.clone(), limit, 0, version).await.map(drop)),
        ("keysr", tx.keysr(all.clone(), limit, 0, version).await.map(drop)),
        ("scan", tx.scan(all.clone(), limit, 0, version).await.map(drop)),
        ("scanr", tx.scanr(all.clone(), limit, 0, version).await.map(drop)),
        ("keys of nothing", tx.keys(("b".."a").into(), limit, 0, version).await.map(drop)),
        ("scan of nothing", tx.scan(all.clone(), 0.into(), 0, version).await.map(drop)),
        ("getm", tx.getm(vec![b("a"), b("b")], version).await.map(drop)),
        ("getm of nothing", tx.getm(vec![], version).await.map(drop)),
        ("getp", tx.getp(b("a"), version).await.map(drop)),
        ("getr", tx.getr(all.clone(), version).await.map(drop)),
        ("count", tx.count(all.clone(), version).await.map(drop)),
        ("batch_keys", tx.batch_keys(all.clone(), 5, version).await.map(drop)),
        ("batch_keys_vals", tx.batch_keys_vals(all.clone(), 5, version).await.map(drop)),
        ("batch_arrow", tx.batch_arrow(all.clone(), 5, version).await.map(drop)),
        ("visit", tx.visited(&Visit { version, ..Visit::of(all.clone(), Direction::Forward) }, 5).await.map(drop)),
        (
            "visit back",
            tx.visited(&Visit { version, ..Visit::of(all.clone(), Direction::Backward) }, 5).await.map(drop),
        ),
        (
            "visit of nothing",
            tx.visited(&Visit { version, ..Visit::of("b".."a", Direction::Forward) }, 5).await.map(drop),
        ),
        ("approximate_count", tx.approximate_count(all, version).await.map(drop)),
    ]
}

/// Every write and every operation on save points, with what it gave. The conditions of the writes do not hold
/// where `a` has the value 1.
pub(super) async fn writes(tx: &Tx) -> Vec<(&'static str, Result<()>)> {
    let (key, val) = (b("a"), b("2"));
    vec![
        ("set", tx.set(key.clone(), val.clone()).await),
        ("put", tx.put(key.clone(), val.clone()).await),
        ("putc", tx.putc(key.clone(), val.clone(), None).await),
        ("del", tx.del(key.clone()).await),
        ("setm", tx.setm(vec![(key.clone(), val.clone())]).await),
        ("setm of nothing", tx.setm(vec![]).await),
        ("delm", tx.delm(vec![key.clone()]).await),
        ("delm of nothing", tx.delm(vec![]).await),
        ("delc", tx.delc(key.clone(), None).await),
        ("replace", tx.replace(key.clone(), val.clone()).await),
        ("clr", tx.clr(key.clone()).await),
        ("clrc", tx.clrc(key.clone(), None).await),
        ("delp", tx.delp(key.clone()).await),
        ("delr", tx.delr(KeyRange::all()).await),
        ("delr of nothing", tx.delr(("b".."a").into()).await),
        ("clrp", tx.clrp(key).await),
        ("clrr", tx.clrr(KeyRange::all()).await),
        ("new_save_point", tx.new_save_point().await),
        ("release_last_save_point", tx.release_last_save_point().await),
        ("rollback_to_save_point", tx.rollback_to_save_point().await),
    ]
}

fn all_finished(answers: Vec<(&'static str, Result<()>)>) {
    for (method, answer) in answers {
        assert!(matches!(answer, Err(Error::TransactionFinished)), "{method} gives {answer:?}");
    }
}

pub(super) fn all_readonly(answers: Vec<(&'static str, Result<()>)>) {
    for (method, answer) in answers {
        assert!(matches!(answer, Err(Error::TransactionReadonly)), "{method} gives {answer:?}");
    }
}

async fn reads_of_a_committed_transaction(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.give("b", "1").await?;
    tx.commit().await?;
    all_finished(reads(&tx, None).await);
    refuses!(tx.timestamp().await, TransactionFinished);
    refuses!(tx.compact(None).await, TransactionFinished);
    refuses!(tx.split(KeyRange::all(), 2).await, TransactionFinished);
    refuses!(tx.getu(b"a").await, TransactionFinished);
    Ok(())
}

async fn reads_of_a_cancelled_transaction(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.give("b", "1").await?;
    tx.cancel().await?;
    all_finished(reads(&tx, None).await);
    refuses!(tx.timestamp().await, TransactionFinished);
    refuses!(tx.compact(None).await, TransactionFinished);
    refuses!(tx.split(KeyRange::all(), 2).await, TransactionFinished);
    refuses!(tx.getu(b"a").await, TransactionFinished);
    Ok(())
}

async fn reads_of_a_finished_read_transaction(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.read().await?;
    tx.cancel().await?;
    all_finished(reads(&tx, None).await);
    Ok(())
}

async fn writes_of_a_committed_transaction(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.new_save_point().await?;
    tx.commit().await?;
    all_finished(writes(&tx).await);
    store.holds("a=1").await?;
    Ok(())
}

async fn writes_of_a_cancelled_transaction(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.new_save_point().await?;
    tx.cancel().await?;
    all_finished(writes(&tx).await);
    store.holds("a=1").await?;
    Ok(())
}

async fn writes_of_a_read_transaction(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.read().await?;
    all_readonly(writes(&tx).await);
    store.holds("a=1").await?;
    Ok(())
}

async fn writes_of_a_finished_read_transaction(store: Store) -> Verdict {
    let tx = store.read().await?;
    tx.cancel().await?;
    all_finished(writes(&tx).await);
    Ok(())
}

async fn a_read_transaction_goes_on_after_refusals(store: Store) -> Verdict {
    store.given("a=1 b=2").await?;
    let tx = store.read().await?;
    all_readonly(writes(&tx).await);
    assert!(!tx.closed());
    assert_eq!(tx.all().await?, "a=1 b=2");
    Ok(())
}

async fn finished_comes_before_an_operations_own_error(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.cancel().await?;
    let key = Bytes::from(vec![0; MAX_KEY_BYTES + 1]);
    refuses!(tx.set(key.clone(), b("1")).await, TransactionFinished);
    refuses!(tx.setm(vec![(key.clone(), b("1"))]).await, TransactionFinished);
    refuses!(tx.delm(vec![key.clone()]).await, TransactionFinished);
    refuses!(tx.del(key).await, TransactionFinished);
    Ok(())
}

async fn readonly_comes_before_an_operations_own_error(store: Store) -> Verdict {
    let tx = store.read().await?;
    let key = Bytes::from(vec![0; MAX_KEY_BYTES + 1]);
    refuses!(tx.set(key.clone(), b("1")).await, TransactionReadonly);
    refuses!(tx.setm(vec![(key.clone(), b("1"))]).await, TransactionReadonly);
    refuses!(tx.delm(vec![key.clone()]).await, TransactionReadonly);
    refuses!(tx.del(key).await, TransactionReadonly);
    Ok(())
}

async fn a_key_of_the_greatest_size(store: Store) -> Verdict {
    let key = filled(MAX_KEY_BYTES, 1);
    let tx = store.write().await?;
    tx.set(key.clone(), b("1")).await?;
    tx.put(filled(MAX_KEY_BYTES, 2), b("2")).await?;
    tx.commit().await?;
    store.settle().await?;
    let tx = store.write().await?;
    assert_eq!(tx.get(&key, None).await?, Some(b("1")));
    assert_eq!(tx.rows(KeyRange::single(key.clone())).await?, [(key.clone(), b("1"))]);
    assert_eq!(tx.count((..).into(), None).await?, 2);
    let page = tx.batch_keys(KeyRange::all(), 1, None).await?;
    let rest = page.next.expect("there is a second key");
    assert_eq!(tx.count(rest, None).await?, 1);
    tx.del(key).await?;
    tx.commit().await?;
    store.settle().await?;
    assert_eq!(store.read().await?.count((..).into(), None).await?, 1);
    Ok(())
}

async fn a_key_that_is_too_long(store: Store) -> Verdict {
    let (key, val) = (Bytes::from(vec![b'k'; MAX_KEY_BYTES + 1]), b("1"));
    let tx = store.write().await?;
    tx.give("a", "1").await?;
    match tx.set(key.clone(), val.clone()).await {
        Err(Error::KeyTooLarge { size, limit }) => assert_eq!((size, limit), (MAX_KEY_BYTES + 1, MAX_KEY_BYTES)),
        other => panic!("{other:?}"),
    }
    refuses!(tx.put(key.clone(), val.clone()).await, KeyTooLarge);
    refuses!(tx.putc(key.clone(), val.clone(), None).await, KeyTooLarge);
    refuses!(tx.del(key.clone()).await, KeyTooLarge);
    refuses!(tx.delc(key.clone(), None).await, KeyTooLarge);
    refuses!(tx.replace(key.clone(), val).await, KeyTooLarge);
    refuses!(tx.clr(key.clone()).await, KeyTooLarge);
    refuses!(tx.clrc(key, None).await, KeyTooLarge);
    tx.commit().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn a_value_that_is_too_long(store: Store) -> Verdict {
    // Zeros straight from the system: the pages are never touched.
    let val = Bytes::from(vec![0; MAX_VALUE_BYTES + 1]);
    let tx = store.write().await?;
    tx.give("a", "1").await?;
    match tx.set(b("b"), val.clone()).await {
        Err(Error::ValueTooLarge { size, limit }) => assert_eq!((size, limit), (MAX_VALUE_BYTES + 1, MAX_VALUE_BYTES)),
        other => panic!("{:?}", other.map_err(|e| e.to_string())),
    }
    refuses!(tx.put(b("b"), val.clone()).await, ValueTooLarge);
    refuses!(tx.putc(b("b"), val.clone(), None).await, ValueTooLarge);
    refuses!(tx.replace(b("b"), val).await, ValueTooLarge);
    tx.commit().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn a_batch_of_nothing(store: Store) -> Verdict {
    let tx = store.read().await?;
    refuses!(tx.batch_keys(KeyRange::all(), 0, None).await, InvalidConfiguration);
    refuses!(tx.batch_keys_vals(KeyRange::all(), 0, None).await, InvalidConfiguration);
    refuses!(tx.batch_arrow(KeyRange::all(), 0, None).await, InvalidConfiguration);
    Ok(())
}

async fn unsupported_comes_before_finished(store: Store) -> Verdict {
    let tx = store.read().await?;
    tx.cancel().await?;
    for (method, answer) in reads(&tx, Some(1)).await {
        assert!(matches!(answer, Err(Error::UnsupportedVersionedQueries)), "{method} gives {answer:?}");
    }
    Ok(())
}

async fn versioned_reads_of_a_finished_transaction(store: Store) -> Verdict {
    let version = store.given("a=1").await?;
    let tx = store.write().await?;
    tx.commit().await?;
    all_finished(reads(&tx, Some(version)).await);
    all_finished(reads(&tx, Some(0)).await);
    all_finished(reads(&tx, Some(u64::MAX)).await);
    Ok(())
}
