//! Save points whose operations are dropped: they have happened or not, and the stack agrees with the writes.

use super::polled::at_every_poll;
use crate::fixture::{Failure, Store, Tx, Verdict, polled};
use kv_api::{Error, Result};

/// A transaction with one save point open: `a` was 1 before it and is 2 since.
async fn scoped(store: &Store) -> Result<Tx> {
    let tx = store.write().await?;
    tx.apply("a=1").await?;
    tx.new_save_point().await?;
    tx.apply("a=2 b=2").await?;
    Ok(tx)
}

/// Rolls back. Whether a save point was open.
async fn rolls_back(tx: &Tx) -> Result<bool> {
    match tx.rollback_to_save_point().await {
        Ok(()) => Ok(true),
        Err(Error::NoSavePointPresent) => Ok(false),
        Err(other) => Err(other),
    }
}

/// Commits what the transaction shows, and looks.
async fn commits(store: &Store, tx: &Tx) -> Verdict {
    let shown = tx.all().await?;
    tx.commit().await?;
    assert_eq!(store.all().await?, shown, "the store holds something else than the transaction showed");
    store.commit("-a -b -c").await?;
    Ok(())
}

pub(super) async fn new_save_point(store: Store) -> Verdict {
    let store = &store;
    at_every_poll("new_save_point", 1, |dropped| async move {
        let tx = store.write().await?;
        tx.apply("a=1").await?;
        let completed = polled(dropped, tx.new_save_point()).await.transpose()?.is_some();
        tx.apply("b=2").await?;
        let opened = rolls_back(&tx).await?;
        assert!(opened || !completed, "the save point is not there");
        assert_eq!(tx.all().await?, if opened { "a=1" } else { "a=1 b=2" });
        commits(store, &tx).await?;
        Ok(completed)
    })
    .await
}

pub(super) async fn release(store: Store) -> Verdict {
    let store = &store;
    at_every_poll("release_last_save_point", 1, |dropped| async move {
        let tx = scoped(store).await?;
        let completed = polled(dropped, tx.release_last_save_point()).await.transpose()?.is_some();
        assert_eq!(tx.all().await?, "a=2 b=2");
        let open = rolls_back(&tx).await?;
        assert!(!(open && completed), "the save point is still there");
        assert_eq!(tx.all().await?, if open { "a=1" } else { "a=2 b=2" });
        commits(store, &tx).await?;
        Ok(completed)
    })
    .await
}

pub(super) async fn rollback(store: Store) -> Verdict {
    let store = &store;
    at_every_poll("rollback_to_save_point", 1, |dropped| async move {
        let tx = scoped(store).await?;
        let completed = polled(dropped, tx.rollback_to_save_point()).await.transpose()?.is_some();
        let shown = tx.all().await?;
        let open = rolls_back(&tx).await?;
        match (shown.as_str(), open) {
            ("a=1", false) => {}
            ("a=2 b=2", true) if !completed => assert_eq!(tx.all().await?, "a=1"),
            (shown, open) => {
                let state = if open { "open" } else { "closed" };
                return Err(Failure::new(format!("the save point is {state}, and the transaction shows '{shown}'")));
            }
        }
        tx.apply("c=3").await?;
        commits(store, &tx).await?;
        Ok(completed)
    })
    .await
}
