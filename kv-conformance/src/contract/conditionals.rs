//! `put`, `putc` and `delc`: each branch, and that a refused one changes nothing.

use crate::case::{Suite, cases};
use crate::fixture::{Store, Tx, Verdict, b, refuses};
use kv_api::Result;

pub(crate) fn suite() -> Suite {
    Suite::new(
        "conditionals",
        cases![
            putc_where_the_value_is_the_expected_one,
            putc_where_it_is_another,
            putc_of_a_missing_key_that_should_be_there,
            putc_of_a_missing_key_as_expected,
            putc_of_a_present_key_that_should_be_missing,
            delc_where_the_value_is_the_expected_one,
            delc_where_it_is_another,
            delc_of_a_missing_key_that_should_be_there,
            delc_of_a_missing_key_as_expected,
            delc_of_a_present_key_that_should_be_missing,
            values_are_compared_whole,
            putc_sees_own_writes,
            delc_sees_own_writes,
            refused_writes_leave_the_transaction_usable,
            refused_writes_leave_no_trace,
            replace_needs_no_value,
            clr_and_clrc_act_as_del_and_delc,
        ],
    )
}

async fn putc(tx: &Tx, key: &str, val: &str, chk: Option<&str>) -> Result<()> {
    tx.putc(b(key), b(val), chk.map(b)).await
}

async fn delc(tx: &Tx, key: &str, chk: Option<&str>) -> Result<()> {
    tx.delc(b(key), chk.map(b)).await
}

async fn putc_where_the_value_is_the_expected_one(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    putc(&tx, "a", "2", Some("1")).await?;
    assert_eq!(tx.val("a").await?, "2");
    tx.commit().await?;
    store.holds("a=2").await?;
    Ok(())
}

async fn putc_where_it_is_another(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    refuses!(putc(&tx, "a", "2", Some("2")).await, TransactionConditionNotMet);
    assert_eq!(tx.val("a").await?, "1");
    tx.commit().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn putc_of_a_missing_key_that_should_be_there(store: Store) -> Verdict {
    let tx = store.write().await?;
    refuses!(putc(&tx, "a", "2", Some("1")).await, TransactionConditionNotMet);
    refuses!(putc(&tx, "a", "2", Some("")).await, TransactionConditionNotMet);
    tx.commit().await?;
    store.holds("").await?;
    Ok(())
}

async fn putc_of_a_missing_key_as_expected(store: Store) -> Verdict {
    let tx = store.write().await?;
    putc(&tx, "a", "1", None).await?;
    tx.commit().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn putc_of_a_present_key_that_should_be_missing(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    refuses!(putc(&tx, "a", "2", None).await, TransactionConditionNotMet);
    tx.commit().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn delc_where_the_value_is_the_expected_one(store: Store) -> Verdict {
    store.given("a=1 b=2").await?;
    let tx = store.write().await?;
    delc(&tx, "a", Some("1")).await?;
    assert_eq!(tx.val("a").await?, "-");
    tx.commit().await?;
    store.holds("b=2").await?;
    Ok(())
}

async fn delc_where_it_is_another(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    refuses!(delc(&tx, "a", Some("2")).await, TransactionConditionNotMet);
    assert_eq!(tx.val("a").await?, "1");
    tx.commit().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn delc_of_a_missing_key_that_should_be_there(store: Store) -> Verdict {
    store.given("b=1").await?;
    let tx = store.write().await?;
    refuses!(delc(&tx, "a", Some("1")).await, TransactionConditionNotMet);
    refuses!(delc(&tx, "a", Some("")).await, TransactionConditionNotMet);
    tx.commit().await?;
    store.holds("b=1").await?;
    Ok(())
}

async fn delc_of_a_missing_key_as_expected(store: Store) -> Verdict {
    store.given("b=1").await?;
    let tx = store.write().await?;
    delc(&tx, "a", None).await?;
    tx.commit().await?;
    store.holds("b=1").await?;
    Ok(())
}

async fn delc_of_a_present_key_that_should_be_missing(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    refuses!(delc(&tx, "a", None).await, TransactionConditionNotMet);
    tx.commit().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn values_are_compared_whole(store: Store) -> Verdict {
    store.given("a=abc").await?;
    let tx = store.write().await?;
    for near in ["", "ab", "abcd", "abd", "\0abc", "abc\0"] {
        refuses!(putc(&tx, "a", "2", Some(near)).await, TransactionConditionNotMet);
        refuses!(delc(&tx, "a", Some(near)).await, TransactionConditionNotMet);
    }
    putc(&tx, "a", "2", Some("abc")).await?;
    Ok(())
}

async fn putc_sees_own_writes(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 -b c=1").await?;
    refuses!(putc(&tx, "a", "3", Some("1")).await, TransactionConditionNotMet);
    refuses!(putc(&tx, "b", "3", Some("1")).await, TransactionConditionNotMet);
    refuses!(putc(&tx, "c", "3", None).await, TransactionConditionNotMet);
    putc(&tx, "a", "3", Some("2")).await?;
    putc(&tx, "b", "3", None).await?;
    putc(&tx, "c", "3", Some("1")).await?;
    tx.commit().await?;
    store.holds("a=3 b=3 c=3").await?;
    Ok(())
}

async fn delc_sees_own_writes(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 -b c=1").await?;
    refuses!(delc(&tx, "a", Some("1")).await, TransactionConditionNotMet);
    refuses!(delc(&tx, "b", Some("1")).await, TransactionConditionNotMet);
    refuses!(delc(&tx, "c", None).await, TransactionConditionNotMet);
    delc(&tx, "a", Some("2")).await?;
    delc(&tx, "b", None).await?;
    delc(&tx, "c", Some("1")).await?;
    tx.commit().await?;
    store.holds("").await?;
    Ok(())
}

async fn refused_writes_leave_the_transaction_usable(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.give("b", "1").await?;
    refuses!(tx.put(b("a"), b("2")).await, TransactionKeyAlreadyExists);
    refuses!(putc(&tx, "a", "2", None).await, TransactionConditionNotMet);
    refuses!(delc(&tx, "a", None).await, TransactionConditionNotMet);
    assert!(!tx.closed());
    assert_eq!(tx.all().await?, "a=1 b=1");
    tx.give("c", "1").await?;
    tx.commit().await?;
    store.holds("a=1 b=1 c=1").await?;
    Ok(())
}

async fn refused_writes_leave_no_trace(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    refuses!(tx.put(b("a"), b("2")).await, TransactionKeyAlreadyExists);
    refuses!(putc(&tx, "a", "2", Some("3")).await, TransactionConditionNotMet);
    refuses!(delc(&tx, "a", Some("3")).await, TransactionConditionNotMet);
    tx.give("b", "1").await?;
    store.commit("a=9").await?;
    // Under snapshot isolation a refused write is not in the write set.
    tx.commit().await?;
    store.holds("a=9 b=1").await?;
    Ok(())
}

async fn replace_needs_no_value(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.replace(b("a"), b("2")).await?;
    tx.replace(b("b"), b("2")).await?;
    tx.commit().await?;
    store.holds("a=2 b=2").await?;
    Ok(())
}

async fn clr_and_clrc_act_as_del_and_delc(store: Store) -> Verdict {
    store.given("a=1 b=1 c=1").await?;
    let tx = store.write().await?;
    tx.clr(b("a")).await?;
    tx.clr(b("x")).await?;
    refuses!(tx.clrc(b("b"), Some(b("2"))).await, TransactionConditionNotMet);
    refuses!(tx.clrc(b("b"), None).await, TransactionConditionNotMet);
    tx.clrc(b("b"), Some(b("1"))).await?;
    tx.clrc(b("y"), None).await?;
    assert_eq!(tx.all().await?, "c=1");
    tx.commit().await?;
    store.holds("c=1").await?;
    Ok(())
}
