//! Transactions begin, finish, are dropped or forgotten.

use crate::case::{Suite, cases};
use crate::fixture::{Store, Verdict, b, refuses};

pub(crate) fn suite() -> Suite {
    Suite::new(
        "lifecycle",
        cases![
            kinds_are_told_apart,
            a_commit_finishes,
            a_cancel_finishes_and_discards,
            a_second_commit_is_refused,
            a_second_cancel_is_refused,
            cancel_after_commit_is_refused,
            commit_after_cancel_is_refused,
            a_conflicting_commit_finishes,
            a_commit_without_writes,
            a_commit_of_refused_writes_only,
            a_read_transaction_does_not_commit,
            a_read_transaction_can_be_cancelled,
            a_dropped_transaction_discards,
            a_leaked_transaction_blocks_nobody,
            many_transactions_are_open_at_once,
            finished_transactions_can_be_kept,
            a_committed_transaction_is_not_undone_by_its_drop,
        ],
    )
}

async fn kinds_are_told_apart(store: Store) -> Verdict {
    let (read, write) = (store.read().await?, store.write().await?);
    assert_eq!((read.writeable(), read.closed()), (false, false));
    assert_eq!((write.writeable(), write.closed()), (true, false));
    write.commit().await?;
    assert!(write.writeable(), "it was begun as one");
    Ok(())
}

async fn a_commit_finishes(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.give("a", "1").await?;
    tx.commit().await?;
    assert!(tx.closed());
    store.holds("a=1").await?;
    Ok(())
}

async fn a_cancel_finishes_and_discards(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 -b c=1").await?;
    tx.cancel().await?;
    assert!(tx.closed());
    store.holds("a=1 b=1").await?;
    Ok(())
}

async fn a_second_commit_is_refused(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.give("a", "1").await?;
    tx.commit().await?;
    refuses!(tx.commit().await, TransactionFinished);
    store.holds("a=1").await?;
    Ok(())
}

async fn a_second_cancel_is_refused(store: Store) -> Verdict {
    for tx in [store.read().await?, store.write().await?] {
        tx.cancel().await?;
        refuses!(tx.cancel().await, TransactionFinished);
    }
    Ok(())
}

async fn cancel_after_commit_is_refused(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.give("a", "1").await?;
    tx.commit().await?;
    refuses!(tx.cancel().await, TransactionFinished);
    store.holds("a=1").await?;
    Ok(())
}

async fn commit_after_cancel_is_refused(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.give("a", "1").await?;
    tx.cancel().await?;
    refuses!(tx.commit().await, TransactionFinished);
    store.holds("").await?;
    Ok(())
}

async fn a_conflicting_commit_finishes(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.give("a", "1").await?;
    store.commit("a=2").await?;
    refuses!(tx.commit().await, TransactionConflict);
    assert!(tx.closed());
    refuses!(tx.commit().await, TransactionFinished);
    refuses!(tx.cancel().await, TransactionFinished);
    refuses!(tx.get(b"a", None).await, TransactionFinished);
    Ok(())
}

async fn a_commit_without_writes(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    assert_eq!(tx.all().await?, "a=1");
    tx.commit().await?;
    assert!(tx.closed());
    store.write().await?.commit().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn a_commit_of_refused_writes_only(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    refuses!(tx.put(b("a"), b("2")).await, TransactionKeyAlreadyExists);
    tx.commit().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn a_read_transaction_does_not_commit(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.read().await?;
    refuses!(tx.commit().await, TransactionReadonly);
    assert!(tx.closed(), "any attempt finishes the transaction");
    refuses!(tx.get(b"a", None).await, TransactionFinished);
    refuses!(tx.commit().await, TransactionFinished);
    Ok(())
}

async fn a_read_transaction_can_be_cancelled(store: Store) -> Verdict {
    let tx = store.read().await?;
    tx.cancel().await?;
    assert!(tx.closed());
    refuses!(tx.commit().await, TransactionFinished);
    Ok(())
}

async fn a_dropped_transaction_discards(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 -b c=1").await?;
    tx.new_save_point().await?;
    tx.give("d", "1").await?;
    drop(tx);
    store.commit("a=3").await?;
    store.holds("a=3 b=1").await?;
    Ok(())
}

async fn a_leaked_transaction_blocks_nobody(store: Store) -> Verdict {
    store.given("a=1").await?;
    let (reader, writer) = (store.read().await?, store.write().await?);
    assert_eq!(reader.val("a").await?, "1");
    writer.give("a", "2").await?;
    std::mem::forget((reader, writer));
    for n in 3..20 {
        store.commit(&format!("a={n}")).await?;
    }
    store.db().flush().await?;
    store.db().compact().await?;
    store.holds("a=19").await?;
    Ok(())
}

async fn many_transactions_are_open_at_once(store: Store) -> Verdict {
    let mut open = Vec::new();
    for n in 0..100 {
        let tx = store.write().await?;
        tx.give(&format!("k{n:02}"), "1").await?;
        open.push((n, tx, store.read().await?));
    }
    for (n, tx, reader) in open {
        assert_eq!(reader.all().await?, "", "the snapshot is from before all commits");
        assert_eq!(tx.all().await?, format!("k{n:02}=1"));
        tx.commit().await?;
    }
    assert_eq!(store.read().await?.count((..).into(), None).await?, 100);
    Ok(())
}

async fn finished_transactions_can_be_kept(store: Store) -> Verdict {
    let mut kept = Vec::new();
    for n in 0..50 {
        let tx = store.write().await?;
        tx.give("a", &n.to_string()).await?;
        match n % 2 {
            0 => tx.commit().await?,
            _ => tx.cancel().await?,
        }
        kept.push(tx);
    }
    store.db().flush().await?;
    assert!(kept.iter().all(|tx| tx.closed()));
    store.holds("a=48").await?;
    Ok(())
}

async fn a_committed_transaction_is_not_undone_by_its_drop(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.give("a", "1").await?;
    tx.commit().await?;
    drop(tx);
    store.holds("a=1").await?;
    Ok(())
}
