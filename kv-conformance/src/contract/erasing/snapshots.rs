//! Who had begun before the clear goes on reading what was.

use super::{clear, finds};
use crate::case::{Case, cases};
use crate::fixture::{Store, Verdict, b};

pub(super) fn cases() -> Vec<Case> {
    cases![
        an_open_transaction_keeps_its_history,
        it_keeps_its_history_while_files_are_merged,
        a_transaction_sees_no_erasing_of_its_own,
        snapshots_around_two_clears,
    ]
}

async fn an_open_transaction_keeps_its_history(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    let second = store.given("a=2").await?;
    let before = store.read().await?;
    clear(&store, "a").await?;
    store.commit("a=4").await?;
    assert_eq!(before.all().await?, "a=2 b=1");
    finds(&before, first, "a=1 b=1").await?;
    finds(&before, second, "a=2 b=1").await?;
    finds(&before, u64::MAX, "a=2 b=1").await?;
    finds(&store.read().await?, second, "b=1").await?;
    Ok(())
}

async fn it_keeps_its_history_while_files_are_merged(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let second = store.given("a=2").await?;
    let before = store.read().await?;
    store.db().flush().await?;
    clear(&store, "a").await?;
    for _ in 0..2 {
        store.db().flush().await?;
        store.db().compact().await?;
        assert_eq!(before.all().await?, "a=2 b=1");
        // What the store prunes besides is its own affair.
        finds(&before, second, "a=2 b=1").await?;
        finds(&store.read().await?, store.version().await?, "b=1").await?;
    }
    drop(before);
    store.db().compact().await?;
    store.holds("b=1").await?;
    Ok(())
}

async fn a_transaction_sees_no_erasing_of_its_own(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.clr(b("a")).await?;
    assert_eq!(tx.all().await?, "b=1");
    finds(&tx, first, "a=1 b=1").await?;
    finds(&store.read().await?, first, "a=1 b=1").await?;
    tx.commit().await?;
    finds(&store.read().await?, first, "b=1").await?;
    Ok(())
}

async fn snapshots_around_two_clears(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    let before = store.read().await?;
    clear(&store, "a").await?;
    let third = store.commit("a=3").await?;
    let between = store.read().await?;
    clear(&store, "a").await?;
    store.db().flush().await?;
    let after = store.read().await?;
    finds(&before, first, "a=1 b=1").await?;
    finds(&between, first, "b=1").await?;
    finds(&between, third, "a=3 b=1").await?;
    finds(&after, first, "b=1").await?;
    finds(&after, third, "b=1").await?;
    Ok(())
}
