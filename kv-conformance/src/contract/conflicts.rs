//! The first committer of a key wins, whatever either did to the key.

use crate::case::{Suite, cases};
use crate::fixture::{Store, Tx, Verdict, b, refuses};
use kv_api::{Error, Result};

pub(crate) fn suite() -> Suite {
    Suite::new(
        "conflicts",
        cases![
            set_against_every_write,
            put_against_every_write,
            putc_against_every_write,
            del_against_every_write,
            delc_against_every_write,
            writes_of_a_missing_key_against_each_other,
            order_of_the_writes_does_not_matter,
            distinct_keys_never_conflict,
            neighbouring_keys_never_conflict,
            a_read_key_is_no_conflict_under_snapshot,
            a_transaction_does_not_conflict_with_earlier_ones,
            a_cancelled_writer_is_no_conflict,
            a_losing_writer_is_no_conflict,
            one_conflicting_key_among_many,
            a_conflict_leaves_nothing_behind,
            a_conflict_is_the_one_retryable_error,
            a_retry_succeeds,
            the_same_value_conflicts_too,
            a_delete_of_a_missing_key_conflicts_too,
            range_deletes_conflict_by_their_keys,
            an_old_transaction_conflicts_with_a_flushed_commit,
            only_one_of_many_commits,
        ],
    )
}

/// What a transaction can do to a key that has the value 1.
pub(super) const WRITES: [&str; 7] = ["set", "put after del", "putc", "del", "delc", "clr", "replace"];

pub(super) async fn act(tx: &Tx, write: &str, val: &str) -> Result<()> {
    let (key, one) = (b("k"), Some(b("1")));
    match write {
        "set" => tx.set(key, b(val)).await,
        "put after del" => {
            tx.del(key.clone()).await?;
            tx.put(key, b(val)).await
        }
        "putc" => tx.putc(key, b(val), one).await,
        "del" => tx.del(key).await,
        "delc" => tx.delc(key, one).await,
        "clr" => tx.clr(key).await,
        "replace" => tx.replace(key, b(val)).await,
        "getu" => tx.getu(&key).await.map(drop),
        other => panic!("{other}"),
    }
}

/// The second of two concurrent transactions on a key must fail, and leave what the first did.
async fn second_fails(store: &Store, first: &str, second: &str) -> Verdict {
    store.given("k=1 z=1").await?;
    let (winner, loser) = (store.write().await?, store.write().await?);
    act(&winner, first, "first").await?;
    act(&loser, second, "second").await?;
    loser.give("other", "second").await?;
    winner.commit().await?;
    let committed = store.all().await?;
    let outcome = loser.commit().await;
    assert!(matches!(outcome, Err(Error::TransactionConflict { .. })), "{first}, then {second}: {outcome:?}");
    assert_eq!(store.all().await?, committed, "{first}, then {second}");
    Ok(())
}

pub(super) async fn against_every_write(store: Store, second: &str) -> Verdict {
    for first in WRITES {
        second_fails(&store, first, second).await?;
    }
    Ok(())
}

async fn set_against_every_write(store: Store) -> Verdict {
    against_every_write(store, "set").await
}

async fn put_against_every_write(store: Store) -> Verdict {
    against_every_write(store, "put after del").await
}

async fn putc_against_every_write(store: Store) -> Verdict {
    against_every_write(store, "putc").await
}

async fn del_against_every_write(store: Store) -> Verdict {
    against_every_write(store, "del").await
}

async fn delc_against_every_write(store: Store) -> Verdict {
    against_every_write(store, "delc").await
}

async fn writes_of_a_missing_key_against_each_other(store: Store) -> Verdict {
    async fn create(tx: &Tx, write: usize) -> Result<()> {
        match write {
            0 => tx.set(b("k"), b("1")).await,
            1 => tx.put(b("k"), b("1")).await,
            2 => tx.putc(b("k"), b("1"), None).await,
            3 => tx.del(b("k")).await,
            _ => tx.delc(b("k"), None).await,
        }
    }
    for first in 0..5 {
        for second in 0..5 {
            store.commit("-k").await?;
            let (winner, loser) = (store.write().await?, store.write().await?);
            create(&loser, second).await?;
            create(&winner, first).await?;
            winner.commit().await?;
            let outcome = loser.commit().await;
            assert!(matches!(outcome, Err(Error::TransactionConflict { .. })), "{first} then {second}: {outcome:?}");
        }
    }
    Ok(())
}

async fn order_of_the_writes_does_not_matter(store: Store) -> Verdict {
    store.given("a=1").await?;
    let (early, late) = (store.write().await?, store.write().await?);
    early.give("a", "early").await?;
    late.give("a", "late").await?;
    late.commit().await?;
    refuses!(early.commit().await, TransactionConflict);
    store.holds("a=late").await?;
    Ok(())
}

async fn distinct_keys_never_conflict(store: Store) -> Verdict {
    store.given("a=1 b=1 c=1 d=1").await?;
    let txs = [store.write().await?, store.write().await?, store.write().await?, store.write().await?];
    for (tx, script) in txs.iter().zip(["a=2", "-b", "c=2 e=2", "d=2 -f"]) {
        tx.apply(script).await?;
    }
    for tx in &txs {
        tx.commit().await?;
    }
    store.holds("a=2 c=2 d=2 e=2").await?;
    Ok(())
}

async fn neighbouring_keys_never_conflict(store: Store) -> Verdict {
    let keys = ["", "\0", "a", "a\0", "a\0\0", "aa", "b"];
    let mut txs = Vec::new();
    for key in keys {
        let tx = store.write().await?;
        tx.give(key, "1").await?;
        txs.push(tx);
    }
    for tx in txs {
        tx.commit().await?;
    }
    assert_eq!(store.read().await?.count((..).into(), None).await?, keys.len() as u64);
    Ok(())
}

async fn a_read_key_is_no_conflict_under_snapshot(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    assert_eq!(tx.all().await?, "a=1 b=1");
    assert_eq!(tx.val("missing").await?, "-");
    tx.give("c", "1").await?;
    store.commit("a=2 -b missing=2").await?;
    tx.commit().await?;
    store.holds("a=2 c=1 missing=2").await?;
    Ok(())
}

async fn a_transaction_does_not_conflict_with_earlier_ones(store: Store) -> Verdict {
    for n in 0..30 {
        let tx = store.write().await?;
        tx.apply(&format!("a={n} b={n}")).await?;
        tx.commit().await?;
    }
    store.holds("a=29 b=29").await?;
    Ok(())
}

async fn a_cancelled_writer_is_no_conflict(store: Store) -> Verdict {
    let (cancelled, dropped, tx) = (store.write().await?, store.write().await?, store.write().await?);
    cancelled.give("a", "1").await?;
    dropped.give("a", "2").await?;
    tx.give("a", "3").await?;
    cancelled.cancel().await?;
    drop(dropped);
    tx.commit().await?;
    store.holds("a=3").await?;
    Ok(())
}

async fn a_losing_writer_is_no_conflict(store: Store) -> Verdict {
    let (loser, bystander) = (store.write().await?, store.write().await?);
    loser.apply("a=loser b=loser").await?;
    bystander.give("b", "bystander").await?;
    store.commit("a=winner").await?;
    refuses!(loser.commit().await, TransactionConflict);
    bystander.commit().await?;
    store.holds("a=winner b=bystander").await?;
    Ok(())
}

async fn one_conflicting_key_among_many(store: Store) -> Verdict {
    let tx = store.write().await?;
    for n in 0..500 {
        tx.give(&format!("k{n:03}"), "1").await?;
    }
    store.commit("k250=other x=1").await?;
    refuses!(tx.commit().await, TransactionConflict);
    store.holds("k250=other x=1").await?;
    Ok(())
}

async fn a_conflict_leaves_nothing_behind(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 -b c=2").await?;
    store.commit("a=3").await?;
    refuses!(tx.commit().await, TransactionConflict);
    store.commit("c=4").await?;
    store.holds("a=3 b=1 c=4").await?;
    Ok(())
}

async fn a_conflict_is_the_one_retryable_error(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    let refused = tx.put(b("a"), b("2")).await.expect_err("the key is there");
    assert!(!refused.is_retryable());
    tx.give("a", "2").await?;
    store.commit("a=3").await?;
    let conflict = tx.commit().await.expect_err("the key has changed");
    assert!(conflict.is_retryable(), "{conflict}");
    Ok(())
}

async fn a_retry_succeeds(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.give("a", "2").await?;
    store.commit("a=3").await?;
    refuses!(tx.commit().await, TransactionConflict);
    let again = store.write().await?;
    assert_eq!(again.val("a").await?, "3");
    again.give("a", "4").await?;
    again.commit().await?;
    store.holds("a=4").await?;
    Ok(())
}

async fn the_same_value_conflicts_too(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.give("a", "1").await?;
    store.commit("a=1").await?;
    refuses!(tx.commit().await, TransactionConflict);
    Ok(())
}

async fn a_delete_of_a_missing_key_conflicts_too(store: Store) -> Verdict {
    store.given("z=1").await?;
    let tx = store.write().await?;
    tx.apply("-a").await?;
    store.commit("a=1").await?;
    refuses!(tx.commit().await, TransactionConflict);
    let tx = store.write().await?;
    tx.give("b", "1").await?;
    store.commit("-b").await?;
    refuses!(tx.commit().await, TransactionConflict);
    store.holds("a=1 z=1").await?;
    Ok(())
}

async fn range_deletes_conflict_by_their_keys(store: Store) -> Verdict {
    store.given("a=1 b=1 c=1").await?;
    let (clash, apart) = (store.write().await?, store.write().await?);
    clash.delr(("a".."c").into()).await?;
    apart.delr(("c"..).into()).await?;
    store.commit("b=2").await?;
    refuses!(clash.commit().await, TransactionConflict);
    apart.commit().await?;
    store.holds("a=1 b=2").await?;
    Ok(())
}

async fn an_old_transaction_conflicts_with_a_flushed_commit(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let (clash, apart) = (store.write().await?, store.write().await?);
    clash.give("a", "old").await?;
    apart.give("b", "old").await?;
    for n in 0..5 {
        store.commit(&format!("a={n} c={n}")).await?;
        store.db().flush().await?;
    }
    store.db().compact().await?;
    refuses!(clash.commit().await, TransactionConflict);
    apart.commit().await?;
    store.holds("a=4 b=old c=4").await?;
    Ok(())
}

async fn only_one_of_many_commits(store: Store) -> Verdict {
    let mut txs = Vec::new();
    for n in 0..20 {
        let tx = store.write().await?;
        tx.give("a", &n.to_string()).await?;
        txs.push(tx);
    }
    for (n, tx) in txs.iter().enumerate() {
        match tx.commit().await {
            Ok(()) => assert_eq!(n, 0),
            Err(error) => assert!(error.is_retryable() && n > 0, "{n}: {error}"),
        }
    }
    store.holds("a=0").await?;
    Ok(())
}
