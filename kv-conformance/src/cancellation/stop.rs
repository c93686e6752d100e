//! Shutdowns that are dropped: the next one ends, and nothing is lost.

use super::polled::at_every_poll;
use crate::backend::Backend;
use crate::case::limited;
use crate::fixture::{Drop, Failure, Store, Verdict, polled, refuses};
use kv_api::TransactionOptions;

/// A shutdown that is dropped, then another that is not.
pub(super) fn shutdown(backend: &Backend) -> Verdict {
    let owned = backend.clone();
    limited(backend.timeout, async move {
        let backend = &owned;
        at_every_poll("shutdown", 2, |dropped| async move {
            let store = filled(backend).await?;
            let db = store.db();
            let completed = polled(dropped, db.shutdown()).await.transpose()?.is_some();
            db.shutdown().await?;
            refuses!(db.begin(TransactionOptions::read()).await, StoreClosed);
            drop(db);
            if store.persistent() {
                store.drop_and_open().await?;
                found(&store).await?;
                store.db().shutdown().await?;
            }
            Ok(completed)
        })
        .await
    })
}

/// A shutdown that is dropped, and then the store.
pub(super) fn shutdown_and_drop(backend: &Backend) -> Verdict {
    let owned = backend.clone();
    limited(backend.timeout, async move {
        let backend = &owned;
        at_every_poll("shutdown, then drop", 2, |dropped: Drop| async move {
            let store = filled(backend).await?;
            let completed = polled(dropped, store.db().shutdown()).await.transpose()?.is_some();
            store.drop_and_open().await?;
            found(&store).await?;
            store.db().shutdown().await?;
            Ok(completed)
        })
        .await
    })
}

async fn filled(backend: &Backend) -> Result<Store, Failure> {
    let store = Store::open(backend).await?;
    store.commit("a=1 b=1").await?;
    store.db().flush().await?;
    store.commit("b=2 c=2").await?;
    Ok(store)
}

async fn found(store: &Store) -> Verdict {
    assert_eq!(store.all().await?, "a=1 b=2 c=2");
    Ok(())
}
